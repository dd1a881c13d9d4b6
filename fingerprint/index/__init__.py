"""Reference indexes: fingerprints in, matches out. This package touches the folder it is given, and
the Milvus collection.
"""

from fingerprint.index.milvus_collection import MilvusServer
from fingerprint.index.milvus_index import MilvusIndex
from fingerprint.index.params import IndexParams
from fingerprint.index.protocol import Answer, Index, IndexStats
from fingerprint.index.segment_index import SegmentIndex

__all__ = [
    "Answer",
    "Index",
    "IndexParams",
    "IndexStats",
    "MilvusIndex",
    "MilvusServer",
    "SegmentIndex",
]
