"""What of the index can be chosen, with the values that measuring chose."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IndexParams:
    """How segments are kept and how far a search goes.

    Attributes
    ----------
    max_segment_words : int
        A segment is not merged beyond this. 2**25 words are 17,000 tracks of 4 minutes; merging so
        many takes 33 s and, without their vectors, 6.2 GB at its peak, most of it for landmarks.
    merge_fan : int
        As many segments of about one size become one: each word is rewritten
        log(index size) / log(merge_fan) times.
    max_dead_share : float
        A segment with a greater share of tombstoned words is rewritten without them.
    lock_seconds : float
        How long a writer waits for another one.
    posting_budget : int
        Positions that one search reads from the inverted index, all segments together.
    max_probes : int
        Words of the query that are looked up; of a longer query, evenly spaced ones.
    max_diagonals : int
        Alignments that are compared bit by bit.
    min_score : float
        Matches below this probability are not returned.
    """

    max_segment_words: int = 1 << 25
    merge_fan: int = 8
    max_dead_share: float = 0.25
    lock_seconds: float = 60.0
    posting_budget: int = 1 << 17
    max_probes: int = 512
    max_diagonals: int = 512
    min_score: float = 0.5
