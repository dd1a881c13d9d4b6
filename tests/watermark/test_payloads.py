import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import BadPayloadError, Payload, PayloadMode
from watermark.payloads import payload_of

DIGITS = st.sampled_from([3, 4, 5, 32]).flatmap(
    lambda count: st.text("0123456789abcdef", min_size=count, max_size=count)
)
DISTANCES = {PayloadMode.BITS_12: 22, PayloadMode.BITS_16: 21, PayloadMode.BITS_20: 20}


@given(DIGITS)
def test_a_message_gives_its_payload_back(digits: str) -> None:
    payload = Payload(digits)
    assert payload_of(payload.message, payload.mode) == payload
    assert payload.message.size == payload.mode.message_bits


@given(DIGITS)
def test_the_first_digit_goes_first_and_highest(digits: str) -> None:
    bits = "".join(f"{int(digit, 16):04b}" for digit in digits)
    assert "".join(map(str, Payload(digits).bits.tolist())) == bits


@given(DIGITS.filter(lambda digits: len(digits) < 32), st.data())
def test_a_short_message_with_wrong_bits_is_none(digits: str, data: st.DataObject) -> None:
    payload = Payload(digits)
    places = st.lists(
        st.integers(0, payload.mode.message_bits - 1),
        min_size=1, max_size=DISTANCES[payload.mode] - 1, unique=True,
    )  # fmt: skip
    message = payload.message.copy()
    message[data.draw(places)] ^= 1
    assert payload_of(message, payload.mode) is None


@pytest.mark.parametrize("mode", DISTANCES)
def test_short_codes_have_the_distance_of_the_best_known(mode: PayloadMode) -> None:
    generator = np.stack(
        [
            Payload(f"{1 << bit:0{mode.payload_bits // 4}x}").message
            for bit in range(mode.payload_bits)
        ]
    )
    every = np.arange(1, 1 << mode.payload_bits)
    bits = (every[:, None] >> np.arange(mode.payload_bits) & 1).astype(np.float32)
    weights = ((bits @ generator.astype(np.float32)) % 2).sum(axis=1)
    assert weights.min() == DISTANCES[mode]


@pytest.mark.parametrize("digits", ["", "ab", "abcdef", "0" * 31, "0" * 33, "xyz", "ABC", "ab "])
def test_what_no_mode_carries_is_refused(digits: str) -> None:
    with pytest.raises(BadPayloadError, match="digits"):
        Payload(digits)


def test_a_short_payload_is_coded_as_by_its_published_matrix(vectors: dict) -> None:
    for mode, name in zip(
        (PayloadMode.BITS_12, PayloadMode.BITS_16, PayloadMode.BITS_20),
        ("56,12,22", "61,16,21", "65,20,20"),
        strict=True,
    ):
        for place, row in enumerate(vectors["short_code_generator_rows"][name]):
            one = Payload(f"{1 << (mode.payload_bits - 1 - place):0{mode.payload_bits // 4}x}")
            assert "".join(map(str, one.message.tolist())) == row
