"""What the average of the channels leaves out, and how quiet sound may be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
from fingerprint.channels import gain, polarity
from tests.songs import RATE, song


def stereo(middle: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.stack([middle + side, middle - side]).astype(np.float32) / 2


@given(share=st.floats(0, 2.5))
def test_two_channels_give_half_their_difference_where_it_is_as_loud(share: float) -> None:
    random = np.random.default_rng(1)
    middle, side = 0.3 * random.uniform(-1, 1, (2, 4000))
    found = fingerprint.left_out(stereo(middle, share * side))
    power = share**2 * float((side**2).mean()) / float((middle**2).mean())
    if power < 0.45:
        assert found is None
    elif power > 0.55:
        assert found is not None
        assert np.allclose(np.abs(found[0]), np.abs(share * side / 2), atol=1e-5)


@pytest.mark.parametrize("channels", [3, 6])
def test_of_more_channels_the_sum_that_cancels_the_average_is_told(channels: int) -> None:
    decoy, hidden = song(1, 5), song(2, 5)
    signs = np.where(np.arange(channels) % 2, -1.0, 1.0)
    if channels % 2:
        signs[-1] = 0.0
    samples = (decoy + signs[:, None] * hidden).astype(np.float32) / 4
    (found,) = fingerprint.left_out(samples)
    assert np.corrcoef(found, hidden.ravel())[0, 1] ** 2 > 0.99
    assert np.abs(found).max() <= 1


@pytest.mark.parametrize(
    "samples",
    [
        song(1, 5).reshape(1, -1),
        np.tile(song(1, 5).reshape(1, -1), (2, 1)),
        np.zeros((2, RATE), np.float32),
        np.full((2, RATE), np.nan, np.float32),
        np.empty((2, 0), np.float32),
        1e-6 * stereo(song(1, 5).ravel(), 9 * song(2, 5).ravel()),
    ],
    ids=["mono", "both the same", "silence", "no numbers", "nothing", "too quiet"],
)
def test_nothing_is_left_out(samples: np.ndarray) -> None:
    assert fingerprint.left_out(samples) is None


def test_what_only_one_side_has_is_no_cancelling() -> None:
    left, right, both = (song(seed, 5).ravel() for seed in (1, 2, 3))
    assert (polarity(np.stack([both + left, both - left + right])) == 1).all()
    assert (polarity(np.stack([left, right])) == 1).all()
    assert polarity(np.stack([left, -left])).tolist() == [1, -1]
    assert fingerprint.left_out(np.stack([left, -left])) is None


@pytest.mark.parametrize("decibels", [-50, -65, -75])
def test_a_very_quiet_copy_is_the_same_to_the_search(decibels: float) -> None:
    loud = song(1, 20).reshape(1, -1)
    quiet = np.float32(10 ** (decibels / 20)) * loud / np.abs(loud).max()
    at_full = 0.5 * loud / np.abs(loud).max()
    made = fingerprint.fingerprint(quiet, RATE)
    assert made == fingerprint.fingerprint(at_full.astype(np.float32), RATE)
    embedded = fingerprint.completed(made, quiet, RATE).embedding
    assert embedded is not None
    assert np.abs(embedded.vectors).max() > 0


def test_only_what_is_very_quiet_is_raised() -> None:
    assert gain(np.array([[0.004, -0.003]], np.float32)) == 1
    assert gain(np.array([[0.001, -0.002]], np.float32)) == pytest.approx(250)
    assert gain(np.array([[1e-5]], np.float32)) == 1  # the noise of 16 bits stays silence
    assert gain(np.array([[np.nan, 0.001]], np.float32)) == 1
    assert gain(np.empty((1, 0), np.float32)) == 1
