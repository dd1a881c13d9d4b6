"""Cases whose answer is known from the recommendation or from hearing."""

import numpy as np
import pytest

from benchmarks.alterations import RATE
from benchmarks.noise_to_mask import FRAME, HOP, bands, noise_to_mask


def tone(hertz: float, decibels: float, seconds: float = 1.0) -> np.ndarray:
    """A sine so many decibels re full scale, shape (1, n)."""
    phase = 2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE
    return (10 ** (decibels / 20) * np.sin(phase))[None].astype(np.float32)


def noise(decibels: float, seed: int = 0) -> np.ndarray:
    """White noise of this level re full scale, 1 s, shape (1, n)."""
    values = np.random.default_rng(seed).normal(0, 10 ** (decibels / 20), (1, RATE))
    return values.astype(np.float32)


def test_bands_are_those_of_the_recommendation() -> None:
    centres = bands().centres_hz
    assert centres.size == 109
    assert centres[:2] == pytest.approx([91.708, 115.216], abs=0.05)
    assert 17600 < centres[-1] < 18000
    shares = bands().shares.sum(axis=1)
    hertz = np.arange(FRAME // 2 + 1) * RATE / FRAME
    assert shares[(hertz > 120) & (hertz < 17900)] == pytest.approx(1)
    assert not shares[hertz > 18020].any()


def test_what_is_not_changed_has_no_noise() -> None:
    assert noise_to_mask(noise(-20), noise(-20)).worst.max() < -100


@pytest.mark.parametrize("decibels", [-20, -40])
def test_a_gain_is_as_far_below_the_mask_as_it_is_small(decibels: float) -> None:
    """The mask of steady noise is 3 to 6 dB below it, more where bands are wider than 12 Bark."""
    gain = np.float32(1 + 10 ** (decibels / 20))
    ratios = noise_to_mask(noise(-20), noise(-20) * gain)
    assert decibels + 1 < np.median(ratios.mean) < decibels + 7
    assert ratios.inaudible_share == 1


def test_a_tone_masks_what_is_near_it_and_not_what_is_far() -> None:
    masker = tone(1000, -20)
    near = noise_to_mask(masker, masker + tone(1040, -60))
    far = noise_to_mask(masker, masker + tone(5000, -60))
    assert np.median(near.worst) < 0
    assert np.median(far.worst) > 20


def test_masking_spreads_upwards_farther_than_downwards() -> None:
    masker = tone(1000, -10)
    above = noise_to_mask(masker, masker + tone(1500, -45))
    below = noise_to_mask(masker, masker + tone(667, -45))
    assert np.median(below.worst) > np.median(above.worst) + 10


def test_what_is_too_faint_to_be_heard_in_silence_is_inaudible() -> None:
    silence = np.zeros((1, RATE), np.float32)
    assert np.median(noise_to_mask(silence, tone(100, -80)).worst) < 0
    assert np.median(noise_to_mask(silence, tone(3000, -70)).worst) > 0


def test_what_was_loud_masks_for_a_moment() -> None:
    masker = tone(1000, -10)
    masker[:, RATE // 2 :] = 0
    after = noise_to_mask(masker, masker + tone(1000, -75))
    first_quiet = RATE // 2 // HOP + 1
    assert after.worst[first_quiet] < after.worst[first_quiet + 10] - 10


def test_the_worst_channel_counts() -> None:
    sound = np.concatenate([noise(-20), noise(-20, 1)])
    changed = sound.copy()
    changed[1] += noise(-12, 2)[0]
    both = noise_to_mask(sound, changed)
    alone = noise_to_mask(sound[1:], changed[1:])
    np.testing.assert_array_equal(both.mean, alone.mean)
    assert both.inaudible_share < 1


def test_unequal_or_too_short_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        noise_to_mask(noise(-20), noise(-20)[:, 1:])
    with pytest.raises(ValueError, match="2048 samples"):
        noise_to_mask(noise(-20)[:, :2047], noise(-20)[:, :2047])
