"""Fingerprints as values: words, vectors, peaks, tones and waveform, and the two forms they travel in.

JSON is what a client sends instead of audio; bytes are what is kept beside a track so that an
index can be rebuilt without decoding again. Both carry the words as they are (little-endian
uint32), not in Chromaprint's compressed form: its decoder is C, and a stranger's bytes have no
business there.
"""

import base64
import binascii
import math
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from fingerprint.arrays import BoolArray, U32Array
from fingerprint.composition import tones as heard
from fingerprint.composition.tones import TONE_BYTES, Tones, expected_tones
from fingerprint.constellation import constellation as peaks
from fingerprint.constellation.constellation import Constellation, expected_peaks
from fingerprint.embedding.embedding import MODEL, Embedding, expected_vectors
from fingerprint.errors import InvalidFingerprintError
from fingerprint.waveform import (
    COLUMN_BYTES,
    COLUMNS_PER_SECOND,
    Waveform,
    expected_columns,
)
from fingerprint.waveform import MODEL as WAVEFORM_MODEL

ALGORITHM: Final = "chromaprint-2"
"""Chromaprint's default, ``CHROMAPRINT_ALGORITHM_TEST2``, by the number that ``fpcalc`` gives it."""

CHROMAPRINT_RATE: Final = 11025
HOP_SECONDS: Final = 1365 / CHROMAPRINT_RATE
"""Frames of 4096 samples at 11,025 Hz advance by 1365 samples: 0.1238 s."""

SPAN_SECONDS: Final = (4096 + 19 * 1365) / CHROMAPRINT_RATE
"""Audio that one word depends on: 16 chroma frames under the filters, each smoothed over 5, 2.724 s."""

MAX_DURATION_SECONDS: Final = 12 * 3600.0
"""Longer audio is refused, as samples and as JSON: 12 hours are 1.4 MB of words."""

_WORD_TOLERANCE: Final = 4
"""How many words a true fingerprint was seen to differ from :func:`expected_words`, doubled.

Resampling delays and padding of codecs move the end by at most two hops."""

_MAGIC: Final = b"CLFP"
_BYTES_VERSION: Final = 5
_HEADS: Final = {
    1: struct.Struct("<4sBdI"),  # without vectors: words to the end
    2: struct.Struct("<4sBdIIi"),  # without peaks
    3: struct.Struct("<4sBdIIii"),  # without tones
    4: struct.Struct("<4sBdIIiii"),  # without a waveform
    _BYTES_VERSION: struct.Struct("<4sBdIIiiii"),
}
"""Of the versions that are read. Of a reference only its fingerprint is kept, so none is given up."""
_SAME_NETWORKS: Final = 5
"""From this version on vectors and tones are of today's networks. Those of earlier bytes can be compared
with nothing and are left out; their words and peaks stay good."""
_BYTES: Final = _HEADS[_BYTES_VERSION]
_NONE: Final = -1


