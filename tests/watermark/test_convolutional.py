from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from watermark.convolutional import TAIL_BITS, Code, encode
from watermark.viterbi import decode

CODES = st.sampled_from(Code)
BITS = st.integers(0, 1)


def slowly_encoded(message: np.ndarray, code: Code) -> list[int]:
    """The register, bit by bit."""
    register, coded = 0, []
    for bit in [*message.tolist(), *[0] * TAIL_BITS]:
        register = (register << 1 | bit) & 0x7FFF
        coded += [(register & taps).bit_count() % 2 for taps in code.value]
    return coded


@given(arrays(np.uint8, st.integers(1, 140), elements=BITS), CODES)
def test_the_code_is_that_of_a_shift_register(message: np.ndarray, code: Code) -> None:
    assert encode(message, code).tolist() == slowly_encoded(message, code)


@given(arrays(np.uint8, 60, elements=BITS))
def test_a_and_b_blocks_interleaved_are_the_code_of_both(message: np.ndarray) -> None:
    both = np.stack([encode(message, Code.A), encode(message, Code.B)], axis=1).ravel()
    np.testing.assert_array_equal(both, encode(message, Code.AB))


@settings(max_examples=25)
@given(arrays(np.uint8, st.integers(1, 128), elements=BITS), CODES, st.integers(0, 2**32 - 1))
def test_a_message_survives_noise(message: np.ndarray, code: Code, seed: int) -> None:
    coded = encode(message, code)
    noise = np.random.default_rng(seed).normal(0, 0.45, coded.size)
    np.testing.assert_array_equal(decode((coded + noise).astype(np.float32), code), message)


@settings(max_examples=20)
@given(CODES, st.integers(0, 2**32 - 1))
def test_no_message_is_nearer_than_the_decoded_one(code: Code, seed: int) -> None:
    soft = np.random.default_rng(seed).random((6 + TAIL_BITS) * code.outputs).astype(np.float32)
    every = [np.array([n >> bit & 1 for bit in range(6)], np.uint8) for n in range(64)]
    misses = [((soft - encode(each, code)) ** 2).sum() for each in every]
    nearest = every[int(np.argmin(misses))]
    np.testing.assert_array_equal(decode(soft, code), nearest)


@settings(max_examples=20)
@given(arrays(np.uint8, 128, elements=BITS), st.integers(0, 2**32 - 1))
def test_bits_that_were_not_heard_are_made_up_for(message: np.ndarray, seed: int) -> None:
    soft = encode(message, Code.AB).astype(np.float32)
    lost = np.random.default_rng(seed).random(soft.size) < 0.75
    soft[lost] = 0.5
    np.testing.assert_array_equal(decode(soft, Code.AB), message)


@pytest.mark.parametrize("code", Code)
def test_an_impulse_is_coded_as_by_audiowmark(vectors: dict[str, Any], code: Code) -> None:
    message = np.zeros(128, np.uint8)
    message[0] = 1
    wanted = vectors["conv_impulse_first_input_bit_1"][code.name]
    assert "".join(map(str, encode(message, code).tolist())) == wanted


@pytest.mark.parametrize("code", Code)
def test_a_damaged_word_is_decoded_with_audiowmarks_error(
    vectors: dict[str, Any], code: Code
) -> None:
    payload = vectors["keys"]["zero_key"]["payload_modes"]["default128"]["payload_bits"]
    message = np.array(list(payload), np.uint8)
    soft = encode(message, code).astype(np.float32)
    places = np.arange(soft.size)
    soft = np.where(places % 7 == 3, 1 - soft, soft)
    soft[places % 11 == 5] = 0.5
    decoded = decode(soft, code)
    np.testing.assert_array_equal(decoded, message)
    error = ((soft - encode(decoded, code)) ** 2).mean()
    assert error == pytest.approx(vectors[f"viterbi_{code.name}"]["error"], abs=1e-7)
