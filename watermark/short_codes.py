"""Block codes of the short payloads: best-known linear codes [n, k, d] over GF(2).

Rows of the generator matrices, most significant bit first. Only that of 16 bits has the payload as
the first bits of its code words; the others are read back through an information set.
"""

from functools import cache
from typing import Final

import numpy as np

from watermark.arrays import I64Array, U8Array

_ROWS: Final = {
    12: (  # [56, 12, 22]
        0x8008D3626D1D7F,
        0x400D8FEF5B0BA0,
        0x201172E4837516,
        0x101431964963CE,
        0x0811206D2F8A5B,
        0x0408F0C45E86EA,
        0x02010C52A5B79D,
        0x010C680B3FB9FC,
        0x0094B4F7171D2B,
        0x00448629E9CCD6,
        0x00389929EA3351,
        0x0003FFF83FEFF9,
    ),
    16: (  # [61, 16, 21]
        0x10001E5D7E428324,
        0x08000F2EBF214192,
        0x040007975F90A0C9,
        0x020010DA517D3F39,
        0x01001B7CD60BF0C1,
        0x00801EAF95B0973D,
        0x00401C46346D24C3,
        0x00201D32E483FD3C,
        0x00100E997241FE9E,
        0x0008074CB920FF4F,
        0x000410B7A22510FA,
        0x0002085BD112887D,
        0x0001173C163C2B63,
        0x0000988FF5AB7AEC,
        0x00004C47FAD5BD76,
        0x00002623FD6ADEBB,
    ),
    20: (  # [65, 20, 20]
        0x1000046FE81FEBE77,
        0x0800042A341EC83BF,
        0x04000408DA1E59D5B,
        0x02000419AD1E11229,
        0x01000411169E35590,
        0x008000F11B438B3AB,
        0x004000F335A282245,
        0x002000F222D206AB2,
        0x00100416F977E8B2E,
        0x000800F2ECB765CF4,
        0x000404169E455900D,
        0x000204568F3291482,
        0x000100D2D795D9322,
        0x0000844683D5077E6,
        0x0000409AD1E712290,
        0x0000242280ED62F3F,
        0x0000144C80668CB1B,
        0x00000C3B80227B909,
        0x000002B9900D91963,
        0x0000019770048F721,
    ),
}
_LENGTHS: Final = {12: 56, 16: 61, 20: 65}


def code_word(payload: U8Array) -> U8Array:
    """Code word of a short payload.

    Parameters
    ----------
    payload : uint8 array, shape (12,), (16,) or (20,), of bits

    Returns
    -------
    uint8 array, shape (56,), (61,) or (65,), of bits
    """
    word: U8Array = (payload @ _generator(payload.size)) % 2
    return word


def payload_bits_of(word: U8Array, payload_bits: int) -> U8Array | None:
    """Payload of a code word, uint8 of shape (payload_bits,); None if it is none.

    Nothing is corrected: that is the convolutional code's work.
    """
    places, unmixed = _information_set(payload_bits)
    payload: U8Array = (word[places] @ unmixed) % 2
    return payload if np.array_equal(code_word(payload), word) else None


@cache
def _generator(payload_bits: int) -> U8Array:
    length = _LENGTHS[payload_bits]
    rows = [
        [row >> (length - 1 - place) & 1 for place in range(length)] for row in _ROWS[payload_bits]
    ]
    return np.array(rows, np.uint8)


@cache
def _information_set(payload_bits: int) -> tuple[I64Array, U8Array]:
    """Places of a code word that determine it, and the matrix from these to the payload.

    Gauss and Jordan: with ``reduced = steps @ generator``, which is the identity at the places,
    ``word = word[places] @ reduced``, so the payload is ``word[places] @ steps``.
    """
    reduced, steps = _generator(payload_bits).copy(), np.eye(payload_bits, dtype=np.uint8)
    places: list[int] = []
    for row in range(payload_bits):
        place = int(np.flatnonzero(reduced[row:].any(axis=0))[0])
        other = row + int(np.flatnonzero(reduced[row:, place])[0])
        for matrix in (reduced, steps):
            matrix[[row, other]] = matrix[[other, row]]
        users = np.flatnonzero(reduced[:, place])
        users = users[users != row]
        for matrix in (reduced, steps):
            matrix[users] ^= matrix[row]
        places.append(place)
    return np.array(places), steps
