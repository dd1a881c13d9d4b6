"""Policy: facts about a track and a pack of rules in; a decision and its reasons out.

>>> from policy import Facts, decide, default_pack
>>> decide(default_pack(), Facts(detectors={"fingerprint": "ok"})).decision
'clear'
"""

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
from policy.judgement import decide
from policy.lint import lint_pack
from policy.packs import Pack, default_pack, load_pack
from policy.rehearsal import CaseResult, test_pack

__all__ = [
    "ABSENT",
    "SEVERITY",
    "UNKNOWN",
    "AccountFact",
    "AgeFact",
    "CaseResult",
    "Decision",
    "Exemption",
    "Fact",
    "Facts",
    "Finding",
    "Flip",
    "GenerationFact",
    "MatchFact",
    "Pack",
    "PackError",
    "PolicyError",
    "ProvenanceFact",
    "Reason",
    "Unknown",
    "WatermarkFact",
    "WordsFact",
    "altered",
    "decide",
    "default_pack",
    "facts_schema",
    "flips",
    "fold",
    "lint_pack",
    "load_pack",
    "test_pack",
]
