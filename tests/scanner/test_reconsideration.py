"""What a person or a pack changes between a decision and its effect, without any audio."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from scanner import (
    ages,
    consents,
    consumer_groups,
    notices,
    packs_in_force,
    parental_controls,
    pipeline,
    policies,
    presumed_uses,
    rulings,
    watermark_keys,
)
from scanner.ages import AgeSaid
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.consents import ConsentAsked
from scanner.inline import drive, drive_group
from scanner.journal import Actor, Event, event_of
from scanner.parental_controls import ControlsSet
from scanner.presumed_uses import Attested
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import (
    Account,
    AgeAssurance,
    Consent,
    PolicyDecision,
    PresumedUse,
    Reference,
    Submission,
    Track,
    Watermark,
)
from scanner.tracks import locked
from tests import casework, claiming, noticed, rollouts
from tests.casework import events, track_of
from tests.running import add_tenant

PARENT = Actor("parent", "parent")


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def asked(service: Service, caller: Caller, *scopes: str, days: int | None = None) -> Consent:
    words = ConsentAsked("mother", scopes, "May your child?", "2026-11", "en", days, "signed-form")
    return consents.request(service, caller, "kid", words).consent


def agreed(service: Service, caller: Caller, *scopes: str, days: int | None = None) -> Consent:
    return consents.grant(service, asked(service, caller, *scopes, days=days).id, PARENT).consent


def childs_track(service: Service, caller: Caller, *found: Reference) -> Event:
    """An analysed track of a child's, that nothing was decided on yet."""
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", country="US"))
    with service.database.reading() as session:
        account = session.exec(select(Account)).one()
    event = claiming.analysed(service, caller, *found, parts=((0, 12),), account_id=account.id)
    with service.database.transaction() as session:
        row = session.exec(select(Submission)).one()
        row.declaration = row.declaration | {"account": "kid"}
    return event


def people_decide(service: Service, caller: Caller) -> None:
    """Let the workers' group that looks at people do its work."""
    (group,) = (each for each in consumer_groups.GROUPS if each.name == "people")
    drive_group(service, group, caller.tenant_id)


def last(service: Service, track_id: str, kind: str) -> Event:
    return event_of([row for row in events(service, track_id) if row.type.endswith(kind)][-1])


def kinds(service: Service, track_id: str) -> list[str]:
    return [row.type.rpartition(".")[2] for row in events(service, track_id)]


def test_consent_that_is_granted_between_decision_and_release_is_not_missed(
    service, caller
) -> None:
    event = childs_track(service, caller)
    pipeline.decide(service, event)
    agreed(service, caller, "publish", "monetise")
    people_decide(service, caller)  # the track is decided: nothing to do yet

    pipeline.release(service, last(service, event.subject, ".decided"))

    assert kinds(service, event.subject)[-2:] == ["quarantined", "rescanned"]
    assert track_of(service, event.subject).state == "received"


def test_what_is_held_for_its_person_stays_so_while_nothing_is_settled(service, caller) -> None:
    event = childs_track(service, caller)

    assert drive(service, event.subject) == "quarantined"
    assert "rescanned" not in kinds(service, event.subject)


def test_a_decision_that_is_superseded_at_release_is_written_down(service, caller) -> None:
    consent = agreed(service, caller, "publish", "monetise")
    event = childs_track(service, caller)
    pipeline.decide(service, event)
    consents.withdraw(service, consent.id, PARENT)

    pipeline.release(service, last(service, event.subject, ".decided"))

    assert kinds(service, event.subject)[-2:] == ["superseded", "quarantined"]
    told = last(service, event.subject, ".superseded").data
    assert told["decision_id"] == track_of(service, event.subject).decision_id


def test_a_pack_that_is_rolled_back_before_its_decision_takes_effect_decides_nothing(
    service, caller
) -> None:
    strict = rollouts.approved(service, caller, rollouts.pack_text(5))
    policies.activate(service, caller, strict)
    event = rollouts.analysed(service, caller, 10)
    pipeline.decide(service, event)
    policies.rollback(service, caller, "too strict")

    assert drive(service, event.subject) == "released"

    first, second = (row for row in events(service, event.subject) if row.type.endswith("decided"))
    assert first.data["decision"] == "review"
    assert second.data["pack"].startswith("default@")


@pytest.mark.parametrize("kind", ["consent", "age"])
def test_what_expires_waits_for_whoever_holds_the_account(
    make_service, postgresql_url, kind
) -> None:
    service = make_service(database_url=postgresql_url)
    caller = add_tenant(service)
    agreed(service, caller, "publish", days=1)
    soon = service.now() + timedelta(days=1)
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", expires_at=soon))
    casework.at(service, service.now() + timedelta(days=2))
    expire = consents.expire_due if kind == "consent" else ages.purge_expired
    row = Consent if kind == "consent" else AgeAssurance

    with service.database.transaction() as session:
        session.exec(select(Account).with_for_update()).one()
        waiting = threading.Thread(target=expire, args=(service,))
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        with service.database.reading() as other:
            assert other.exec(select(row)).one().state in {"granted", "assured"}
    waiting.join(30)

    with service.database.reading() as session:
        assert session.exec(select(row)).one().state in {"expired", "purged"}


