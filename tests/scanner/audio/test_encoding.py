"""Delivery files hold the sound they were made of."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.audio import AudioError, Decoder, encoding
from tests.songs import RATE, song

STEP = 2.0**-23


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as decoder:
        yield decoder


@pytest.mark.parametrize("form", [encoding.WAV, encoding.FLAC], ids=lambda form: form.name)
@settings(max_examples=15)
@given(
    channels=st.integers(1, 8),
    rate=st.sampled_from([8000, 44100, 48000, 96000]),
    count=st.integers(2000, 70_000),
    seed=st.integers(0, 99),
)
def test_a_lossless_file_holds_every_sample_to_24_bits(
    decoder, tmp_path_factory, form, channels, rate, count, seed
) -> None:
    path = tmp_path_factory.mktemp("encoded") / "sound"
    random = np.random.default_rng(seed)
    samples = random.uniform(-1, 1 - STEP, (channels, count)).astype(np.float32)

    encoding.encode(samples, rate, path, form)
    decoded = decoder.decode(path)

    assert decoded.sample_rate == rate
    assert decoded.samples.shape == samples.shape
    assert np.abs(decoded.samples - samples).max() <= STEP
    assert encoding.lossless_form_of(path) is form


@pytest.mark.parametrize("form", [encoding.MP3, encoding.M4A], ids=lambda form: form.name)
@pytest.mark.parametrize("rate", [22050, 44100, 96000])
def test_a_lossy_file_lasts_as_long_and_is_as_loud(decoder, tmp_path: Path, form, rate) -> None:
    samples = np.stack(
        [
            np.interp(np.arange(5 * rate) / rate, np.arange(5 * RATE) / RATE, song(s, 5))
            for s in (1, 2)
        ]
    )
    path = tmp_path / f"sound.{form.name}"

    encoding.encode(samples.astype(np.float32), rate, path, form, 96_000)
    decoded = decoder.decode(path)

    assert decoded.channels == 2
    assert decoded.duration == pytest.approx(5, abs=0.15)
    assert np.std(decoded.samples) == pytest.approx(np.std(samples), rel=0.1)
    assert path.stat().st_size < 120_000
    assert encoding.form_of(path) is form


def test_what_a_form_can_not_hold_is_refused_with_another_to_choose(tmp_path: Path) -> None:
    surround = np.zeros((6, 9000), np.float32)
    with pytest.raises(AudioError, match="choose flac or wav"):
        encoding.encode(surround, 44100, tmp_path / "a.mp3", encoding.MP3)
    with pytest.raises(AudioError, match="choose wav"):
        encoding.encode(np.zeros((9, 9000), np.float32), 44100, tmp_path / "a.flac", encoding.FLAC)
    with pytest.raises(AudioError, match=r"\.wav, \.flac, \.mp3, \.m4a"):
        encoding.form_of(tmp_path / "a.ogg")
    encoding.encode(surround, 44100, tmp_path / "a.wav", encoding.WAV)
    assert encoding.holds(encoding.FLAC, tmp_path / "a.wav")
    assert not encoding.holds(encoding.MP3, tmp_path / "a.wav")
