"""Ages, consents, controls and generations on record, on both databases and under a moving clock."""

import json
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from scanner import ages, consents, generations, parental_controls, people
from scanner.ages import AgeSaid
from scanner.bus.chores import Chores
from scanner.callers import Caller
from scanner.consents import ConsentAsked
from scanner.consumer_groups import GROUPS
from scanner.errors import IllegalTransitionError, NotFoundError, PreconditionFailedError
from scanner.generations import GenerationAsked
from scanner.inline import drive_group
from scanner.journal import Actor
from scanner.parental_controls import ControlsSet
from scanner.privacy.person_keys import Person
from scanner.privacy.personal import opened
from scanner.service import Service
from scanner.tables import AgeAssurance, Consent, Generation, JournalRow
from tests.running import add_tenant

PARENT = Actor("parent", "parent")


@pytest.fixture
def service(make_service, database_url) -> Service:
    return make_service(database_url=database_url)


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def at(service: Service, moment: datetime) -> None:
    service.now = lambda: moment


def later(service: Service, **more: float) -> None:
    at(service, service.now() + timedelta(**more))


def handle(service: Service, caller: Caller) -> None:
    """Let the workers' group that looks at people do its work."""
    (group,) = (each for each in GROUPS if each.name == "people")
    drive_group(service, group, caller.tenant_id)


def asked(*scopes: str, **more: object) -> ConsentAsked:
    given = {"method": "signed-form"} | more
    return ConsentAsked("mother", scopes, "May your child do this?", "2026-11", **given)


def consented(service: Service, caller: Caller, *scopes: str, **more: object) -> Consent:
    linked = consents.request(service, caller, "kid", asked(*scopes, **more))
    return consents.grant(service, linked.consent.id, PARENT, "signed-form").consent


def facts(service: Service, caller: Caller, **declared: object) -> dict:
    with service.database.reading() as session:
        told = {"account": "kid"} | declared
        return people.facts(session, caller.tenant_id, told, service.now())


def journal(service: Service, prefix: str) -> list[JournalRow]:
    with service.database.reading() as session:
        rows = session.exec(select(JournalRow).order_by(JournalRow.id))
        return [row for row in rows if row.type.startswith(f"clearance.{prefix}")]


def generation(service: Service, view: dict) -> Generation:
    with service.database.reading() as session:
        return session.get_one(Generation, view["id"])


# --- ages


