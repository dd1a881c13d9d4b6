"""Every alteration does what its name says, and what it says of itself is true of the samples."""

import shutil
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.alterations import (
    ALTERATIONS,
    Alteration,
    AlterationError,
    NotAlterableError,
    Samples,
    equalised,
    level,
    reverberated,
    shifted,
)
from benchmarks.speech import SpeakerMissingError, speech
from tests.songs import song

RATE = 44100
SECONDS = 3
BY_NAME = {alteration.name: alteration for alteration in ALTERATIONS}
STRETCHED = {"pitch", "tempo", "pitch and tempo"}
DROWNED = {"music under", "voice over", "karaoke"}  # the original is not the loudest in the copy
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng not installed")


class Songs:
    """Other material without files or programs; the "speech" is a song too."""

    def music(self, seconds: float, rng: np.random.Generator) -> Samples:
        return 0.1 * song(int(rng.integers(100, 200)), seconds, RATE)[None]

    def speech(self, seconds: float, rng: np.random.Generator) -> Samples:
        return 0.3 * song(int(rng.integers(200, 300)), seconds, RATE)[None]


@pytest.fixture(scope="module")
def music() -> Samples:
    """Two different songs, both mostly in the middle."""
    one, two = song(1, SECONDS, RATE), song(2, SECONDS, RATE)
    return 0.5 * np.stack([one + two / 2, one - two / 3])


def altered(name: str, samples: Samples, seed: int = 0) -> Samples:
    return BY_NAME[name].apply(samples, RATE, np.random.default_rng(seed), Songs())


