"""Recognise a recording: samples in, matches out - which references, where, how sure.

:func:`fingerprint` turns samples into sub-fingerprints, by which clean copies are found, and into
a waveform to be looked at; :func:`completed` adds vectors and peaks, by which altered copies are
found, and tones, by which the same work in another performance is; an :class:`Index` holds those of
the references and finds them in a query. :class:`SegmentIndex` is the one that lives in a folder,
:class:`MilvusIndex` the one whose vectors a Milvus serves.
"""

from fingerprint.altered import completed, completed_from
from fingerprint.channels import left_out
from fingerprint.chromagrams import Chromagrams, chromagrams
from fingerprint.composition.tones import MODEL as COMPOSITION_MODEL
from fingerprint.composition.tones import Tones
from fingerprint.constellation.constellation import MODEL as CONSTELLATION_MODEL
from fingerprint.constellation.constellation import Constellation
from fingerprint.embedding.embedder import embed
from fingerprint.embedding.embedding import MODEL as EMBEDDING_MODEL
from fingerprint.embedding.embedding import Embedding
from fingerprint.errors import (
    FingerprintError,
    IndexCorruptError,
    IndexLockedError,
    IndexOutdatedError,
    IndexUnavailableError,
    InvalidFingerprintError,
    MissingExtraError,
    StaleEpochError,
    TooShortError,
    UnusableAudioError,
)
from fingerprint.exclusions import claimed, explained_by, same_sound
from fingerprint.extraction import fingerprint
from fingerprint.index import (
    Answer,
    Index,
    IndexParams,
    IndexStats,
    MilvusIndex,
    MilvusServer,
    SegmentIndex,
)
from fingerprint.matches import Match, Segment, covered, explained, union_length
from fingerprint.portraits import Envelope, Portrait, envelope, kept_envelope, portrait
from fingerprint.similarity import Similarity, compared
from fingerprint.sub_fingerprints import ALGORITHM, Fingerprint
from fingerprint.waveform import Waveform

__all__ = [
    "ALGORITHM",
    "COMPOSITION_MODEL",
    "CONSTELLATION_MODEL",
    "EMBEDDING_MODEL",
    "Answer",
    "Chromagrams",
    "Constellation",
    "Embedding",
    "Envelope",
    "Fingerprint",
    "FingerprintError",
    "Index",
    "IndexCorruptError",
    "IndexLockedError",
    "IndexOutdatedError",
    "IndexParams",
    "IndexStats",
    "IndexUnavailableError",
    "InvalidFingerprintError",
    "Match",
    "MilvusIndex",
    "MilvusServer",
    "MissingExtraError",
    "Portrait",
    "Segment",
    "SegmentIndex",
    "Similarity",
    "StaleEpochError",
    "Tones",
    "TooShortError",
    "UnusableAudioError",
    "Waveform",
    "chromagrams",
    "claimed",
    "compared",
    "completed",
    "completed_from",
    "covered",
    "embed",
    "envelope",
    "explained",
    "explained_by",
    "fingerprint",
    "kept_envelope",
    "left_out",
    "portrait",
    "same_sound",
    "union_length",
]
