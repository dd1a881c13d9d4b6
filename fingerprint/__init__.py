"""Recognise a recording: samples in, matches out - which references, where, how sure.

:func:`fingerprint` turns samples into sub-fingerprints, by which clean copies are found;
:func:`completed` adds vectors and peaks, by which altered ones are; an :class:`Index` holds those of
the references and finds them in a query. :class:`SegmentIndex` is the one that lives in a folder.
"""

from fingerprint.altered import completed
from fingerprint.constellation.constellation import Constellation
from fingerprint.embedding.embedder import embed
from fingerprint.embedding.embedding import Embedding
from fingerprint.errors import (
    FingerprintError,
    IndexCorruptError,
    IndexLockedError,
    InvalidFingerprintError,
    StaleEpochError,
    TooShortError,
    UnusableAudioError,
)
from fingerprint.exclusions import claimed, explained_by, same_sound
from fingerprint.extraction import fingerprint
from fingerprint.index import Answer, Index, IndexParams, IndexStats, SegmentIndex
from fingerprint.matches import Match, Segment, covered, explained
from fingerprint.sub_fingerprints import Fingerprint

__all__ = [
    "Answer",
    "Constellation",
    "Embedding",
    "Fingerprint",
    "FingerprintError",
    "Index",
    "IndexCorruptError",
    "IndexLockedError",
    "IndexParams",
    "IndexStats",
    "InvalidFingerprintError",
    "Match",
    "Segment",
    "SegmentIndex",
    "StaleEpochError",
    "TooShortError",
    "UnusableAudioError",
    "claimed",
    "completed",
    "covered",
    "embed",
    "explained",
    "explained_by",
    "fingerprint",
    "same_sound",
]
