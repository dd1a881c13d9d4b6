"""Reference indexes: fingerprints in, matches out. This package touches the folder it is given."""

from fingerprint.index.params import IndexParams
from fingerprint.index.protocol import Answer, Index, IndexStats
from fingerprint.index.segment_index import SegmentIndex

__all__ = ["Answer", "Index", "IndexParams", "IndexStats", "SegmentIndex"]
