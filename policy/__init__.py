"""Policy: facts about a track and a pack of rules in; a decision and its reasons out.

>>> from policy import Facts, decide, default_pack
>>> decide(default_pack(), Facts(detectors={"fingerprint": "ok"})).decision
'clear'
"""

from policy.ages import AgeError, Assurance, band_on, most_reliable, stricter
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
from policy.gates import ACTS, Controls, Gate, GateReason, Person, gate, strictest
from policy.judgement import decide
from policy.jurisdictions import Jurisdictions, default_jurisdictions, load_jurisdictions
from policy.lint import lint_pack
from policy.packs import Pack, default_pack, load_pack
from policy.rehearsal import CaseResult, test_pack

__all__ = [
    "ABSENT",
    "ACTS",
    "SEVERITY",
    "UNKNOWN",
    "AccountFact",
    "AgeError",
    "AgeFact",
    "Assurance",
    "CaseResult",
    "Controls",
    "Decision",
    "Exemption",
    "Fact",
    "Facts",
    "Finding",
    "Flip",
    "Gate",
    "GateReason",
    "GenerationFact",
    "Jurisdictions",
    "MatchFact",
    "Pack",
    "PackError",
    "Person",
    "PolicyError",
    "ProvenanceFact",
    "Reason",
    "Unknown",
    "WatermarkFact",
    "WordsFact",
    "altered",
    "band_on",
    "decide",
    "default_jurisdictions",
    "default_pack",
    "facts_schema",
    "flips",
    "fold",
    "gate",
    "lint_pack",
    "load_jurisdictions",
    "load_pack",
    "most_reliable",
    "stricter",
    "strictest",
    "test_pack",
]
