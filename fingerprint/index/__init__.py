"""Reference indexes: fingerprints in, matches out. This package touches the folder it is given."""

from fingerprint.index.params import IndexParams
from fingerprint.index.protocol import Index, IndexStats
from fingerprint.index.segment_index import SegmentIndex

__all__ = ["Index", "IndexParams", "IndexStats", "SegmentIndex"]
