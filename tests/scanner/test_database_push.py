"""Statements reach the EU's database within a day, by its own rules and without personal data (DSA-24/15)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from appeals.eu_database import personal_in
from scanner import database_push, inline, keys, matters, rulings, tenant_sizes
from scanner.callers import SCOPES, Caller
from scanner.journal import Actor
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import DatabasePush, Notice, Tenant
from scanner.tracks import locked
from scanner.transparency import report
from tests import casework
from tests.eu_database import EuDatabase
from tests.running import add_tenant

TOKEN = "x|y"
BLOCK = Ruling("block", "human.copy", "Ana Ruiz sent a copy of a song.", legal_basis=("DSM-17-7",))


@pytest.fixture
def eu() -> Iterator[EuDatabase]:
    database = EuDatabase(TOKEN)
    yield database
    database.close()


@pytest.fixture
def settings(eu) -> dict[str, object]:
    return {
        "dsa_database_url": eu.url("/api/v1/statements"),
        "dsa_database_token": TOKEN,
        "allowed_hosts": eu.host,
    }


@pytest.fixture
def service(make_service, settings) -> Service:
    return make_service(**settings)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def ruled(service: Service, caller: Caller, ruling: Ruling = BLOCK, **columns: object) -> str:
    track = casework.decided_track(service, caller, **columns)
    with service.database.transaction() as session:
        found = locked(session, caller.tenant_id, track.id)
        rulings.rule(service, session, found, ruling, Actor("rita", "reviewer"))
    inline.drive(service, track.id)
    return track.id


def pushes(service: Service) -> list[DatabasePush]:
    with service.database.reading() as session:
        return list(session.exec(select(DatabasePush).order_by(DatabasePush.id)))


def test_a_restriction_is_sent_with_its_fields_and_the_answer_is_kept(service, caller, eu) -> None:
    ruled(service, caller, external_id="ana-ruiz-demo")

    assert database_push.send_due(service) == 1

    (row,) = pushes(service)
    sent = eu.taken[row.statement_id]
    assert (row.state, row.uuid) == ("sent", sent["uuid"])
    assert sent["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_DISABLED"]
    assert sent["category"] == "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS"
    assert sent["category_specification"] == ["KEYWORD_COPYRIGHT_INFRINGEMENT"]
    assert sent["automated_decision"] == "AUTOMATED_DECISION_NOT_AUTOMATED"
    assert len(sent["territorial_scope"]) == 30
    assert "Ana" not in str(sent)
    assert "ruiz" not in str(sent)
    assert database_push.send_due(service) == 0
    events = [each.type.rpartition(".")[2] for each in casework.events(service, row.statement_id)]
    assert events == ["written", "pushed"]


def test_it_is_due_a_day_after_the_effect_and_said_once_to_be_late(service, caller, eu) -> None:
    eu.failing = True
    ruled(service, caller)
    database_push.send_due(service)
    (row,) = pushes(service)
    assert row.due_at - row.created_at == timedelta(hours=24)
    assert (row.state, row.error) == ("waiting", "answered 503")
    assert database_push.send_due(service) == 0  # not before its next try

    now = service.now()
    casework.at(service, now + timedelta(hours=25))
    database_push.send_due(service)
    casework.at(service, now + timedelta(hours=29))
    eu.failing = False
    database_push.send_due(service)

    (row,) = pushes(service)
    assert row.state == "sent"
    _written, late, pushed = casework.events(service, row.statement_id)
    assert late.type == "clearance.statement.late"
    assert pushed.data["in_time"] is False


def test_what_was_taken_before_a_crash_counts_as_sent(
    make_service, database_url, settings, eu
) -> None:
    service = make_service(database_url=database_url, **settings)
    caller = add_tenant(service)
    ruled(service, caller)
    eu.losing = True
    database_push.send_due(service)
    assert pushes(service)[0].state == "waiting"
    eu.losing = False
    ruled(service, caller)
    casework.at(service, service.now() + timedelta(minutes=5))

    database_push.send_due(service)  # the first is known; the second was in the same batch
    database_push.send_due(service)

    assert [each.state for each in pushes(service)] == ["sent", "sent"]
    assert len(eu.taken) == 2


def test_one_that_is_refused_keeps_no_other_from_its_way(service, caller, eu) -> None:
    ruled(service, caller)
    with service.database.transaction() as session:
        row = session.exec(select(DatabasePush)).one()
        row.payload = row.payload | {"category": "STATEMENT_CATEGORY_MUSIC"}
    ruled(service, caller)

    database_push.send_due(service)
    database_push.send_due(service)

    first, second = pushes(service)
    assert (first.state, second.state) == ("refused", "sent")
    assert "STATEMENT_CATEGORY_MUSIC" in str(first.error)


def test_a_wrong_token_loses_nothing(service, caller, eu) -> None:
    eu.token = "another"
    ruled(service, caller)

    database_push.send_due(service)

    (row,) = pushes(service)
    assert (row.state, row.error) == ("waiting", "answered 401")


@pytest.mark.parametrize(
    ("territories", "scope"), [(("DE", "US"), ["DE"]), (("US", "BR"), None), ((), 30)]
)
def test_only_what_holds_in_the_european_economic_area_is_sent(
    service, caller, territories, scope
) -> None:
    ruled(service, caller, Ruling("block", "human.copy", "A copy.", territories=territories))

    found = [each.payload["territorial_scope"] for each in pushes(service)]

    if scope is None:
        assert found == []
    else:
        assert found[0] == scope or len(found[0]) == scope


@pytest.mark.parametrize(
    ("form", "flagger", "source"),
    [
        ("dsa", None, "SOURCE_ARTICLE_16"),
        ("dsa", "f", "SOURCE_TRUSTED_FLAGGER"),
        ("dmca", None, "SOURCE_TYPE_OTHER_NOTIFICATION"),
        ("order", None, "SOURCE_TYPE_OTHER_NOTIFICATION"),
        ("likeness", None, "SOURCE_ARTICLE_16"),
    ],
)
def test_notices_of_every_form_pass_the_rules(service, caller, eu, form, flagger, source) -> None:
    notice = matters.new(
        Notice, caller.tenant_id, service.now(), form=form, elements={}, flagger_id=flagger
    )
    with service.database.transaction() as session:
        session.add(notice)
    ruled(service, caller, Ruling("block", "notice.actioned", "So.", ground=("notice", notice.id)))

    database_push.send_due(service)

    (sent,) = eu.taken.values()
    assert sent["source_type"] == source
    assert sent["decision_ground"] == "DECISION_GROUND_ILLEGAL_CONTENT"
    assert sent["automated_detection"] == "No"


@pytest.mark.parametrize("kind", ["monetise", "age", "territory"])
def test_every_limit_passes_the_rules(service, caller, eu, kind) -> None:
    limit = {"kind": kind, "territories": [], "except": []}
    ruled(service, caller, Ruling("restrict", "human.limit", "So.", restrictions=(limit,)))

    database_push.send_due(service)

    (sent,) = eu.taken.values()
    assert ("decision_monetary" in sent) == (kind == "monetise")


@pytest.mark.parametrize("change", [{"micro_or_small": True}, {"dsa_database_url": None}])
def test_small_firms_and_those_without_an_address_send_nothing(
    make_service, settings, change
) -> None:
    service = make_service(**(settings | change))
    ruled(service, add_tenant(service))

    assert pushes(service) == []
    assert database_push.send_due(service) == 0


@pytest.mark.parametrize("installed", [True, False])
def test_a_platforms_own_size_goes_before_the_setting(make_service, settings, installed) -> None:
    """DSA-19: one installation serves platforms of both sizes, and each report says whose it is."""
    service = make_service(**settings, micro_or_small=installed)
    own, other = add_tenant(service), add_tenant(service, "two")
    tenant_sizes.resize(service, own.tenant_id, not installed, keys.OPERATOR)
    for each in (own, other):
        ruled(service, each)

    sending = own if installed else other
    assert {each.tenant_id for each in pushes(service)} == {sending.tenant_id}
    today = service.now().date()
    said = {each: report.of_period(service, each.tenant_id, today, today) for each in (own, other)}
    assert [each["micro_or_small"] for each in said.values()] == [not installed, installed]
    tenant_sizes.resize(service, own.tenant_id, None, keys.OPERATOR)
    with service.database.reading() as session:
        tenant = session.get_one(Tenant, own.tenant_id)
        assert tenant_sizes.is_micro_or_small(service, tenant) == installed
    changed = [
        each for each in casework.events(service, own.tenant_id) if "resized" in str(each.data)
    ]
    assert len(changed) == 2


def test_nothing_is_sent_in_the_twelve_months_after_the_size_is_lost(service, caller, eu) -> None:
    """DSA-19: Art. 19(1), second sentence."""
    for small in (True, False):
        tenant_sizes.resize(service, caller.tenant_id, small, keys.OPERATOR)
    lost = service.now()
    ruled(service, caller)
    assert pushes(service) == []
    casework.at(service, lost + timedelta(days=367))
    ruled(service, caller)
    assert len(pushes(service)) == 1


def test_what_a_sandbox_does_is_not_sent(service, eu) -> None:
    platform = keys.create_tenant(service, "Label")
    key, _ = keys.create_key(service, platform.id, "test", sandbox=True)
    ruled(
        service, Caller(key.tenant_id, Actor(key.id, "platform"), frozenset(SCOPES), sandbox=True)
    )

    assert pushes(service) == []


def test_what_an_answer_leaves_out_is_asked_again_later(service, caller, eu) -> None:
    ruled(service, caller)
    eu.forgetting = True

    assert database_push.send_due(service) == 1
    assert database_push.send_due(service) == 0  # not before its next try

    (row,) = pushes(service)
    assert (row.state, row.error) == ("waiting", "it left some out")


def test_what_may_hold_personal_data_is_kept_back(service, caller, eu) -> None:
    reason = Ruling("block", "copy-by-Ana-Ruiz", "A copy.")
    ruled(service, caller, reason, external_id="ana-ruiz")

    database_push.send_due(service)

    (row,) = pushes(service)
    assert row.state == "refused"
    assert "a name" in str(row.error)
    assert eu.taken == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to ana@example.org", ["an e-mail address", "a name"]),
        ("call +49 30 1234567", ["a telephone number"]),
        ("see https://example.org", ["an address of the web"]),
        ("by ANA Ruiz", ["a name"]),
        ("17 U.S.C. 512(c)(3)(A), Regulation (EU) 2022/2065, banana", []),
    ],
)
def test_the_check_finds_what_could_name_somebody(text, found) -> None:
    assert personal_in([text], ["Ana"]) == found


def test_a_statement_that_spoils_its_batch_is_found_and_laid_aside(service, caller, eu) -> None:
    """DSA-24/15: the others go out at once, and somebody is told of the one."""
    for _ in range(5):
        ruled(service, caller)
    eu.poison = frozenset({pushes(service)[3].statement_id})

    with capture_logs() as logs:
        database_push.send_due(service)

    assert [each.state for each in pushes(service)] == ["sent"] * 3 + ["refused", "sent"]
    parked = [each["statement_id"] for each in logs if each["event"] == "database_push_parked"]
    assert parked == list(eu.poison)
    assert eu.posts <= 7
    assert "422" in str(pushes(service)[3].error)
    assert casework.events(service, parked[0])[-1].data["state"] == "refused"


def test_nothing_is_laid_aside_while_the_database_takes_nothing_at_all(service, caller, eu) -> None:
    """It may be the database that is broken: what it refuses waits for its next try, and is not lost."""
    for _ in range(2):
        ruled(service, caller)
    eu.poison = frozenset(each.statement_id for each in pushes(service))
    database_push.send_due(service)
    assert {each.state for each in pushes(service)} == {"waiting"}

    eu.poison = frozenset()
    casework.at(service, service.now() + timedelta(hours=1))
    database_push.send_due(service)
    assert {each.state for each in pushes(service)} == {"sent"}
