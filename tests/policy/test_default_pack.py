"""The pack that ships: its own cases, and the promises of `domain.md` and `law.md` it must keep."""

import pytest

from policy import UNKNOWN, Facts, MatchFact, decide, default_pack, lint_pack, test_pack
from policy.rehearsal import CaseResult

FOUND = {"fingerprint": "ok"}
RESULTS = test_pack(default_pack())


def whole_copy(**changes: object) -> MatchFact:
    """A match that is manifest unless changed."""
    facts: dict[str, object] = {
        "reference_id": "r1",
        "kind": "recording",
        "title": "Song",
        "score": 0.995,
        "coverage_query": 1.0,
        "coverage_reference": 0.9,
        "matched_seconds": 60.0,
        "reference_trusted": True,
    }
    return MatchFact.model_validate(facts | changes)


def judge(*matches: MatchFact, **facts: object) -> tuple[str, dict[str, str]]:
    decision = decide(
        default_pack(), Facts.model_validate({"detectors": FOUND, "matches": matches} | facts)
    )
    return decision.decision, decision.outcomes


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_case_of_the_default_pack_holds(result: CaseResult) -> None:
    assert result.passed, result.differences


def test_default_pack_has_thirty_rules_or_more_and_more_cases_than_rules() -> None:
    assert len(default_pack().rules) >= 30
    assert len(RESULTS) > len(default_pack().rules)


def test_default_pack_has_nothing_to_mend() -> None:
    assert [str(finding) for finding in lint_pack(default_pack())] == []


def test_every_rule_that_restricts_names_its_legal_basis() -> None:
    for rule in default_pack().rules:
        assert rule.outcome == "clear" or rule.legal_basis, rule.id


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"kind": "composition"}, {}),
        ({"score": 0.9899}, {}),
        ({"coverage_query": 0.8999}, {}),
        ({"coverage_query": None}, {}),
        ({"reference_trusted": False}, {}),
        ({"reference_decided": 20, "reference_precision": 0.8999}, {}),
        ({"reference_decided": 20, "reference_precision": None}, {}),
        ({"self_declared_licence": True}, {}),
        ({}, {"declared_licences": ("by word of mouth",)}),
        ({}, {"lawful_use_flag": True}),
        ({"reference_trusted": UNKNOWN}, {}),
        ({"licensed": UNKNOWN}, {}),
        ({"same_holder": UNKNOWN}, {}),
    ],
)
def test_block_that_is_not_manifest_becomes_review(
    changes: dict[str, object], facts: dict[str, object]
) -> None:
    assert judge(whole_copy())[0] == "block"
    assert judge(whole_copy(**changes), **facts)[0] == "review"


@pytest.mark.parametrize(
    ("changes", "germany"),
    [
        ({}, "clear"),
        ({"matched_seconds": 15.0}, "clear"),
        ({"matched_seconds": 15.1}, "review"),
        ({"matched_seconds": None}, "review"),
        ({"coverage_reference": 0.4999}, "clear"),
        ({"coverage_reference": 0.5}, "review"),
        ({"coverage_query": 0.9}, "block"),
    ],
)
def test_german_presumption_needs_half_a_work_something_else_and_fifteen_seconds(
    changes: dict[str, object], germany: str
) -> None:
    """DE-URHDAG: under 50 % of the work, combined with other content, and 15 s or flagged."""
    short = {"coverage_query": 0.2, "coverage_reference": 0.1, "matched_seconds": 12.0}
    elsewhere = "block" if changes.get("coverage_query") == 0.9 else "review"
    _, outcomes = judge(whole_copy(**short | changes))
    assert outcomes["*"] == elsewhere
    assert outcomes.get("DE", outcomes["*"]) == germany


def test_explanation_shows_each_clause_with_the_values_it_saw() -> None:
    decision = decide(default_pack(), Facts(detectors=FOUND, matches=(whole_copy(score=0.95),)))
    entry = next(e for e in decision.explanation["rules"] if e["rule"] == "recording-block")
    assert {
        "clause": "match.score >= thresholds.recording_score",
        "value": "true",
        "seen": {"match.score": 0.95, "thresholds.recording_score": 0.8},
    } in entry["when"]["all"]
    assert {
        "clause": "match.score >= thresholds.manifest_score",
        "value": "false",
        "seen": {"match.score": 0.95, "thresholds.manifest_score": 0.99},
    } in entry["manifest"]["all"]


def test_statement_holds_the_values_of_the_case() -> None:
    licensed = whole_copy(licensed=True, licence_territories=("DE", "AT"))
    decision = decide(default_pack(), Facts(detectors=FOUND, matches=(licensed,)))
    assert decision.reasons[0].text == (
        "60.0 s of the recording 'Song' were found, 100 % of the track. "
        "Its holder does not allow this use (everywhere except AT, DE)."
    )
    (exempted,) = decision.exempted
    assert exempted.text == "A licence for 'Song' is on record (AT, DE)."
    assert exempted.to_json()["texts"] == {
        "de": "Für „Song“ ist eine Lizenz hinterlegt (AT, DE).",
        "fr": "Une licence pour « Song » est enregistrée (AT, DE).",
        "es": "Consta una licencia para «Song» (AT, DE).",
    }


def test_decision_says_how_far_it_was_automatic() -> None:
    judged = {
        state: decide(default_pack(), Facts(detectors={"fingerprint": state})).automation
        for state in ("ok", "failed", "not_run")
    }
    assert judged == {"ok": "fully", "failed": "none", "not_run": "partly"}


@pytest.mark.parametrize("heard", [True, False, None])
@pytest.mark.parametrize("band", ["adult", "unassured", "teen"])
def test_unknown_clean_song_of_a_named_account_is_clear_whether_its_lyrics_were_heard_or_not(
    heard: bool | None, band: str
) -> None:
    outcome, _ = judge(account={}, age_band=band, lyrics_heard=heard, words=[], duration=180.0)
    assert outcome == "clear"


@pytest.mark.parametrize("scope", ["upload", "generate", "explicit", "voice"])
def test_no_other_consent_stands_in_for_consent_to_publish(scope: str) -> None:
    held, _ = judge(account={}, age_band="child", consents=[scope, "monetise"])
    freed, _ = judge(account={}, age_band="child", consents=[scope, "monetise", "publish"])
    assert (held, freed) == ("review", "clear")


def test_tenant_that_names_no_account_answers_for_consent_itself() -> None:
    assert judge(age_band="child", consents=None)[0] == "clear"


def test_holders_who_claim_the_same_seconds_are_named() -> None:
    facts = Facts(detectors=FOUND, matches=(whole_copy(holder="Label", other_holders=("Other",)),))
    texts = {reason.rule: reason.text for reason in decide(default_pack(), facts).reasons}
    assert texts["conflicting-holders"] == (
        "The same seconds as in 'Song' of Label are claimed by Other too. "
        "Where their wishes differ, the strictest counts (everywhere)."
    )
