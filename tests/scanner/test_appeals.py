"""Appeals in the database: filed in time, decided by somebody else, with all that follows (DSA-20)."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

import appeals
from appeals import Role
from scanner import appeal_outcomes, appealing, inline, matters, rulings
from scanner.appeal_parts import AppealDecision, BadAppealError
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Appeal, Claim, Deadline, Dispute, Notice, NoticeTrack, Track
from scanner.tracks import locked
from tests import casework
from tests.running import add_tenant

TAKEN_DOWN = Ruling("block", "human.copy", "It copies a song.", legal_basis=("DMCA-T",))
HOLDER = appeals.Actor(Role.RIGHTS_HOLDER, "label")


@pytest.fixture
def service(make_service) -> Service:
    return make_service()


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def blocked(service: Service, caller: Caller, by: Caller, ground=None) -> Track:
    """A track of an account, released by rules and blocked by a person."""
    account = casework.account(service, caller)
    track = casework.decided_track(service, caller, account_id=account.id)
    ruling = Ruling(
        "block", TAKEN_DOWN.reason, TAKEN_DOWN.text, legal_basis=("DMCA-T",), ground=ground
    )
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        rulings.rule(service, session, row, ruling, by.actor)
    inline.drive(service, track.id)
    return casework.track_of(service, track.id)


def filed(service: Service, caller: Caller, track: Track) -> Appeal:
    return appealing.file(service, caller, AppealAsked("track", track.id, "I made it myself."))


def read(service: Service, row: Appeal) -> Appeal:
    with service.database.reading() as session:
        return session.get_one(Appeal, row.id)


def clocks(service: Service, row: Appeal) -> list[tuple[str, str]]:
    with service.database.reading() as session:
        query = select(Deadline).where(Deadline.matter_id == row.id).order_by(Deadline.id)
        return [(each.rule, each.state) for each in session.exec(query)]


def test_a_granted_appeal_brings_the_track_back(service, caller, officer) -> None:
    """DSA-20: reversed without undue delay."""
    reviewer = casework.person(service, caller, "rita")
    track = blocked(service, caller, reviewer)
    row = filed(service, caller, track)
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("grant", "It is theirs."))
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"
    told = [each.template for each in casework.letters(service, matter_id=row.id)]
    assert told == ["appeal-received", "appeal-decided"]


def test_who_decided_before_is_refused_by_the_code(service, caller, officer) -> None:
    """DSA-20d."""
    row = filed(service, caller, blocked(service, caller, officer))
    with pytest.raises(appeals.IllegalTransitionError, match="before"):
        appealing.assign(service, officer, row.id)

    other = casework.person(service, caller, "otto", "appeals_officer")
    assert appealing.assign(service, other, row.id).holder == other.user_id


def test_a_reviewer_or_a_rule_decides_no_appeal(service, caller, officer) -> None:
    """DSA-20d: never by automated means alone, and by qualified staff."""
    reviewer = casework.person(service, caller, "rita")
    row = filed(service, caller, blocked(service, caller, reviewer))
    with pytest.raises(appeals.NotAllowedError):
        appealing.assign(service, reviewer, row.id)
    with pytest.raises(ForbiddenError):
        appealing.assign(service, caller, row.id)
    appealing.assign(service, officer, row.id)
    with pytest.raises(appeals.NotAllowedError), service.database.transaction() as session:
        found = matters.locked(session, Appeal, caller.tenant_id, row.id)
        matters.move(service, session, found, "grant", matters.CLOCK, parts={"reason": "x"})


def test_the_database_refuses_a_prior_decider_and_nobody(make_service, database_url) -> None:
    """DSA-20d, by raw SQL on both databases."""
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    officer = casework.person(service, caller, "olga", "appeals_officer")
    row = filed(service, caller, blocked(service, caller, officer))
    values = {"appeal": row.id, "tenant": caller.tenant_id, "at": "2026-11-26 12:00:00+00:00"}
    insert = "INSERT INTO appeal_decider (appeal_id, decider_id, tenant_id, created_at) VALUES "
    for sql in (
        f"{insert} (:appeal, '{officer.user_id}', :tenant, :at)",
        "UPDATE appeal SET state = 'granted' WHERE id = :appeal",
        "UPDATE prior_decider SET decider_id = 'x' WHERE appeal_id = :appeal",
    ):
        with (
            pytest.raises(DBAPIError, match=r"DSA-20|never changed"),
            service.database.transaction() as session,
        ):
            session.execute(text(sql), values)
    with service.database.transaction() as session:
        session.execute(text(f"{insert} (:appeal, 'otto', :tenant, :at)"), values)
        session.execute(text("UPDATE appeal SET state = 'granted' WHERE id = :appeal"), values)


def test_an_appeal_is_open_for_six_months_and_once(service, caller) -> None:
    reviewer = casework.person(service, caller, "rita")
    track = blocked(service, caller, reviewer)
    told = service.now()
    casework.at(service, told + timedelta(days=150))
    row = filed(service, caller, track)
    with pytest.raises(IllegalTransitionError, match=row.id):
        filed(service, caller, track)
    appealing.withdraw(service, caller, row.id, None)

    casework.at(service, told + timedelta(days=200))
    with pytest.raises(IllegalTransitionError, match=r"too late.*before \d{4}-\d\d-\d\d"):
        filed(service, caller, track)


def test_a_question_stops_the_clock_until_it_is_answered(service, caller, officer) -> None:
    track = blocked(service, caller, casework.person(service, caller, "rita"))
    casework.at(service, service.now())
    row = filed(service, caller, track)
    appealing.assign(service, officer, row.id)
    due = read(service, row).due_at
    casework.later(service, days=4)
    asked = appealing.ask(service, officer, row.id, "Whose voice is it?")
    assert asked.due_at is None

    casework.later(service, days=40)
    appealing.say(service, caller, row.id, "It is mine.")
    again = read(service, row)
    assert again.due_at == due + timedelta(days=40)
    assert clocks(service, row) == [("appeal-target", "ended"), ("appeal-target", "open")]
    assert [each.kind for each in _said(service, again)] == ["question", "answer"]


def _said(service: Service, row: Appeal) -> list:
    with service.database.reading() as session:
        return appealing.conversation(session, row, internal=False)


def test_a_part_is_granted_with_what_is_left(service, caller, officer) -> None:
    track = blocked(service, caller, casework.person(service, caller, "rita"))
    row = filed(service, caller, track)
    appealing.assign(service, officer, row.id)
    with pytest.raises(BadAppealError, match="restrictions"):
        appeal_outcomes.decide(service, officer, row.id, AppealDecision("grant_partly", "Half."))
    decided = AppealDecision("grant_partly", "Only in Germany.", "block", ("DE",))
    appeal_outcomes.decide(service, officer, row.id, decided)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "conditioned"
    assert read(service, row).outcome_kind == "partly"


@pytest.mark.parametrize(
    ("decided", "says"),
    [
        (AppealDecision("grant_partly", "All of it.", "clear"), "send grant"),
        (AppealDecision("grant_partly", "Half.", restrictions=({"kind": "dance"},)), "one of age"),
        (AppealDecision("grant_partly", "Half.", restrictions=({"kind": "age"},)), "min_age"),
    ],
)
def test_a_part_that_can_not_be_kept_is_not_granted(
    service, caller, officer, decided, says
) -> None:
    track = blocked(service, caller, casework.person(service, caller, "rita"))
    row = filed(service, caller, track)
    appealing.assign(service, officer, row.id)

    with pytest.raises(BadAppealError, match=says):
        appeal_outcomes.decide(service, officer, row.id, decided)

    assert read(service, row).state == "assigned"
    assert casework.track_of(service, track.id).state == "blocked"


def test_what_was_denied_goes_out_of_court(service, caller, officer) -> None:
    """DSA-21: ninety days, and what the body says is carried out."""
    track = blocked(service, caller, casework.person(service, caller, "rita"))
    row = filed(service, caller, track)
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("deny", "It is a copy."))
    (letter,) = casework.letters(service, matter_id=row.id, template="appeal-decided")
    assert "Appeals Centre Europe" in letter.body
    with pytest.raises(BadAppealError, match="User Rights"):
        appeal_outcomes.go_out_of_court(service, caller, row.id, "The pub")
    appeal_outcomes.go_out_of_court(service, caller, row.id, "user rights", body_case="UR-1")
    appeal_outcomes.record_outcome(service, officer, row.id, "It is a quotation.", reverses=True)
    inline.drive(service, track.id)

    assert casework.track_of(service, track.id).state == "released"
    assert read(service, row).state == "outcome_recorded"


def refused_notice(
    service: Service, caller: Caller, by: Caller, track: Track, token: str
) -> Notice:
    import hashlib

    row = matters.new(
        Notice,
        caller.tenant_id,
        service.now(),
        form="dmca",
        elements={"work": "a song"},
        notifier_email="sender@example.org",
        notifier_digest="d" * 64,
        token_digest=hashlib.sha256(token.encode()).hexdigest(),
    )
    with service.database.transaction() as session:
        matters.opened(service, session, row, appeals.Actor(Role.NOTIFIER, "sender"))
        session.add(
            NoticeTrack(
                notice_id=row.id,
                track_id=track.id,
                tenant_id=caller.tenant_id,
                origin="named",
                state="refused",
                created_at=service.now(),
            )
        )
        matters.move(service, session, row, "validate", matters.CLOCK)
        actor = appeals.Actor(Role.REVIEWER, str(by.user_id))
        matters.move(service, session, row, "refuse", actor, parts={"reason": "no"})
    return row


def test_the_sender_of_a_refused_notice_appeals_by_their_link(service, caller, officer) -> None:
    """DSA-20b: who notified may complain, too, and a reversed refusal is acted on."""
    reviewer = casework.person(service, caller, "rita")
    track = casework.decided_track(service, caller)
    notice = refused_notice(service, caller, reviewer, track, "secret")
    asked = AppealAsked("notice", notice.id, "It is my song.", token="wrong")
    with pytest.raises(NotFoundError):
        appealing.file(service, None, asked)
    row = appealing.file(service, None, AppealAsked("notice", notice.id, "Mine.", token="secret"))
    with service.database.reading() as session:
        assert reviewer.user_id in session.get_one(Appeal, row.id).deciders
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("grant", "It is their song."))
    inline.drive(service, track.id)

    with service.database.reading() as session:
        assert session.get_one(Notice, notice.id).state == "actioned"
    assert casework.track_of(service, track.id).state == "blocked"
    (letter,) = casework.letters(service, matter_id=row.id, template="appeal-decided")
    assert (letter.recipient_kind, letter.address) == ("notifier", "sender@example.org")


def upheld(service: Service, caller: Caller) -> tuple[Track, Dispute]:
    """A track that a claim blocks, whose dispute the holder has won."""
    account = casework.account(service, caller)
    track = casework.decided_track(service, caller, account_id=account.id)
    about = {"track_id": track.id, "account_id": account.id}
    claim = matters.new(
        Claim,
        caller.tenant_id,
        service.now(),
        reference_id=new_id(),
        holder_id=HOLDER.id,
        right="recording",
        remedy="block",
        segments=[],
        score=0.9,
        coverage_query=0.5,
        longest_ms=9000,
        **about,
    )
    dispute = matters.new(
        Dispute,
        caller.tenant_id,
        service.now(),
        claim_id=claim.id,
        filed_by=account.id,
        grounds=["quotation"],
        text="I quote it.",
        **about,
    )
    with service.database.transaction() as session:
        row = locked(session, caller.tenant_id, track.id)
        matters.opened(service, session, claim, matters.CLOCK)
        matters.move(service, session, claim, "activate", matters.CLOCK, parts={"policy": "block"})
        ruling = Ruling("block", "claim", "Claimed.", ground=("claim", claim.id), by="law")
        rulings.rule(service, session, row, ruling, matters.actor_of(matters.CLOCK))
        parts = {"dispute": dispute.id, "message": "m", "reason": "it is whole"}
        matters.opened(service, session, dispute, appeals.Actor(Role.CREATOR, account.id))
        matters.move(service, session, claim, "dispute", matters.CLOCK, parts=parts)
        matters.move(service, session, dispute, "forward", matters.CLOCK, parts=parts)
        matters.move(service, session, dispute, "uphold_claim", HOLDER, parts=parts)
        matters.move(service, session, claim, "uphold", matters.CLOCK, parts=parts)
    inline.drive(service, track.id)
    return track, dispute


def test_a_silent_holder_loses_an_appealed_claim_after_seven_days(service, caller) -> None:
    """DSM-17-9: silence releases."""
    casework.at(service, service.now())
    track, dispute = upheld(service, caller)
    assert casework.track_of(service, track.id).state == "blocked"
    row = appealing.file(service, caller, AppealAsked("dispute", dispute.id, "A quotation."))
    (letter,) = casework.letters(service, template="appeal-holder")
    assert (letter.recipient_kind, letter.recipient_id) == ("holder", HOLDER.id)

    casework.later(service, days=9)
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"
    with service.database.reading() as session:
        assert session.get_one(Claim, dispute.claim_id).state == "released"
        assert session.get_one(Dispute, dispute.id).state == "expired"
    assert (read(service, row).state, read(service, row).outcome_kind) == ("closed", "granted")


def test_a_holder_who_spoke_waits_for_the_officer(service, caller, officer) -> None:
    casework.at(service, service.now())
    track, dispute = upheld(service, caller)
    row = appealing.file(service, caller, AppealAsked("dispute", dispute.id, "A quotation."))
    from dataclasses import replace

    holder = replace(caller, holder_id=HOLDER.id)
    appealing.say(service, holder, row.id, "It is the whole chorus.")
    casework.later(service, days=9)
    assert casework.track_of(service, track.id).state == "blocked"

    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("grant", "A quotation."))
    inline.drive(service, track.id)
    assert casework.track_of(service, track.id).state == "released"
    assert casework.letters(service, template="appeal-told", recipient_id=HOLDER.id)


def test_only_who_appealed_chooses_the_body_out_of_court(service, caller, officer) -> None:
    """DSA-21: the person may select any body; the other side of a claim may not, for them."""
    from dataclasses import replace

    _, dispute = upheld(service, caller)
    row = appealing.file(service, caller, AppealAsked("dispute", dispute.id, "A quotation."))
    appealing.assign(service, officer, row.id)
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("deny", "It is whole."))

    with pytest.raises(ForbiddenError):
        holder = replace(caller, holder_id=HOLDER.id)
        appeal_outcomes.go_out_of_court(service, holder, row.id, "User Rights")
    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")

    assert read(service, row).state == "out_of_court"
