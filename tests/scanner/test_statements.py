"""Every effect has its statement of reasons: fields, plain words, event and letter (DSA-17)."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select

from scanner import appeal_outcomes, appealing, inline, matters, rulings, statements
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.journal import Actor
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Notice, NoticeTrack, StatementOfReasons, Submission
from scanner.tracks import locked
from tests import casework
from tests.running import add_tenant

NOW = datetime(2026, 11, 26, 15, tzinfo=UTC)
REVIEWER = Actor("rita", "reviewer")


@pytest.fixture
def service(make_service) -> Service:
    service = make_service(legal_zone="Europe/Berlin")
    casework.at(service, NOW)
    return service


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def noticed(service: Service, caller: Caller, form: str, **columns: object) -> Notice:
    row = matters.new(Notice, caller.tenant_id, service.now(), form=form, elements={}, **columns)
    with service.database.transaction() as session:
        session.add(row)
    return row


def stated(service: Service, caller: Caller, ruling: Ruling, **columns: object):
    """Rule on a new track; return the statement of it."""
    track = casework.decided_track(service, caller, **columns)
    with service.database.transaction() as session:
        rulings.rule(
            service, session, locked(session, caller.tenant_id, track.id), ruling, REVIEWER
        )
    inline.drive(service, track.id)
    with service.database.reading() as session:
        return session.exec(
            select(StatementOfReasons).where(StatementOfReasons.track_id == track.id)
        ).one()


def blocking(ground: tuple[str, str] | None = None, **more: object) -> Ruling:
    return Ruling("block", "human.copy", "It copies a song.", ground=ground, **more)


def test_what_was_found_by_the_work_that_a_notice_names_was_found_by_machine(
    service, caller
) -> None:
    notice = noticed(service, caller, "dmca")
    track = casework.decided_track(service, caller)
    about = NoticeTrack(
        notice_id=notice.id,
        track_id=track.id,
        tenant_id=caller.tenant_id,
        origin="stay_down",
        state="found",
        created_at=NOW,
    )
    with service.database.transaction() as session:
        session.add(about)
        found = locked(session, caller.tenant_id, track.id)
        rulings.rule(service, session, found, blocking(("notice", notice.id)), REVIEWER)
    inline.drive(service, track.id)

    with service.database.reading() as session:
        (statement,) = statements.of_track(session, caller.tenant_id, track.id)
    assert (statement.source, statement.automated_detection) == ("notice", True)


@pytest.mark.parametrize(
    ("form", "flagger", "source"),
    [
        ("dmca", None, "notice"),
        ("dsa", None, "notice"),
        ("dsa", "flagger-1", "trusted_flagger"),
        ("order", None, "order"),
    ],
)
def test_a_statement_says_which_notice_it_goes_back_to(
    service, caller, form, flagger, source
) -> None:
    notice = noticed(service, caller, form, flagger_id=flagger)

    statement = stated(service, caller, blocking(("notice", notice.id)))

    assert (statement.source, statement.source_form, statement.source_id) == (
        source,
        form,
        notice.id,
    )
    assert statement.ground == "law"
    assert not statement.automated_detection
    assert not statement.automated_decision


@pytest.mark.parametrize(
    ("ground", "source"),
    [(None, "own_initiative"), (("claim", "c"), "claim"), (("appeal", "a"), "contest")],
)
def test_what_no_notice_led_to_was_found_by_us(service, caller, ground, source) -> None:
    statement = stated(service, caller, blocking(ground))

    assert (statement.source, statement.ground) == (source, "terms")
    assert statement.automated_detection


@pytest.mark.parametrize(("form", "ground"), [("dmca", "law"), (None, "terms")])
def test_what_is_left_after_an_appeal_goes_back_to_what_was_contested(
    service, caller, form, ground
) -> None:
    """DSA-17: a notice that was contested led to it still, and so does law."""
    first = ("notice", noticed(service, caller, form).id) if form else None
    before = stated(service, caller, blocking(first))
    officer = casework.person(service, caller, "olga", "appeals_officer")
    asked = AppealAsked("decision", before.decision_id, "No.")
    row = appealing.assign(service, officer, appealing.file(service, caller, asked).id)
    left = AppealDecision("grant_partly", "In Germany.", "block", ("DE",))
    appeal_outcomes.decide(service, officer, row.id, left)
    inline.drive(service, before.track_id)

    with service.database.reading() as session:
        statement, _ = statements.of_track(session, caller.tenant_id, before.track_id)
    assert (statement.source, statement.ground) == ("contest", ground)
    assert statement.automated_detection is (form is None)


@pytest.mark.parametrize(
    ("declared", "told", "subject"),
    [(["fr", None], "fr", "décidé"), (["de", "fr"], "fr", "décidé"), ([None, None], "es", "")],
)
def test_people_are_told_in_their_language(make_service, declared, told, subject) -> None:
    """That of the track, else the last that was declared, else the installation's (DSA-17)."""
    service = make_service(language="es")
    caller = add_tenant(service)
    who = casework.account(service, caller)
    for language in declared:
        track = casework.decided_track(service, caller, account_id=who.id)
        with service.database.transaction() as session:
            query = select(Submission).where(Submission.track_id == track.id)
            session.exec(query).one().declaration = {"language": language} if language else {}
    with service.database.transaction() as session:
        found = locked(session, caller.tenant_id, track.id)
        rulings.rule(service, session, found, blocking(), REVIEWER)
    inline.drive(service, track.id)

    (letter,) = casework.letters(service, template="statement-of-reasons")
    assert letter.language == told
    assert subject in letter.subject


