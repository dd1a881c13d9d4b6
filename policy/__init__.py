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
from policy.ages import AgeError, Assurance, band_on, most_reliable, stricter
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
    facts_schema,
)
from policy.findings import Finding
from policy.flipping import Flip, altered, flips
from policy.gates import (
    ACTS,
    HOURS,
    Controls,
    Gate,
    GateReason,
    Person,
    counted_band,
    daily_limit,
    gate,
    quota_left,
    strictest,
)
from policy.judgement import decide
from policy.jurisdictions import Jurisdictions, default_jurisdictions, load_jurisdictions
from policy.lint import lint_pack
from policy.packs import Pack, Rule, default_pack, default_pack_text, load_pack, read_pack
from policy.rates import Usual, chance_of, has_jumped
from policy.rehearsal import CaseResult, test_pack

__all__ = [
    "ABSENT",
    "ACTS",
    "HOURS",
    "REHEARSED",
    "SEVERITY",
    "UNKNOWN",
    "AccountFact",
    "AgeError",
    "AgeFact",
    "Assurance",
    "CaseResult",
    "Confusion",
    "Controls",
    "Decision",
    "Difference",
    "Exemption",
    "Fact",
    "Facts",
    "Finding",
    "Flip",
    "Gate",
    "GateReason",
    "GenerationFact",
    "IllegalMoveError",
    "Jurisdictions",
    "MatchFact",
    "Pack",
    "PackError",
    "PackMove",
    "PackState",
    "Person",
    "PolicyError",
    "ProvenanceFact",
    "Reason",
    "Rule",
    "Ruling",
    "Unknown",
    "Usual",
    "WatermarkFact",
    "WordsFact",
    "altered",
    "band_on",
    "chance_of",
    "compare",
    "counted_band",
    "daily_limit",
    "decide",
    "default_jurisdictions",
    "default_pack",
    "default_pack_text",
    "facts_schema",
    "falls_to_candidate",
    "flips",
    "fold",
    "gate",
    "has_jumped",
    "lint_pack",
    "load_jurisdictions",
    "load_pack",
    "most_reliable",
    "moved",
    "quota_left",
    "read_pack",
    "strays",
    "stricter",
    "strictest",
    "test_pack",
]
