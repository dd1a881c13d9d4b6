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
from fingerprint.extraction import fingerprint
from fingerprint.index import Index, IndexParams, IndexStats, SegmentIndex
from fingerprint.matches import Match, Segment, covered, explained
from fingerprint.portraits import Envelope, Portrait, envelope, portrait
from fingerprint.similarity import Similarity, compared
from fingerprint.sub_fingerprints import Fingerprint

__all__ = [
    "Constellation",
    "Embedding",
    "Envelope",
    "Fingerprint",
    "FingerprintError",
    "Index",
    "IndexCorruptError",
    "IndexLockedError",
    "IndexParams",
    "IndexStats",
    "InvalidFingerprintError",
    "Match",
    "Portrait",
    "Segment",
    "SegmentIndex",
    "Similarity",
    "StaleEpochError",
    "TooShortError",
    "UnusableAudioError",
    "compared",
    "completed",
    "covered",
    "embed",
    "envelope",
    "explained",
    "fingerprint",
    "portrait",
]