def test_the_window_to_contest_ends_with_the_last_day_of_six_months_in_the_zone(
    service, caller
) -> None:
    statement = stated(service, caller, blocking())

    assert statement.contest_until == datetime(2027, 5, 26, 22, tzinfo=UTC)
    view = statements.describe(service, statement, "de")
    assert "26. Mai 2027" in view["text"]
    assert view["redress"] == {
        "ways": ["complaint", "out_of_court", "court"],
        "until": "2027-05-26T22:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("language", "what", "where", "own"),
    [
        ("en", "Your track is not available.", "Austria and Germany", ""),
        ("de", "Ihr Titel ist nicht verfügbar.", "Österreich und Deutschland", "Englisch"),
        ("fr", "Votre titre n'est pas disponible.", "Autriche et Allemagne", "anglais"),
        ("es", "Su pista no está disponible.", "Austria y Alemania", "inglés"),
    ],
)
def test_the_plain_form_reads_in_four_languages_and_says_what_does_not(
    language, what, where, own
) -> None:
    from appeals import laws, plain, state_reasons

    statement = state_reasons(
        statement_id="s",
        tenant_id="t",
        track_id="k",
        decision_id="d",
        effect="blocked",
        restrictions=[],
        reasons=[{"rule": "r", "text": "It matches.", "outcome": "block"}],
        automated_decision=True,
        now=NOW,
        outcomes={"*": "clear", "DE": "block", "AT": "block"},
    )
    text = plain(statement, language)

    assert text.startswith(what)
    assert where in text
    assert "It matches." in text
    assert own in text
    assert laws.cited("GDPR-22", language)[1:] in text
    assert "DSA-" not in text


def test_a_rule_that_speaks_the_readers_language_is_told_in_it(service, caller) -> None:
    ruling = Ruling("block", "human.r", "It matches.", texts={"de": "Es stimmt überein."})
    statement = stated(service, caller, ruling)

    german = statements.describe(service, statement, "de")
    assert "Es stimmt überein." in german["text"]
    assert german["reasons"][0]["text"] == "Es stimmt überein."
    assert "nur auf Englisch" not in german["text"]
    french = statements.describe(service, statement, "fr")
    assert "It matches." in french["text"]
    assert "n'existe qu'en anglais" in french["text"]


def test_a_restriction_of_some_territories_names_them_alone(service, caller) -> None:
    statement = stated(service, caller, blocking(territories=("DE", "FR")))

    form = statements.describe(service, statement, "en")
    assert (form["territories"], form["except"]) == (["DE", "FR"], [])
    assert form["restricts"] == ["visibility"]
    assert "Germany and France" in form["text"]


def test_money_is_told_apart_from_visibility(service, caller) -> None:
    monetise = {"kind": "monetise", "territories": [], "except": [], "holders": ["h"]}
    ruling = Ruling("restrict", "human.shared", "It is claimed.", restrictions=(monetise,))

    form = statements.describe(service, stated(service, caller, ruling), "en")

    assert form["restricts"] == ["money"]
    assert "revenue" in form["text"]


def test_the_account_gets_the_statement_as_a_letter_and_the_journal_its_codes(
    service, caller
) -> None:
    account = casework.account(service, caller)

    statement = stated(service, caller, blocking(), account_id=account.id)

    (letter,) = casework.letters(service, template=statements.TEMPLATE)
    assert (letter.recipient_kind, letter.recipient_id) == ("account", account.id)
    assert statement.text in letter.body
    assert statement.id in letter.body
    (written,) = casework.events(service, statement.id)
    assert written.type == "clearance.statement.written"
    assert written.data["source"] == "own_initiative"
    assert "It copies a song." not in str(written.data)