def test_a_birth_date_becomes_a_band_and_is_nowhere_in_the_database(service, caller) -> None:
    born = date(service.now().year - 14, 1, 2)
    said = AgeSaid("document", birth_date=born, country="DE", issuer="id-check")

    view = ages.assure(service, caller, "kid", said)

    assert (view["band"], view["level"], view["law"]) == ("child", "high", "GDPR-8")  # under 16
    with service.database.reading() as session:
        for table in ("age_assurance", "account", "journal"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()
            assert rows
            assert born.isoformat() not in json.dumps([list(row) for row in rows], default=str)


def test_the_most_reliable_assurance_counts_and_a_stricter_word_of_the_submission(
    service, caller
) -> None:
    assert facts(service, caller)["age_band"] == "unassured"
    assert facts(service, caller, age_band="teen")["age_band"] == "teen"
    ages.assure(service, caller, "kid", AgeSaid("document", band="teen", country="US"))
    ages.assure(service, caller, "kid", AgeSaid("self-declared", band="adult"))

    found = facts(service, caller, age_band="adult")
    assert (found["age_band"], found["age"].method, found["age"].consent_age) == (
        "teen",
        "document",
        13,
    )
    assert facts(service, caller, age_band="child")["age_band"] == "child"
    own = facts(service, caller, account=None)
    assert (own["age_band"], own["age"], own["consents"]) == ("adult", None, None)


def test_a_lapsed_assurance_counts_for_more_than_the_word_of_a_submission(service, caller) -> None:
    ages.assure(service, caller, "kid", AgeSaid("document", band="teen", country="US"))
    later(service, days=366)

    def told() -> list[str]:
        said = ("adult", "teen", "child", None)
        return [facts(service, caller, age_band=band)["age_band"] for band in said]

    assert told() == ["unassured", "unassured", "child", "unassured"]
    assert ages.purge_expired(service) == 1
    assert told() == ["unassured", "unassured", "child", "unassured"]


def test_a_newer_word_of_the_same_issuer_purges_the_older_one(service, caller) -> None:
    for band in ("teen", "child"):
        ages.assure(service, caller, "kid", AgeSaid("provider", band=band, issuer="school"))

    with service.database.reading() as session:
        rows = session.exec(select(AgeAssurance).order_by(AgeAssurance.id)).all()
    assert [(row.state, row.band) for row in rows] == [("purged", None), ("assured", "child")]
    assert [row.data["cause"] for row in journal(service, "age.purged")] == ["replaced"]


def test_a_minors_band_is_forgotten_after_a_year(service, caller) -> None:
    ages.assure(service, caller, "kid", AgeSaid("document", band="teen", country="US"))
    later(service, days=364)
    assert facts(service, caller)["age_band"] == "teen"

    later(service, days=1)
    assert facts(service, caller)["age_band"] == "unassured"  # before any worker came
    Chores(service).run_due()

    with service.database.reading() as session:
        (row,) = session.exec(select(AgeAssurance)).all()
    assert (row.state, row.band, row.country, row.method) == ("purged", None, None, "document")
    assert ages.purge_expired(service) == 0


def test_a_second_assurance_names_the_version_that_it_follows(service, caller) -> None:
    said = AgeSaid("document", band="adult")
    view = ages.assure(service, caller, "kid", said)

    with pytest.raises(PreconditionFailedError):
        ages.assure(service, caller, "kid", said, expected_version=view["version"] + 1)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (AgeSaid("document"), "either a band or a birth date"),
        (AgeSaid("document", "teen", date(2010, 1, 1)), "either a band or a birth date"),
        (AgeSaid("self-declared", "adult", level="high"), "at best"),
        (AgeSaid("document", birth_date=date(1800, 1, 1)), "birth date is not"),
    ],
)
def test_what_can_not_be_so_is_refused(service, caller, said, told) -> None:
    with pytest.raises(ages.BadAgeError, match=told):
        ages.assure(service, caller, "kid", said)


# --- consents


def test_consent_is_in_force_from_its_grant_to_its_withdrawal(service, caller) -> None:
    linked = consents.request(service, caller, "kid", asked("publish", "generate"))
    assert facts(service, caller)["consents"] == ()

    granted = consents.grant(
        service, linked.consent.id, PARENT, "signed-form", ["publish"], linked.token
    )
    assert facts(service, caller)["consents"] == ("publish",)  # the parent left the other out
    consents.withdraw(service, linked.consent.id, PARENT, granted.token)
    assert facts(service, caller)["consents"] == ()

    moves = [row.type.removeprefix("clearance.consent.") for row in journal(service, "consent.")]
    assert moves == ["requested", "granted", "withdrawn"]
    (granted,) = journal(service, "consent.granted")
    receipt = opened(service.person_keys, granted.id, granted.data)[0]["receipt_sha256"]
    with service.database.reading() as session:
        view = consents.describe(session, session.get_one(Consent, linked.consent.id))
    assert view["receipt"]["sha256"] == receipt
    assert view["receipt"]["text_sha256"] == view["text_sha256"]


def test_a_parents_link_is_good_for_one_move(service, caller) -> None:
    linked = consents.request(service, caller, "kid", asked("publish"))
    consent_id = linked.consent.id
    granted = consents.grant(service, consent_id, PARENT, "signed-form", token=linked.token)

    for spent in (linked.token, "clr_parent_guess"):
        with pytest.raises(NotFoundError):
            consents.withdraw(service, consent_id, PARENT, spent)
    consents.withdraw(service, consent_id, PARENT, granted.token)
    with pytest.raises(NotFoundError):
        consents.withdraw(service, consent_id, PARENT, granted.token)


