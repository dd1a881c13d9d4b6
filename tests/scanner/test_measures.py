"""Who is suspended, ended or limited gets a statement of reasons for it, as for a track (DSA-17)."""

from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

import appeals
from appeals.errors import MissingReasonError
from appeals.standing import Submissions
from scanner import database_push, measures, sanctions, statements
from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.sanctions import SanctionAsked
from scanner.service import Service
from scanner.tables import DatabasePush, Sanction, StatementOfReasons
from tests import casework, noticed
from tests.eu_database import EuDatabase
from tests.running import add_tenant
from tests.scanner.test_strikes import actioned

TOKEN = "a token of the database"
SENT = Submissions(total=8, unfounded=6, gravity="serious", intent=True)


@pytest.fixture
def eu():
    database = EuDatabase(TOKEN)
    yield database
    database.close()


@pytest.fixture
def service(make_service, eu) -> Service:
    url = eu.url("/api/v1/statements")
    return make_service(dsa_database_url=url, dsa_database_token=TOKEN, allowed_hosts=eu.host)


@pytest.fixture
def caller(service) -> Caller:
    made = add_tenant(service)
    casework.at(service, service.now())
    return made


def sanctioned(service, caller, party: tuple[str, str], what: str, kind="suspension") -> Sanction:
    olga = casework.person(service, caller, "olga", "appeals_officer")
    otto = casework.person(service, caller, "otto", "appeals_officer")

    def asked(kind: str, days: int | None = None) -> SanctionAsked:
        return SanctionAsked(*party, what, kind, "Copies, again.", SENT, days)

    sanctions.propose(service, olga, asked("warning"))
    row = sanctions.propose(service, olga, asked(kind, 30 if kind == "suspension" else None))
    return sanctions.sign(service, otto, row.id, True, "I agree.")


def stated(service: Service) -> list[StatementOfReasons]:
    with service.database.reading() as session:
        query = select(StatementOfReasons).where(col(StatementOfReasons.track_id).is_(None))
        return list(session.exec(query.order_by(StatementOfReasons.id)))


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "Your account can't upload for a time."),
        ("de", "Ihr Konto kann vorübergehend nichts hochladen."),
        ("fr", "Votre compte ne peut rien mettre en ligne pendant un temps."),
        ("es", "Su cuenta no puede subir nada durante un tiempo."),
    ],
)
def test_a_suspension_is_stated_in_full_and_a_warning_is_none(
    service, caller, eu, language, says
) -> None:
    """DSA-17(1)(c), (3): what, how long, why, on what ground, and how to contest it."""
    account = casework.account(service, caller, "zq-7714")
    row = sanctioned(service, caller, ("account", account.id), "uploads")

    (statement,) = stated(service)
    told = statements.describe(service, statement, language)
    assert told["text"].startswith(says)
    assert "Copies, again." in told["text"]
    assert told["matter"] == {"kind": "sanction", "id": row.id}
    assert (told["restricts"], told["effect"]) == (["service"], "suspended")
    assert (told["ends_at"], told["ends_when"]) == (row.ends_at.isoformat(), "over")
    assert (told["ground"], told["legal_basis"]) == ("terms", ["DSA-23"])
    assert told["automated_decision"] is False
    assert told["redress"]["until"] is not None
    warning, letter = casework.letters(service, template="sanction")
    assert "suspended" not in warning.body
    assert statement.text in letter.body
    assert statement.id in letter.body

    assert database_push.send_due(service) == 1
    sent = eu.taken[statement.id]
    assert sent["decision_provision"] == "DECISION_PROVISION_PARTIAL_SUSPENSION"
    assert sent["end_date_service_restriction"] == row.ends_at.date().isoformat()
    assert sent["automated_decision"] == "AUTOMATED_DECISION_NOT_AUTOMATED"
    assert account.external_id not in str(sent)


def test_the_end_of_an_account_goes_to_the_database_as_such(service, caller, eu) -> None:
    account = casework.account(service, caller)
    sanctioned(service, caller, ("account", account.id), "account", "termination")
    (statement,) = stated(service)
    assert "Your account is ended." in statement.text
    database_push.send_due(service)
    sent = eu.taken[statement.id]
    assert sent["decision_account"] == "DECISION_ACCOUNT_TERMINATED"
    assert "end_date_account_restriction" not in sent


def test_who_may_send_no_notices_gets_a_statement_that_no_database_takes(service, caller) -> None:
    """DSA-23(2) suspends the work on notices, which is none of the restrictions of DSA-17(1)."""
    notice = noticed.sent(service, caller, casework.decided_track(service, caller).id)
    row = sanctioned(service, caller, ("notifier", str(notice.notifier_digest)), "notices")
    (statement,) = stated(service)
    assert "We don't work on your notices for a time." in statement.text
    assert (statement.party_kind, statement.matter_id) == ("notifier", row.id)
    with service.database.reading() as session:
        assert session.exec(select(DatabasePush)).first() is None


def test_a_proposed_or_refused_sanction_has_no_statement(service, caller) -> None:
    account = casework.account(service, caller)
    olga = casework.person(service, caller, "olga", "appeals_officer")
    asked = SanctionAsked("account", account.id, "uploads", "warning", "Copies.", SENT)
    row = sanctions.propose(service, olga, asked)
    assert stated(service) == []
    with (
        service.database.reading() as session,
        pytest.raises(NotFoundError, match="restricts nothing"),
    ):
        measures.of_matter(session, caller.tenant_id, "sanction", row.id)


def test_a_strike_that_limits_the_account_is_stated_and_one_that_warns_is_not(
    service, caller
) -> None:
    """DMCA-RI, DSA-17: the second strike of the policy limits what the account uploads."""
    account = casework.account(service, caller)
    actioned(service, caller, account)
    casework.later(service, days=9)
    assert stated(service) == []

    notice = actioned(service, caller, account)
    casework.later(service, days=9)

    (statement,) = stated(service)
    assert (statement.effect, statement.matter_kind) == ("limited", "strike")
    assert (statement.source, statement.source_id) == ("notice", notice.id)
    assert (statement.automated_decision, statement.legal_basis) == (True, ["DMCA-RI"])
    *_, letter = casework.letters(service, template="strike-active")
    assert statement.text in letter.body


def test_no_measure_without_a_reason() -> None:
    measure = appeals.Measure(("sanction", "s"), ("account", "a"), "uploads", "suspended")
    with pytest.raises(MissingReasonError, match="without a reason"):
        appeals.state_measure(
            statement_id="x",
            tenant_id="t",
            measure=measure,
            reasons=[{"rule": "r", "text": "", "legal_basis": []}],
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )
