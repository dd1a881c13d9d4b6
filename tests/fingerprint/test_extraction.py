import numpy as np
import pytest

from fingerprint import TooShortError, UnusableAudioError, fingerprint
from fingerprint.extraction import _CHUNK
from fingerprint.sub_fingerprints import expected_words

RATE = 11025


def error_between(a, b):
    """Least share of differing bits over shifts of a hop."""
    n = min(len(a), len(b)) - 2
    return min(
        np.bitwise_count(a[i : i + n] ^ b[j : j + n]).mean() / 32
        for i, j in ((0, 0), (0, 1), (1, 0))
    )


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("seconds", [5.0, 12.34])
def test_the_number_of_words_follows_from_the_duration(song, rate, seconds):
    print_ = fingerprint(song(1, seconds, rate), rate)

    assert abs(len(print_.sub_fingerprints) - expected_words(seconds)) <= 2
    assert print_.duration == pytest.approx(seconds, abs=1 / rate)


def test_a_low_rate_loses_nothing_of_the_song(song):
    low = fingerprint(song(1, 30, 8000), 8000).sub_fingerprints
    high = fingerprint(song(1, 30, 16000), 16000).sub_fingerprints

    assert error_between(low, high) < 0.06


def test_audio_longer_than_a_chunk_is_seamless(song):
    long = np.concatenate([song(seed, 10, 44100) for seed in range(3)], axis=1)
    assert long.shape[1] > 3 * _CHUNK
    later = fingerprint(long[:, 5 * 1365 * 4 :], 44100).sub_fingerprints

    np.testing.assert_array_less(
        error_between(fingerprint(long, 44100).sub_fingerprints[5:], later), 0.03
    )


def test_equal_channels_sound_like_one(song):
    mono = fingerprint(song(2, 20), RATE).sub_fingerprints
    stereo = fingerprint(np.repeat(song(2, 20), 2, axis=0), RATE).sub_fingerprints

    assert error_between(mono, stereo) < 0.01


@pytest.mark.parametrize("gains", [(1, -1), (-0.3, 1), (1, -0.9, 0.1, -0.6)])
def test_a_channel_that_is_turned_over_hides_nothing(song, gains):
    mono = fingerprint(song(2, 20), RATE)
    turned = fingerprint(np.concatenate([song(2, 20) * gain for gain in gains]), RATE)

    assert error_between(mono.sub_fingerprints, turned.sub_fingerprints) < 0.01
    assert not turned.waveform.silent().all()


def test_what_is_too_loud_is_clipped_not_wrapped(song):
    loud = fingerprint(song(2, 20) * 1.6, RATE).sub_fingerprints

    assert error_between(fingerprint(song(2, 20), RATE).sub_fingerprints, loud) < 0.1


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.7])
def test_less_than_a_word_is_too_short(song, seconds):
    with pytest.raises(TooShortError, match=r"need 2\.8 s"):
        fingerprint(np.zeros((1, int(seconds * RATE)), np.float32), RATE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(song, bad):
    samples = song(1, 10).copy()
    samples[0, 50_000] = bad
    with pytest.raises(UnusableAudioError, match="NaN"):
        fingerprint(samples, RATE)


@pytest.mark.parametrize(
    ("shape", "rate", "words"),
    [
        ((100_000,), 44100, "shape"),
        ((0, 100_000), 44100, "shape"),
        ((65, 1000), 44100, "shape"),
        ((1, 100_000), 0, "rate"),
        ((1, 100_000), -44100, "rate"),
        ((1, 100_000), 10_000_000, "rate"),
        ((1, 2000 * 3600 * 13), 2000, "longer"),
    ],
)
def test_other_shapes_rates_and_lengths_are_refused(shape, rate, words):
    samples = np.broadcast_to(np.float32(0), shape)
    with pytest.raises(UnusableAudioError, match=words):
        fingerprint(samples, rate)
