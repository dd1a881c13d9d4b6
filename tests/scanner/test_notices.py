"""Notices about tracks: who sends them and who sees them, what comes first, and what is weighed for misuse."""

from dataclasses import replace
from datetime import timedelta

import pytest

from appeals.standing import MisusePolicy
from scanner import flaggers, notice_views, notices
from scanner.clock import new_id
from scanner.errors import ForbiddenError, NotFoundError
from scanner.notice_verdicts import NoticeVerdict
from scanner.notices import Filing
from scanner.tables import Case, Flagger, Sanction
from tests import casework, noticed
from tests.noticed import MONDAY
from tests.running import add_tenant


def test_a_creator_sees_neither_the_sender_nor_the_tracks_of_others(service, caller) -> None:
    """DSA-17: the sender's identity only where it is strictly necessary."""
    who = casework.account(service, caller)
    own = casework.decided_track(service, caller, account_id=who.id)
    other = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, own.id, other.id, form="likeness")
    creator = replace(caller, account_id=who.id)

    with service.database.reading() as session:
        view = notice_views.describe(session, notice, creator)

    assert set(view["elements"]) == {"person", "reason", "good_faith"}
    assert [each["track_id"] for each in view["tracks"]] == [own.id]


def test_a_creator_is_not_shown_who_warned_of_a_threat(service, caller) -> None:
    """DSA-18."""
    who = casework.account(service, caller)
    track = casework.decided_track(service, caller, account_id=who.id)
    elements = {"reason": "Someone is in danger.", "location": [track.id]}
    notice = notices.file(service, caller, Filing("threat", elements))
    creator = replace(caller, account_id=who.id)

    with pytest.raises(NotFoundError):
        notice_views.find(service, creator, notice.id)

    with service.database.reading() as session:
        assert notice_views.listed(session, creator, limit=9) == []


def test_threats_come_before_trusted_flaggers_and_these_before_others(service, caller) -> None:
    """DSA-18, DSA-22."""
    casework.at(service, MONDAY)
    track = casework.decided_track(service, caller)
    flagger, _ = flaggers.add(service, caller, "Music Watch", "desk@watch.example")
    noticed.sent(service, caller, track.id)
    noticed.sent(service, replace(caller, flagger_id=flagger.id), track.id)
    threat = {"reason": "A bomb.", "location": ["https://elsewhere.example/x"]}
    notices.file(service, caller, Filing("threat", threat))

    plain, trusted, life = noticed.cases(service, "notice")

    assert life.priority > trusted.priority > plain.priority
    assert trusted.legal_due_at - trusted.opened_at == timedelta(hours=4)


def test_a_flagger_who_is_too_often_wrong_loses_the_status_and_is_told(
    make_service,
) -> None:
    """DSA-22."""
    service = make_service(flagger_minimum=3, flagger_precision=0.6)
    caller = add_tenant(service)
    track = casework.decided_track(service, caller)
    flagger, _ = flaggers.add(service, caller, "Music Watch", "desk@watch.example")
    by_flagger = replace(caller, flagger_id=flagger.id)

    states = []
    for verdict in (noticed.ACTION, noticed.REFUSE, noticed.REFUSE):
        noticed.decided(service, noticed.sent(service, by_flagger, track.id).id, verdict)
        with service.database.reading() as session:
            states.append(session.get_one(Flagger, flagger.id).state)

    assert states == ["trusted", "trusted", "lost"]
    (letter,) = casework.letters(service, template="flagger-lost")
    assert letter.address == "desk@watch.example" and "of 3 of your notices" in letter.body
    noticed.sent(service, by_flagger, track.id)
    last, other = noticed.cases(service, "notice")[-1], noticed.cases(service, "notice")[0]
    assert last.priority < other.priority