def expected_words(duration: float) -> int:
    """Number of words that Chromaprint gives for ``duration`` seconds of audio."""
    samples = math.floor(duration * CHROMAPRINT_RATE + 1e-6)
    return max(0, (samples - 4096) // 1365 + 1 - 19)


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The sub-fingerprints of one piece of audio.

    Attributes
    ----------
    sub_fingerprints : uint32 array, shape (words,)
        Word ``i`` describes the audio from ``i * HOP_SECONDS`` for 2.7 s. Read-only.
    duration : float
        Seconds of audio that was fingerprinted.
    algorithm : str
        Only fingerprints of one algorithm can be compared.
    embedding : Embedding, optional
        By which copies of other pitch, tempo or timbre are found. Without one, clean copies are.
    constellation : Constellation, optional
        By which copies under noise, a voice or other music are found.
    tones : Tones, optional
        By which other performances of the same work are found.
    waveform : Waveform, optional
        By which nothing is found: what people are shown of the audio.
    left_out : frozenset of str
        Attributes that it was given of other models than today's: they are None, until it is made
        of the audio again. Neither kept nor compared.
    """

    sub_fingerprints: U32Array
    duration: float
    algorithm: str = ALGORITHM
    embedding: Embedding | None = None
    constellation: Constellation | None = None
    tones: Tones | None = None
    waveform: Waveform | None = None
    left_out: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        words = np.ascontiguousarray(self.sub_fingerprints, dtype=np.uint32).view()
        if words.ndim != 1:
            raise InvalidFingerprintError(f"sub-fingerprints have shape {words.shape}, need (n,)")
        words.flags.writeable = False
        object.__setattr__(self, "sub_fingerprints", words)

    @property
    def missing(self) -> frozenset[str]:
        """Attributes that are None, of those by which altered copies and other performances are found."""
        parts = ("embedding", "constellation", "tones")
        return frozenset(part for part in parts if getattr(self, part) is None)

    def sounding(self) -> BoolArray:
        """Words in whose 2.7 s no fifth of a second is silent, shape (words,); all, without a waveform."""
        count = len(self.sub_fingerprints)
        if self.waveform is None or not (silent := self.waveform.silent()).any():
            return np.ones(count, np.bool_)
        before = np.concatenate([[0], np.cumsum(silent)])
        starts = np.arange(count) * HOP_SECONDS
        first, last = (
            np.clip((seconds * COLUMNS_PER_SECOND).astype(np.int64), 0, len(silent))
            for seconds in (starts, starts + SPAN_SECONDS)
        )
        sounding: BoolArray = before[last] == before[first]
        return sounding

    def with_altered(
        self, embedding: Embedding, constellation: Constellation, tones: Tones | None = None
    ) -> "Fingerprint":
        """Return the same fingerprint, by which altered copies and other performances are found."""
        return replace(
            self,
            embedding=embedding,
            constellation=constellation,
            tones=tones,
            left_out=frozenset(),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return (
            self.algorithm == other.algorithm
            and self.duration == other.duration
            and np.array_equal(self.sub_fingerprints, other.sub_fingerprints)
            and self.embedding == other.embedding
            and self.constellation == other.constellation
            and self.tones == other.tones
            and self.waveform == other.waveform
        )

    def __hash__(self) -> int:
        return hash((self.algorithm, self.duration, self.sub_fingerprints.tobytes()))

    def to_json(self) -> dict[str, Any]:
        """What a client sends instead of audio; :meth:`from_json` reads it back exactly."""
        words = self.sub_fingerprints.astype("<u4").tobytes()
        document: dict[str, Any] = {
            "algorithm": self.algorithm,
            "duration": self.duration,
            "sub_fingerprints": base64.b64encode(words).decode("ascii"),
        }
        if self.embedding is not None:
            content = base64.b64encode(self.embedding.to_bytes()).decode("ascii")
            document["embedding"] = {
                "model": MODEL,
                "count": len(self.embedding),
                "vectors": content,
            }
        if self.constellation is not None:
            document["constellation"] = {
                "model": peaks.MODEL,
                "peaks": base64.b64encode(self.constellation.to_bytes()).decode("ascii"),
            }
        if self.tones is not None:
            document["tones"] = {
                "model": heard.MODEL,
                "levels": base64.b64encode(self.tones.to_bytes()).decode("ascii"),
            }
        if self.waveform is not None:
            document["waveform"] = {
                "model": WAVEFORM_MODEL,
                "codes": base64.b64encode(self.waveform.to_bytes()).decode("ascii"),
            }
        return document

    @classmethod
    def from_json(cls, document: object, *, other_models: bool = False) -> "Fingerprint":
        """Read a stranger's fingerprint.

        Parameters
        ----------
        document : parsed JSON
            ``{"algorithm": "chromaprint-2", "duration": seconds, "sub_fingerprints": base64 of
            little-endian uint32 words}``, and optionally ``"embedding": {"model", "count",
            "vectors": base64 of bytes}``, ``"constellation": {"model", "peaks": base64 of
            little-endian uint32}``, ``"tones": {"model", "levels": base64 of bytes}`` and
            ``"waveform": {"model", "codes": base64 of bytes}``. Other members are ignored.
        other_models : bool
            Leave out parts of other models than today's, and name them in ``left_out``, where they
            would be refused.

        Raises
        ------
        InvalidFingerprintError
            If a member is missing or of the wrong type, the algorithm is unknown, the base64 is
            not strict, the duration is not in (0, 12 h], or the number of words or vectors is
            not what that duration gives.
        """
        if not isinstance(document, dict):
            raise InvalidFingerprintError("a fingerprint is a JSON object")
        left_out = _of_other_models(document) if other_models else frozenset()
        document = {name: part for name, part in document.items() if name not in left_out}
        algorithm = document.get("algorithm")
        if algorithm != ALGORITHM:
            raise InvalidFingerprintError(
                f"`algorithm` must be {ALGORITHM!r}; make the fingerprint with `clearance fingerprint`"
            )
        duration = _checked_duration(document.get("duration"))
        text = document.get("sub_fingerprints")
        if not isinstance(text, str):
            raise InvalidFingerprintError("`sub_fingerprints` must be a base64 string")
        # Compared before decoding, so that a large lie costs nothing.
        _check_count(len(text) * 3 // 16, duration, tolerance=_WORD_TOLERANCE + 1)
        data = _decoded(text, "sub_fingerprints")
        if len(data) % 4:
            raise InvalidFingerprintError(
                "`sub_fingerprints` is not a whole number of 32-bit words"
            )
        _check_count(len(data) // 4, duration, tolerance=_WORD_TOLERANCE)
        words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
        return cls(
            words,
            duration,
            embedding=_embedding(document.get("embedding"), duration),
            constellation=_constellation(document.get("constellation"), duration),
            tones=_tones(document.get("tones"), duration),
            waveform=_waveform(document.get("waveform"), duration),
            left_out=left_out,
        )

    def to_bytes(self) -> bytes:
        """Durable form: a head, zlib of byte planes of differences, the other parts in their order, CRC-32.

        Most bits stay from one word to the next, so planes of differences compress where the
        words themselves do not.
        """
        words = self.sub_fingerprints
        change = words.copy()
        change[1:] ^= words[:-1]
        planes = np.ascontiguousarray(change.astype("<u4").view(np.uint8).reshape(-1, 4).T)
        packed = zlib.compress(planes.tobytes(), 9)
        count = _NONE if self.embedding is None else len(self.embedding)
        vectors = b"" if self.embedding is None else self.embedding.to_bytes()
        stars = _NONE if self.constellation is None else len(self.constellation)
        own = b"" if self.constellation is None else self.constellation.to_bytes()
        frames = _NONE if self.tones is None else len(self.tones)
        levels = b"" if self.tones is None else self.tones.to_bytes()
        columns = _NONE if self.waveform is None else len(self.waveform)
        codes = b"" if self.waveform is None else self.waveform.to_bytes()
        counts = (len(words), len(packed), count, stars, frames, columns)
        head = _BYTES.pack(_MAGIC, _BYTES_VERSION, self.duration, *counts)
        body = head + packed + vectors + own + levels + codes
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fingerprint":
        """Inverse of :meth:`to_bytes`; what bytes of an earlier version hold in vain is named in ``left_out``.

        Raises
        ------
        InvalidFingerprintError
            If the bytes are not a whole, unchanged fingerprint of a version up to this one.
        """
        if len(data) < _HEADS[1].size + 4 or data[:4] != _MAGIC:
            raise InvalidFingerprintError("not the bytes of a fingerprint")
        body, (checksum,) = data[:-4], struct.unpack("<I", data[-4:])
        if zlib.crc32(body) != checksum:
            raise InvalidFingerprintError("the bytes of this fingerprint are damaged (checksum)")
        head = _HEADS.get(data[4])
        if head is None or len(body) < head.size:
            raise InvalidFingerprintError(f"fingerprint format {data[4]} is not known here")
        _, _, duration, count, *counts = head.unpack_from(body)
        absent = [len(body), _NONE, _NONE, _NONE, _NONE]
        length, vectors, stars, frames, columns = counts + absent[len(counts) :]
        packed, rest = body[head.size : head.size + length], body[head.size + length :]
        rest, codes = _cut(rest, COLUMN_BYTES * max(0, columns))
        rest, levels = _cut(rest, TONE_BYTES * max(0, frames))
        rest, own = _cut(rest, 4 * max(0, stars))
        unpacker = zlib.decompressobj()
        try:
            planes = unpacker.decompress(packed, count * 4 + 1)
        except zlib.error as error:
            raise InvalidFingerprintError("the bytes of this fingerprint are damaged") from error
        stray = unpacker.unused_data or (rest and vectors == _NONE)
        if len(planes) != count * 4 or not unpacker.eof or stray:
            raise InvalidFingerprintError("this fingerprint does not hold the words it announces")
        change = np.frombuffer(planes, np.uint8).reshape(4, count).T  # (words, 4)
        words = np.ascontiguousarray(change).view("<u4").reshape(count).astype(np.uint32)
        embedding = None if vectors == _NONE else Embedding.from_bytes(rest, vectors)
        tones = None if frames == _NONE else Tones.from_bytes(levels, duration)
        comparable = data[4] >= _SAME_NETWORKS
        of_networks = {"embedding": vectors, "tones": frames}
        return cls(
            np.bitwise_xor.accumulate(words),
            float(duration),
            embedding=embedding if comparable else None,
            constellation=None if stars == _NONE else Constellation.from_bytes(own, duration),
            tones=tones if comparable else None,
            waveform=None if columns == _NONE else Waveform.from_bytes(codes, duration),
            left_out=frozenset(
                name for name, count in of_networks.items() if count > 0 and not comparable
            ),
        )


def _cut(data: bytes, behind: int) -> tuple[bytes, bytes]:
    """Part what lies at the end."""
    if behind > len(data):
        raise InvalidFingerprintError("this fingerprint does not hold what it announces")
    return data[: len(data) - behind], data[len(data) - behind :]


def _of_other_models(document: dict[str, Any]) -> frozenset[str]:
    models = {
        "embedding": MODEL,
        "constellation": peaks.MODEL,
        "tones": heard.MODEL,
        "waveform": WAVEFORM_MODEL,
    }
    return frozenset(
        name
        for name, model in models.items()
        if isinstance(part := document.get(name), dict) and part.get("model") != model
    )


def _embedding(document: object, duration: float) -> Embedding | None:
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("model") != MODEL:
        raise InvalidFingerprintError(
            f"`embedding` must be of the model {MODEL!r}; make it with `clearance fingerprint`"
        )
    count, text = document.get("count"), document.get("vectors")
    expected = expected_vectors(duration)
    if type(count) is not int or abs(count - expected) > 1:
        raise InvalidFingerprintError(
            f"`embedding.count` must be about {expected} for {duration:.3f} s of audio"
        )
    if not isinstance(text, str) or len(text) > 400 * (count + 1):
        raise InvalidFingerprintError("`embedding.vectors` must be base64 of that many vectors")
    return Embedding.from_bytes(_decoded(text, "embedding.vectors"), count)


def _constellation(document: object, duration: float) -> Constellation | None:
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("model") != peaks.MODEL:
        raise InvalidFingerprintError(
            f"`constellation` must be of {peaks.MODEL!r}; make it with `clearance fingerprint`"
        )
    text = document.get("peaks")
    if not isinstance(text, str) or len(text) > 6 * (expected_peaks(duration) + 1):
        raise InvalidFingerprintError(
            "`constellation.peaks` must be base64 of the peaks of that much audio"
        )
    return Constellation.from_bytes(_decoded(text, "constellation.peaks"), duration)


def _tones(document: object, duration: float) -> Tones | None:
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("model") != heard.MODEL:
        raise InvalidFingerprintError(
            f"`tones` must be of {heard.MODEL!r}; make it with `clearance fingerprint`"
        )
    text = document.get("levels")
    if not isinstance(text, str) or len(text) > 2 * TONE_BYTES * (expected_tones(duration) + 4):
        raise InvalidFingerprintError(
            "`tones.levels` must be base64 of the tones of that much audio"
        )
    return Tones.from_bytes(_decoded(text, "tones.levels"), duration)


def _waveform(document: object, duration: float) -> Waveform | None:
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("model") != WAVEFORM_MODEL:
        raise InvalidFingerprintError(
            f"`waveform` must be of {WAVEFORM_MODEL!r}; make it with `clearance fingerprint`"
        )
    text = document.get("codes")
    longest = 2 * COLUMN_BYTES * (expected_columns(duration) + 4)
    if not isinstance(text, str) or len(text) > longest:
        raise InvalidFingerprintError(
            "`waveform.codes` must be base64 of the waveform of that much audio"
        )
    return Waveform.from_bytes(_decoded(text, "waveform.codes"), duration)


def _decoded(text: str, name: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidFingerprintError(f"`{name}` is not base64") from error


def _checked_duration(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidFingerprintError("`duration` must be a number of seconds")
    if not 0 < value <= MAX_DURATION_SECONDS:  # also refuses NaN
        raise InvalidFingerprintError(
            f"`duration` must be above 0 and at most {MAX_DURATION_SECONDS:.0f} seconds"
        )
    return float(value)


def _check_count(count: int, duration: float, *, tolerance: int) -> None:
    expected = expected_words(duration)
    if abs(count - expected) > tolerance:
        raise InvalidFingerprintError(
            f"{count} sub-fingerprints do not fit {duration:.3f} s of audio, which gives {expected}"
        )