def test_a_receipt_stays_the_same_when_consent_ends(service, caller) -> None:
    consent = consented(service, caller, "publish", lasts_days=30)
    with service.database.reading() as session:
        before = consents.receipt(session, session.get_one(Consent, consent.id))
    consents.withdraw(service, consent.id, PARENT)

    with service.database.reading() as session:
        assert consents.receipt(session, session.get_one(Consent, consent.id)) == before


def test_weak_verification_allows_nothing_that_discloses(service, caller) -> None:
    linked = consents.request(service, caller, "kid", asked("publish", "generate"))

    with pytest.raises(consents.BadConsentError, match="email-plus is not enough for publish"):
        consents.grant(service, linked.consent.id, PARENT, "email-plus")
    consents.grant(service, linked.consent.id, PARENT, "email-plus", ["generate"])
    assert facts(service, caller)["consents"] == ("generate",)


def test_a_parent_agrees_to_nothing_that_was_not_asked(service, caller) -> None:
    linked = consents.request(service, caller, "kid", asked("generate"))

    with pytest.raises(consents.BadConsentError, match="some of what was asked"):
        consents.grant(service, linked.consent.id, PARENT, "signed-form", ["publish"])


def test_nobody_is_their_own_parent(service, caller) -> None:
    with pytest.raises(consents.BadConsentError, match="own parent"):
        consents.request(service, caller, "mother", asked("publish"))


def test_consent_and_requests_run_out_by_the_clock(service, caller) -> None:
    granted = consented(service, caller, "publish", lasts_days=30)
    waiting = consents.request(service, caller, "kid", asked("generate"))
    later(service, days=consents.ANSWER_DAYS)

    with pytest.raises(IllegalTransitionError, match="expired"):  # no worker has come yet
        consents.grant(service, waiting.consent.id, PARENT, "signed-form")
    assert consents.expire_due(service) == 1
    assert facts(service, caller)["consents"] == ("publish",)

    later(service, days=30 - consents.ANSWER_DAYS)
    assert facts(service, caller)["consents"] == ()
    assert consents.expire_due(service) == 1
    with service.database.reading() as session:
        assert session.get_one(Consent, granted.id).state == "expired"
    told = journal(service, "consent.expired")
    assert [row.data["was_granted"] for row in told] == [False, True]


def test_withdrawing_one_consent_leaves_the_other(service, caller) -> None:
    consented(service, caller, "publish")
    both = consented(service, caller, "publish", "generate")

    consents.withdraw(service, both.id, PARENT)

    assert facts(service, caller)["consents"] == ("publish",)


def test_what_a_parent_switched_off_is_not_consented_to(service, caller) -> None:
    consented(service, caller, "publish", "generate")

    parental_controls.put(service, caller, "kid", ControlsSet(publishing=False))

    assert facts(service, caller)["consents"] == ("generate",)
    (changed,) = journal(service, "controls.changed")
    assert changed.data["changed"] == ["publishing"]


# --- generations


def request(service: Service, caller: Caller, account: str | None = "kid") -> dict:
    return generations.request(service, caller, GenerationAsked("a slow waltz", account))


def test_a_childs_generation_waits_is_queued_on_grant_and_pulled_on_withdrawal(
    service, caller
) -> None:
    ages.assure(service, caller, "kid", AgeSaid("parent", band="child", country="US"))
    view = request(service, caller)
    assert (view["state"], view["needs_consent"]) == ("waiting_consent", "generate")
    assert view["reasons"][0]["legal_basis"] == ["COPPA"]

    consent = consented(service, caller, "generate")
    handle(service, caller)
    assert generation(service, view).state == "queued"

    consents.withdraw(service, consent.id, PARENT)
    handle(service, caller)
    assert generation(service, view).state == "withdrawn"
    moves = [row.type.rpartition(".")[2] for row in journal(service, "generation.")]
    assert moves == ["requested", "waiting_consent", "queued", "withdrawn"]
    assert all("waltz" not in json.dumps(row.data) for row in journal(service, "generation."))


