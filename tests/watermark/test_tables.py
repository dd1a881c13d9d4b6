"""Tables and layouts against the stages that audiowmark printed, for three keys and four modes."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from watermark import Key, Payload, PayloadMode
from watermark.convolutional import Code, encode
from watermark.layout import PADDING_FRAMES, actions, grid
from watermark.tables import BANDS, LOWEST_BAND, key_tables

SHORT_AND_LONG = [
    Payload("abc"),
    Payload("abcd"),
    Payload("abcde"),
    Payload("0123456789abcdef" * 2),
]


def stages(vectors: dict[str, Any]) -> Iterator[tuple[Key, Payload, dict[str, Any]]]:
    for of_key in vectors["keys"].values():
        for wanted in of_key["payload_modes"].values():
            yield Key(bytes.fromhex(of_key["key_hex"])), Payload(wanted["payload_hex"]), wanted


def digest(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array.astype(dtype)).tobytes()).hexdigest()


def test_every_mode_has_the_sizes_of_audiowmark(vectors: dict[str, Any]) -> None:
    for _, payload, wanted in stages(vectors):
        mode = payload.mode
        sizes = (mode.block_frames, mode.data_frames, mode.coded_bits)
        names = ("block_frames", "data_frames", "coded_bits_per_block")
        assert sizes == tuple(wanted[name] for name in names)


def test_tables_are_those_of_audiowmark(vectors: dict[str, Any]) -> None:
    for key, payload, wanted in stages(vectors):
        tables = key_tables(key, payload.mode)
        positions = np.concatenate([tables.sync_positions, tables.data_positions])
        assert digest(positions, "<i4") == wanted["frame_position_sha256_int32le"]
        assert digest(tables.bit_order, "<i4") == wanted["bit_order_sha256_int32le"]
        bands = (tables.mix_up + LOWEST_BAND, tables.mix_down + LOWEST_BAND)
        mix = np.stack([each.ravel() for each in (tables.mix_positions, *bands)], axis=1)
        assert digest(mix, "<i4") == wanted["mix_entries_sha256_int32le_triplets"]


def test_sync_bands_are_those_of_audiowmark(vectors: dict[str, Any]) -> None:
    for of_key in vectors["keys"].values():
        tables = key_tables(Key(bytes.fromhex(of_key["key_hex"])), PayloadMode.BITS_128)
        for name, wanted in of_key["sync_up_down"].items():
            frame = int(name[1:])
            assert (tables.sync_up[frame] + LOWEST_BAND).tolist() == wanted["up"]
            assert (tables.sync_down[frame] + LOWEST_BAND).tolist() == wanted["down"]


def test_payloads_become_the_coded_bits_of_audiowmark(vectors: dict[str, Any]) -> None:
    for key, payload, wanted in stages(vectors):
        assert _digits(payload.bits) == wanted["payload_bits"]
        assert _digits(payload.message) == wanted.get("block_code_bits", wanted["payload_bits"])
        order = key_tables(key, payload.mode).bit_order
        for code in (Code.A, Code.B):
            coded = encode(payload.message, code)
            assert _digits(coded) == wanted[f"{code.name}_coded_bits"]
            assert _digits(coded[order]) == wanted[f"{code.name}_coded_bits_after_bit_order"]


def test_bands_move_as_those_of_audiowmark(vectors: dict[str, Any]) -> None:
    for key, payload, wanted in stages(vectors):
        blocks = actions(payload, key_tables(key, payload.mode)).reshape(2, -1, BANDS)
        for name, block in zip("AB", blocks, strict=True):
            whole = np.pad(block, ((0, 0), (LOWEST_BAND, 0)))
            assert (
                digest(whole, "i1") == wanted[f"{name}_frame_mod_sha256_int8_[block_frames][101]"]
            )


@pytest.mark.parametrize("payload", SHORT_AND_LONG, ids=lambda each: each.mode.name)
def test_thirty_bands_go_up_and_thirty_down_in_every_frame(payload: Payload) -> None:
    table = actions(payload, key_tables(Key(bytes(range(16))), payload.mode))
    assert ((table == 1).sum(axis=1) == 30).all()
    assert ((table == -1).sum(axis=1) == 30).all()


def test_b_blocks_reverse_the_sync_bits_of_a_blocks() -> None:
    payload = SHORT_AND_LONG[-1]
    tables = key_tables(Key(bytes(range(16))), payload.mode)
    a, b = actions(payload, tables).reshape(2, -1, BANDS)
    np.testing.assert_array_equal(a[tables.sync_positions], -b[tables.sync_positions])


def test_a_file_begins_with_the_end_of_a_b_block() -> None:
    table = np.arange(2 * 1000)[:, None].astype(np.int16)
    frames = grid(table, 0, 3000).ravel()
    assert frames[0] == 2000 - PADDING_FRAMES
    assert frames[PADDING_FRAMES] == 0
    assert (np.diff(frames) % 2000 == 1).all()


def _digits(bits: np.ndarray) -> str:
    return "".join(map(str, bits.tolist()))
