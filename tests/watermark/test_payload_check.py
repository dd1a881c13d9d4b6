import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import BadPayloadError, Key, Payload, signed_payload, verified

KEYS = st.binary(min_size=16, max_size=16).map(lambda secret: Key(secret, "house"))
IDS = st.text("0123456789abcdef", min_size=24, max_size=24)


@given(IDS, KEYS)
def test_a_signed_payload_begins_with_its_id_and_is_verified(id_digits: str, key: Key) -> None:
    payload = signed_payload(id_digits, key)
    assert payload.digits.startswith(id_digits)
    assert verified(payload, key)


@given(IDS, KEYS, st.integers(0, 127))
def test_a_wrong_bit_anywhere_is_rejected(id_digits: str, key: Key, bit: int) -> None:
    right = int(signed_payload(id_digits, key).digits, 16)
    assert not verified(Payload(f"{right ^ (1 << bit):032x}"), key)


@given(IDS, KEYS, st.integers(0, 127))
def test_another_key_rejects_it(id_digits: str, key: Key, bit: int) -> None:
    other = Key((int.from_bytes(key.secret) ^ (1 << bit)).to_bytes(16), key.name)
    assert not verified(signed_payload(id_digits, key), other)


@given(IDS, KEYS)
def test_the_check_is_what_the_documents_say(id_digits: str, key: Key) -> None:
    """RFC 5869 by hand: extract with a salt of zeros, expand by one block."""
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), key.secret, "sha256")
    check_key = hmac.digest(extracted, b"clearance watermark payload check v1\x01", "sha256")
    check = hmac.digest(check_key, bytes.fromhex(id_digits), "sha256")[:4]
    assert signed_payload(id_digits, key).digits == id_digits + check.hex()


def test_the_check_stays_what_it_was() -> None:
    """Marks that are out must go on being verified."""
    payload = signed_payload("0123456789abcdef00112233", Key(bytes(range(16))))
    assert payload.digits == "0123456789abcdef00112233d66f922f"


@pytest.mark.parametrize("digits", ["abc", "abcd", "abcde"])
def test_short_payloads_have_no_check(digits: str) -> None:
    assert not verified(Payload(digits), Key(bytes(16)))


@pytest.mark.parametrize("id_digits", ["", "0" * 23, "0" * 25, "0" * 32, "A" * 24, "x" * 24])
def test_what_is_no_id_is_refused(id_digits: str) -> None:
    with pytest.raises(BadPayloadError, match="24 lower-case hexadecimal digits"):
        signed_payload(id_digits, Key(bytes(16)))