def test_a_parents_no_ends_what_waited_for_it_and_a_lapsed_question_does_not(
    service, caller
) -> None:
    view = request(service, caller)
    consents.request(service, caller, "kid", asked("generate"))
    later(service, days=consents.ANSWER_DAYS)
    consents.expire_due(service)
    handle(service, caller)
    assert generation(service, view).state == "waiting_consent"

    linked = consents.request(service, caller, "kid", asked("generate"))
    consents.withdraw(service, linked.consent.id, PARENT, linked.token)
    handle(service, caller)
    assert generation(service, view).state == "withdrawn"


def test_an_age_that_is_assured_later_frees_what_waited(service, caller) -> None:
    view = request(service, caller)

    ages.assure(service, caller, "kid", AgeSaid("document", band="teen", country="US"))
    handle(service, caller)

    assert generation(service, view).state == "queued"


def test_the_platform_itself_and_adults_wait_for_nobody(service, caller) -> None:
    ages.assure(service, caller, "grown", AgeSaid("self-declared", band="adult"))

    for account in (None, "grown"):
        view = request(service, caller, account)
        assert (view["state"], view["reasons"]) == ("queued", [])
        assert (view["track_id"], view["take"]) == (None, None)


def test_a_daily_quota_is_of_the_familys_day(service, caller) -> None:
    noon = service.now().replace(hour=12, minute=0)
    at(service, noon)
    ages.assure(service, caller, "kid", AgeSaid("document", band="teen", country="US"))
    controls = ControlsSet(daily_generations=2, zone="Pacific/Auckland")  # its day ends soon
    parental_controls.put(service, caller, "kid", controls)

    states = [request(service, caller)["state"] for _ in range(3)]
    at(service, noon.replace(hour=11) + timedelta(days=1))

    assert states == ["queued", "queued", "refused"]
    assert request(service, caller)["state"] == "queued"


def test_hours_are_those_of_the_request_not_of_the_parents_answer(service, caller) -> None:
    noon = service.now().replace(hour=12, minute=0)
    at(service, noon)
    hours = ControlsSet(opens="08:00", closes="20:00")
    parental_controls.put(service, caller, "kid", hours)
    view = request(service, caller)
    at(service, noon.replace(hour=22))
    consented(service, caller, "generate")
    handle(service, caller)

    assert generation(service, view).state == "queued"
    refused = request(service, caller)
    assert (refused["state"], refused["reasons"][0]["rule"]) == ("refused", "controls.hours")


def test_of_two_waiting_requests_a_quota_of_one_lets_one_through(service, caller) -> None:
    parental_controls.put(service, caller, "kid", ControlsSet(daily_generations=1))
    views = [request(service, caller) for _ in range(2)]
    consented(service, caller, "generate")
    handle(service, caller)

    assert [generation(service, view).state for view in views] == ["queued", "refused"]


def test_another_tenants_account_of_the_same_name_is_somebody_else(service, caller) -> None:
    other = add_tenant(service, "two")
    consented(service, caller, "generate")

    assert request(service, other)["state"] == "waiting_consent"
    assert request(service, caller)["state"] == "queued"


def test_no_event_tells_whether_somebody_is_a_child(service, caller) -> None:
    ages.assure(service, caller, "kid", AgeSaid("document", band="child", country="US"))
    ages.assure(service, caller, "mum", AgeSaid("document", band="adult", country="US"))
    request(service, caller)

    young, grown = journal(service, "age.assured")
    assert len(young.data["expires_at"]) == len(grown.data["expires_at"])
    assert opened(service.person_keys, young.id, young.data)[0]["expires_at"] is not None
    assert opened(service.person_keys, grown.id, grown.data)[0]["expires_at"] is None
    (waiting,) = journal(service, "generation.waiting")
    assert "consent" not in str(waiting.data)
    assert opened(service.person_keys, waiting.id, waiting.data)[0]["rules"]

    with service.database.reading() as session:
        kid = people.find(session, caller.tenant_id, "kid").id
    service.person_keys.destroy(Person("account", kid))
    told, erased = opened(service.person_keys, waiting.id, waiting.data)
    assert (told["rules"], erased) == (["erased"], ["rules"])