def published(service: Service, track: Track) -> None:
    """Give a track a mark by which anybody finds it."""
    now = service.now()
    key_id = watermark_keys.rotate(service, PARENT).id
    mark = Watermark(
        id=new_id(),
        tenant_id=track.tenant_id,
        track_id=track.id,
        account_id=track.account_id,
        take_id="take",
        model="model",
        scheme="1",
        payload_id="p",
        payload="00",
        key_id=key_id,
        state="marked",
        issued_at=now,
        published_at=now,
    )
    with service.database.transaction() as session:
        session.add(mark)


def mark_of(service: Service, track_id: str) -> Watermark:
    with service.database.reading() as session:
        return session.exec(select(Watermark).where(Watermark.track_id == track_id)).one()


def test_a_parent_who_switches_publishing_off_unpublishes_what_is_published(
    service, caller
) -> None:
    ages.assure(service, caller, "kid", AgeSaid("document", "teen"))
    with service.database.reading() as session:
        account = session.exec(select(Account)).one()
    track = casework.decided_track(service, caller, account_id=account.id)
    published(service, track)
    people_decide(service, caller)
    assert mark_of(service, track.id).published_at is not None

    parental_controls.put(service, caller, "kid", ControlsSet(publishing=False))
    people_decide(service, caller)

    assert mark_of(service, track.id).published_at is None
    assert track_of(service, track.id).state == "released"
    assert kinds(service, track.id)[-1] == "unpublished"


def blocked_in_france(service: Service, track_id: str) -> None:
    with service.database.transaction() as session:
        track = locked(session, track_of(service, track_id).tenant_id, track_id)
        ruling = Ruling("block", "human.looked", "A person looked.", territories=("FR",))
        rulings.rule(service, session, track, ruling, Actor("rita", "reviewer"))
    drive(service, track_id)


def outcomes(service: Service, track_id: str) -> dict[str, str]:
    with service.database.reading() as session:
        return session.get_one(PolicyDecision, track_of(service, track_id).decision_id).outcomes


def test_what_a_person_decided_stays_however_often_rules_tighten(service, caller) -> None:
    """DSM-17-9: nothing that is learnt of a child loosens what a reviewer blocked."""
    given = [agreed(service, caller, scope) for scope in ("publish", "monetise")]
    track_id = childs_track(service, caller).subject
    assert drive(service, track_id) == "released"
    blocked_in_france(service, track_id)

    for consent in reversed(given):
        consents.withdraw(service, consent.id, PARENT)
        people_decide(service, caller)
        assert outcomes(service, track_id)["FR"] == "block"

    assert track_of(service, track_id).state == "quarantined"


def test_a_notice_that_is_taken_back_leaves_what_rules_say_by_then(service, caller) -> None:
    """DMCA-T: what rules decided while a notice held its countries keeps nothing of it."""
    given = [agreed(service, caller, scope) for scope in ("publish", "monetise")]
    track_id = childs_track(service, caller).subject
    drive(service, track_id)
    notice = noticed.sent(service, caller, track_id)
    noticed.decided(service, notice.id, noticed.NoticeVerdict("action", "copy", "-", "block:FR"))
    consents.withdraw(service, given[1].id, PARENT)
    people_decide(service, caller)
    drive(service, track_id)
    assert outcomes(service, track_id) == {"*": "restrict", "FR": "block"}

    notices.retract(service, notice, caller)
    drive(service, track_id)

    assert outcomes(service, track_id) == {"*": "restrict"}


def test_a_complaint_that_is_taken_back_leaves_what_rules_say_by_then(service, caller) -> None:
    """DE-URHDAG: its block stays through what is learnt of a child, and goes with the complaint."""
    given = [agreed(service, caller, scope) for scope in ("publish", "monetise")]
    label = claiming.holder(service, caller)
    song = claiming.reference(service, caller, label)
    event = childs_track(service, caller, song)
    drive(service, event.subject)
    with service.database.reading() as session:
        use = session.exec(select(PresumedUse)).one()
    holder = claiming.of(caller, label)
    word = Attested("Lena Vogt", "It is the hook.", "premature-block-1")
    presumed_uses.complain(service, holder, use.id, "It is the hook.", word)
    drive(service, event.subject)
    consents.withdraw(service, given[1].id, PARENT)
    people_decide(service, caller)
    drive(service, event.subject)
    assert outcomes(service, event.subject)["DE"] == "block"

    presumed_uses.withdraw(service, holder, use.id)
    drive(service, event.subject)

    assert outcomes(service, event.subject) == {"*": "restrict"}


def test_a_rule_about_the_person_that_fell_on_appeal_counts_again_when_they_change(
    service, caller
) -> None:
    """DSA-20, COPPA: an officer struck it down for what was known then, not for what a parent takes back since."""
    consent = agreed(service, caller, "publish", "monetise")
    track_id = childs_track(service, caller).subject
    assert drive(service, track_id) == "released"
    with service.database.transaction() as session:
        row = session.exec(select(PolicyDecision)).one()
        told = row.explanation | {packs_in_force.WITHOUT: ["child-publishing"]}
        row.explanation = told

    consents.withdraw(service, consent.id, PARENT)
    people_decide(service, caller)

    track = track_of(service, track_id)
    assert track.state == "quarantined"
    with service.database.reading() as session:
        after = session.get_one(PolicyDecision, track.decision_id)
    assert "child-publishing" in {each["rule"] for each in after.reasons}
    assert packs_in_force.WITHOUT not in after.explanation
