from datetime import UTC, datetime

import pytest

import appeals
from appeals.errors import MissingReasonError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REASON = {"rule": "r", "text": "It matches.", "legal_basis": ["DSM-17-7"], "outcome": "block"}


def state(reasons, effect="blocked") -> appeals.StatementOfReasons:
    return appeals.state_reasons(
        statement_id="s",
        tenant_id="t",
        track_id="k",
        decision_id="d",
        effect=effect,
        restrictions=[],
        reasons=reasons,
        automated_decision=True,
        now=NOW,
    )


def test_a_statement_says_what_why_and_how_to_contest_it() -> None:
    statement = state([REASON])

    assert statement.text.startswith("Your track is not available.")
    assert "It matches." in statement.text
    assert "six months" in statement.redress
    assert statement.legal_basis == ["DSM-17-7"]
    assert (statement.automated_detection, statement.automated_decision) == (True, True)


@pytest.mark.parametrize(
    "reasons", [[], [{**REASON, "outcome": "clear"}], [{**REASON, "text": ""}]]
)
def test_no_effect_without_a_reason(reasons) -> None:
    with pytest.raises(MissingReasonError, match="without a reason"):
        state(reasons)


def test_a_case_waits_in_the_queue_with_its_reasons() -> None:
    case = appeals.open_case(
        case_id="c", tenant_id="t", track_id="k", kind="review", reasons=[REASON], now=NOW
    )

    assert (case.state, case.kind, case.reasons) == ("queued", "review", [REASON])
