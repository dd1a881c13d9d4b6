"""Policy: facts about a track and a pack of rules in; a decision and its reasons out.

>>> from policy import Facts, decide, default_pack
>>> decide(default_pack(), Facts(detectors={"fingerprint": "ok"})).decision
'clear'
"""

from policy.activation import (
    REHEARSED,
    IllegalMoveError,
    PackMove,
    PackState,
    falls_to_candidate,
    moved,
    strays,
)
from policy.comparison import Confusion, Difference, Ruling, compare
from policy.decisions import SEVERITY, Decision, Exemption, Reason, fold
from policy.errors import PackError, PolicyError
from policy.facts import (
    ABSENT,
    UNKNOWN,
    AccountFact,
    AgeFact,
    Fact,
    Facts,
    GenerationFact,
    MatchFact,
    ProvenanceFact,
    Unknown,
    WatermarkFact,
    WordsFact,
)
from policy.judgement import decide
from policy.lint import Finding, lint_pack
from policy.packs import Pack, default_pack, default_pack_text, load_pack, read_pack
from policy.rates import Usual, chance_of, has_jumped
from policy.rehearsal import CaseResult, test_pack

__all__ = [
    "ABSENT",
    "REHEARSED",
    "SEVERITY",
    "UNKNOWN",
    "AccountFact",
    "AgeFact",
    "CaseResult",
    "Confusion",
    "Decision",
    "Difference",
    "Exemption",
    "Fact",
    "Facts",
    "Finding",
    "GenerationFact",
    "IllegalMoveError",
    "MatchFact",
    "Pack",
    "PackError",
    "PackMove",
    "PackState",
    "PolicyError",
    "ProvenanceFact",
    "Reason",
    "Ruling",
    "Unknown",
    "Usual",
    "WatermarkFact",
    "WordsFact",
    "chance_of",
    "compare",
    "decide",
    "default_pack",
    "default_pack_text",
    "falls_to_candidate",
    "fold",
    "has_jumped",
    "lint_pack",
    "load_pack",
    "moved",
    "read_pack",
    "strays",
    "test_pack",
]