def sine(hertz: float, seconds: float = 2.0, peak: float = 0.5) -> Samples:
    wave = peak * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def loudest_hertz(samples: Samples) -> float:
    middle = samples.mean(axis=0)[RATE // 10 : -RATE // 10]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size), 1 << 19))
    return float(spectrum.argmax() * RATE / (1 << 19))


def semitones(samples: Samples, hertz: float) -> float:
    return 12 * float(np.log2(loudest_hertz(samples) / hertz))


def lag_seconds(copy: Samples, original: Samples) -> float:
    """Where the cross-correlation peaks, in either polarity; positive if the copy is late."""
    size = 1 << 19
    spectra = [np.fft.rfft(each.mean(axis=0), size) for each in (copy, original)]
    peak = int(np.abs(np.fft.irfft(spectra[0] * spectra[1].conj())).argmax())
    return (peak - size if peak > size // 2 else peak) / RATE


def decibels_over_rest(copy: Samples, original: Samples) -> float:
    """Level of the original within the copy over that of everything else in it."""
    heard, known = copy.mean(axis=0, dtype=float), original.mean(axis=0, dtype=float)
    kept = known * (heard @ known) / (known @ known)
    return 10 * float(np.log10(np.sum(kept**2) / np.sum((heard - kept) ** 2)))


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(ALTERATIONS) > 0


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda each: each.name)
class TestEvery:
    def test_copy_is_as_long_as_its_tempo_says(
        self, alteration: Alteration, music: Samples
    ) -> None:
        copy = altered(alteration.name, music)
        assert copy.dtype == np.float32
        assert copy.ndim == 2
        assert len(copy) in (1, 2)
        assert np.isfinite(copy).all()
        assert 0.01 < np.abs(copy).max() <= 1
        assert copy.shape[1] / RATE == pytest.approx(SECONDS / alteration.tempo_ratio, abs=0.06)

    def test_same_generator_gives_same_copy_and_leaves_the_original(
        self, alteration: Alteration, music: Samples
    ) -> None:
        before = music.copy()
        again = altered(alteration.name, music)
        assert np.array_equal(altered(alteration.name, music), again)
        assert np.array_equal(music, before)

    def test_mono_is_altered_too(self, alteration: Alteration, music: Samples) -> None:
        if alteration.family == "karaoke":
            pytest.skip("mono has no sides")
        copy = altered(alteration.name, music[:1, :RATE])
        assert copy.shape[1] / RATE == pytest.approx(1 / alteration.tempo_ratio, abs=0.06)


@pytest.mark.parametrize(
    "alteration",
    [each for each in ALTERATIONS if each.family not in STRETCHED | DROWNED | {"speed"}],
    ids=lambda each: each.name,
)
def test_copy_in_tempo_and_key_is_not_late(alteration: Alteration, music: Samples) -> None:
    assert abs(lag_seconds(altered(alteration.name, music), music)) < 0.003


@pytest.mark.parametrize(
    "alteration",
    [each for each in ALTERATIONS if each.family in STRETCHED | {"speed"}],
    ids=lambda each: each.name,
)
class TestShifted:
    def test_a_sine_changes_pitch_as_said(self, alteration: Alteration) -> None:
        copy = altered(alteration.name, sine(440))
        assert semitones(copy, 440) == pytest.approx(alteration.pitch_semitones, abs=0.05)

    def test_onsets_lie_where_the_tempo_puts_them(self, alteration: Alteration) -> None:
        starts = np.arange(0.4, 3.6, 0.7)
        bursts = np.zeros((2, 4 * RATE), np.float32)
        for start in starts:
            at = int(start * RATE)
            bursts[:, at : at + RATE // 5] = sine(300 + 200 * start, 0.2)
        copy = altered(alteration.name, bursts)
        tolerance = 0.003 if alteration.family == "speed" else 0.03
        for expected in starts / alteration.tempo_ratio:
            low = int((expected - 0.12) * RATE)
            around = np.abs(copy[0, low : int((expected + 0.12) * RATE)])
            onset = (low + np.argmax(around > 0.3 * around.max())) / RATE
            assert onset == pytest.approx(expected, abs=tolerance)


@settings(max_examples=20, deadline=None)
@given(pitch=st.floats(-4, 4), tempo=st.floats(0.8, 1.25))
def test_any_pitch_goes_with_any_tempo(pitch: float, tempo: float) -> None:
    copy = shifted(sine(440, 1), RATE, pitch, tempo)
    assert copy.shape[1] / RATE == pytest.approx(1 / tempo, abs=0.06)
    assert semitones(copy, 440) == pytest.approx(pitch, abs=0.1)


@pytest.mark.parametrize("ratio", [0.8, 0.95, 1.05, 1.25])
def test_speed_raises_pitch_with_tempo(ratio: float) -> None:
    speed = BY_NAME[f"speed {ratio:g}"]
    assert speed.tempo_ratio == ratio
    assert speed.pitch_semitones == pytest.approx(12 * np.log2(ratio))


def test_clean_copy_is_the_original(music: Samples) -> None:
    assert np.array_equal(altered("clean", music), music)


@pytest.mark.parametrize(
    ("name", "channels", "least", "most"),
    [
        ("mp3 64k stereo", 2, 10, 40),
        ("mp3 32k mono", 1, 10, 40),
        ("opus 48k", 2, 3, 40),
        ("aac 64k", 2, 10, 40),
    ],
)
def test_codec_loses_something_but_not_the_music(
    music: Samples, name: str, channels: int, least: float, most: float
) -> None:
    copy = altered(name, music)
    assert len(copy) == channels
    assert least < decibels_over_rest(copy, music) < most


@pytest.mark.parametrize("decibels", [10, 5, 0])
def test_noise_lies_as_far_below_the_music_as_said(music: Samples, decibels: int) -> None:
    copy = altered(f"pink noise {decibels} dB", music)
    assert decibels_over_rest(copy, music) == pytest.approx(decibels, abs=0.2)


def test_noise_is_pink(music: Samples) -> None:
    noise = altered("pink noise 10 dB", music) - music
    power = np.abs(np.fft.rfft(noise[0])) ** 2
    octaves = [
        power[int(low * SECONDS) : int(2 * low * SECONDS)].sum() for low in (250, 1000, 4000)
    ]
    assert np.ptp(10 * np.log10(octaves)) < 1


@pytest.mark.parametrize(
    ("name", "decibels"), [("music under 6 dB", 6), ("music under 0 dB", 0), ("voice over", -3)]
)
def test_other_material_is_mixed_at_its_level(music: Samples, name: str, decibels: float) -> None:
    assert decibels_over_rest(altered(name, music), music) == pytest.approx(decibels, abs=1)


def test_loud_mix_is_turned_down_not_clipped() -> None:
    loud = sine(440, peak=0.99)
    copy = altered("pink noise 0 dB", loud)
    assert np.abs(copy).max() == pytest.approx(1, abs=1e-3)
    assert decibels_over_rest(copy, loud) == pytest.approx(0, abs=0.2)


def test_equaliser_bends_the_spectrum_by_at_most_nine_decibels() -> None:
    impulse = np.zeros((1, RATE), np.float32)
    impulse[0, RATE // 2] = 0.1
    curve = 20 * np.log10(
        np.abs(np.fft.rfft(equalised(impulse, RATE, np.random.default_rng(4)))) / 0.1
    )
    assert np.abs(curve[0, 40:16000]).max() < 9.2
    assert np.ptp(curve[0, 40:16000]) > 6
    sixths = curve[0, (60 * 2 ** np.arange(0, 8, 1 / 6)).astype(int)]  # of an octave
    assert np.abs(np.diff(sixths)).max() < 6


@pytest.mark.parametrize(
    ("hertz", "kept"), [(100, False), (1000, True), (3000, True), (5000, False)]
)
def test_phone_carries_the_voice_band_only(hertz: float, kept: bool) -> None:
    copy = altered("phone", sine(hertz))
    change = 20 * np.log10(level(copy) / level(sine(hertz)))
    assert len(copy) == 1
    assert change > -2 if kept else change < -20


def test_compression_flattens_loud_and_quiet_and_clips() -> None:
    noise = 0.2 * np.random.default_rng(0).standard_normal((2, 2 * RATE)).astype(np.float32)
    noise[:, RATE:] *= 0.1
    copy = altered("compression", noise)
    loud, quiet = level(copy[:, RATE // 2 : RATE]), level(copy[:, -RATE // 2 :])
    assert 20 * np.log10(loud / quiet) < 8
    assert 0.002 < np.mean(np.abs(copy) == 1) < 0.2


def test_reverb_decays_by_sixty_decibels_in_its_time() -> None:
    impulse = np.zeros((2, 2 * RATE), np.float32)
    impulse[:, 0] = 0.5
    tail = reverberated(impulse, RATE, np.random.default_rng(0))[:, 1:]
    energy = np.cumsum(tail[0, ::-1].astype(float) ** 2)[::-1]  # Schroeder's backward integral
    decay = 10 * np.log10(energy[: RATE // 2] / energy[0])
    slope = np.polyfit(np.arange(decay.size) / RATE, decay, 1)[0]
    assert -60 / slope == pytest.approx(1.2, abs=0.1)
    assert not np.array_equal(tail[0], tail[1])


def test_karaoke_removes_the_middle_and_keeps_the_sides() -> None:
    sides = sine(330) * np.array([[1], [-1]], np.float32)
    copy = altered("karaoke", sine(440) + 0.3 * sides)
    assert len(copy) == 1
    assert loudest_hertz(copy) == pytest.approx(330, abs=1)
    assert np.abs(np.fft.rfft(copy[0])[880]) < 1e-3 * np.abs(np.fft.rfft(copy[0])[660])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("karaoke", lambda: sine(440)[:1]),
        ("karaoke", lambda: sine(440) * np.array([[1], [0.985]], np.float32)),
        ("compression", lambda: np.zeros((2, RATE), np.float32)),
        ("pink noise 5 dB", lambda: np.zeros((2, RATE), np.float32)),
    ],
    ids=["mono", "nearly mono", "silence compressed", "silence in noise"],
)
def test_what_cannot_be_altered_says_so(name: str, make: Callable[[], Samples]) -> None:
    with pytest.raises(NotAlterableError, match="excerpt"):
        altered(name, make())


def test_side_just_wide_enough_is_taken() -> None:
    copy = altered("karaoke", sine(440) * np.array([[1], [0.97]], np.float32))
    assert level(copy) == pytest.approx(level(sine(440)), rel=0.03)


@needs_espeak
def test_speech_is_as_long_as_asked_and_differs_by_seed() -> None:
    spoken = [speech(2.5, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert spoken[0].shape == (1, round(2.5 * RATE))
    assert spoken[0].dtype == np.float32
    assert level(spoken[0]) > 0.01
    assert np.array_equal(spoken[0], spoken[1])
    assert not np.array_equal(spoken[0], spoken[2])


def test_missing_speaker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SpeakerMissingError, match="apt-get install espeak-ng"):
        speech(1, np.random.default_rng(0))
    assert issubclass(SpeakerMissingError, AlterationError)
