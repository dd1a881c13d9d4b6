"""A small pack to which tests add rules, facts that are clear, and what a decision says of a place."""

from policy import AccountFact, Decision, Facts, MatchFact, Pack, load_pack
from policy.territories import REST
from tests.policy.strategies import CODES


def outcome_in(decision: Decision, territory: str) -> str:
    return decision.outcomes.get(territory) or decision.outcomes[REST]


def cells(decision: Decision) -> list[str]:
    """Every territory that may differ, and the rest if it was asked for."""
    return [*CODES, REST] if REST in decision.outcomes else list(decision.outcomes)


SMALL = """\
name: small
thresholds: {manifest_score: 0.9, manifest_share: 0.5, manifest_precision: 0.5, manifest_decided: 20}
rules:
  - id: own-work
    title: Own
    phase: exempt
    for_each: matches
    when: match.same_holder
  - id: licensed
    title: Licensed
    phase: exempt
    for_each: matches
    where: match.licence_territories
    when: match.licensed
  - id: monetised
    title: Monetised
    for_each: matches
    where: match.territories
    when: match.reference_policy == 'monetise'
    outcome: restrict
    restriction: {kind: monetise}
"""


def pack_with(rules: str) -> Pack:
    return load_pack(SMALL + rules)


LIVELY = Facts(  # clear
    account=AccountFact(),
    age_band="unassured",
    duration=60.0,
    detectors=dict.fromkeys(("fingerprint", "watermark", "provenance", "lyrics"), "ok"),
    matches=(MatchFact(reference_id="r", kind="recording", score=0.5),),
)