def test_frequent_misuse_asks_a_person_to_warn_and_then_to_suspend(service, caller) -> None:
    """DSA-23: the four factors, a warning first, and nobody is suspended by rules."""
    track = casework.decided_track(service, caller)
    unfounded = replace(noticed.REFUSE, misuse="unfounded")
    for _ in range(5):
        assert noticed.cases(service, "misuse") == []
        noticed.decided(service, noticed.sent(service, caller, track.id).id, unfounded)

    (case,) = noticed.cases(service, "misuse")
    (reason,) = case.reasons
    assert reason["suggests"] == "warning"
    assert reason["factors"] == {"count": 5, "share": 1.0, "gravity": "minor", "intent": False}
    noticed.decided(service, noticed.sent(service, caller, track.id).id, unfounded)
    assert len(noticed.cases(service, "misuse")) == 1

    warning = Sanction(
        id=new_id(),
        tenant_id=caller.tenant_id,
        party_kind=reason["party_kind"],
        party_id=reason["party_id"],
        what="notices",
        kind="warning",
        state="in_force",
        factors=reason["factors"],
        reason="Five unfounded notices.",
        signed_by="olga",
        starts_at=service.now(),
        created_at=service.now(),
    )
    with service.database.transaction() as session:
        session.add(warning)
        session.get_one(Case, case.id).closed_at = service.now()
    noticed.decided(service, noticed.sent(service, caller, track.id).id, unfounded)
    assert noticed.cases(service, "misuse")[-1].reasons[0]["suggests"] == "suspension"


def test_notices_of_more_than_a_year_ago_count_neither_way(service, caller) -> None:
    """DSA-23: number and share are of one time frame, Art. 23(3)(a) and (b)."""
    track = casework.decided_track(service, caller)

    def decided(count: int, verdict: NoticeVerdict) -> None:
        for _ in range(count):
            noticed.decided(service, noticed.sent(service, caller, track.id).id, verdict)

    unfounded = replace(noticed.REFUSE, misuse="unfounded")
    decided(4, unfounded)
    decided(5, noticed.REFUSE)
    casework.at(service, service.now() + MisusePolicy().frame)
    decided(4, unfounded)
    assert noticed.cases(service, "misuse") == []
    decided(1, unfounded)
    (case,) = noticed.cases(service, "misuse")
    assert case.reasons[0]["text"] == "5 of 5 were manifestly unfounded"


def test_staff_and_creators_send_no_notices(service, caller) -> None:
    filing = Filing("dmca", noticed.DMCA)
    for other in (replace(caller, user_id="rita"), replace(caller, account_id="ana")):
        with pytest.raises(ForbiddenError):
            notices.file(service, other, filing)


def test_every_letter_about_notices_is_written_in_four_languages() -> None:
    from scanner.letters import LANGUAGES, texts

    ours = {name: each for name, each in texts().items() if name.startswith(("notice", "counter"))}

    assert len(ours) >= 14
    for each in ours.values():
        assert set(each) == set(LANGUAGES)
        assert len({each[language]["body"] for language in LANGUAGES}) == len(LANGUAGES)


def test_a_letter_about_a_notice_reads_in_the_senders_language(service, caller) -> None:
    track = casework.decided_track(service, caller)
    for language, word in (("de", "Ihre Meldung"), ("fr", "Votre notification"), ("es", "Su")):
        notice = noticed.sent(service, caller, track.id, language=language)
        (letter,) = casework.letters(service, matter_id=notice.id)
        assert letter.language == language and word in letter.body


def test_a_notice_is_found_by_the_platforms_own_name_for_the_track(service, caller) -> None:
    track = casework.decided_track(service, caller, external_id="blue door 7")

    notice = noticed.sent(service, caller, "https://music.example/tracks/blue%20door%207")

    assert [row.track_id for row in noticed.tracks_of(service, notice.id)] == [track.id]
    stranger = add_tenant(service, "two")
    foreign = noticed.sent(service, stranger, track.id)
    assert foreign.state == "incomplete" and "location" in foreign.missing


def test_what_was_said_of_a_notice_is_in_its_events_by_ids_alone(service, caller) -> None:
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id)
    noticed.decided(service, notice.id)

    rows = casework.events(service, notice.id)

    assert [row.type.rpartition(".")[2] for row in rows] == ["received", "valid", "actioned"]
    assert rows[-1].data["detail"]["tracks"] == [track.id]
    assert all("ada@" not in str(row.data) and "Ada" not in str(row.data) for row in rows)
