"""A child's tracks, what a parent consents to, and what rules say of a track once that changes."""

from sqlmodel import select

from scanner import ages, consents, consumer_groups, events, inline, pipeline, rulings, tracks
from scanner.ages import AgeSaid
from scanner.bus.groups import Group
from scanner.callers import Caller
from scanner.consents import ConsentAsked
from scanner.journal import Actor, Event
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Account, Consent, PolicyDecision, Reference, Submission, Track
from scanner.tracks import locked
from tests import casework, claiming
from tests.casework import settled

PARENT = Actor("parent", "parent")
CLAIMS, PEOPLE = (
    next(each for each in consumer_groups.GROUPS if each.name == name)
    for name in ("claims", "people")
)


def agreed(service: Service, caller: Caller, scope: str) -> Consent:
    """Let a parent agree to something."""
    words = ConsentAsked(
        "mother", (scope,), "May your child?", "2026-11", "en", None, "signed-form"
    )
    row = consents.request(service, caller, "kid", words).consent
    return consents.grant(service, row.id, PARENT).consent


def taken_back(service: Service, caller: Caller, consent: Consent) -> None:
    """Withdraw a consent, and let what follows follow."""
    consents.withdraw(service, consent.id, PARENT)
    inline.drive_group(service, PEOPLE, caller.tenant_id)


def kids(service: Service, caller: Caller, *found: Reference, seconds: int) -> Event:
    """An analysed track of a child's with a match for each reference, that nothing was decided on yet."""
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", country="US"))
    with service.database.reading() as session:
        account = session.exec(select(Account)).one()
    parts = ((0, seconds),)
    event = claiming.analysed(service, caller, *found, parts=parts, account_id=account.id)
    with service.database.transaction() as session:
        row = session.exec(select(Submission)).one()
        row.declaration = row.declaration | {"account": "kid"}
    return event


def ruled(service: Service, track: Track, ruling: Ruling) -> None:
    """Let a person decide on a track, with its effect."""
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        rulings.rule(service, session, row, ruling, Actor("rita", "reviewer"))
    settled(service, track.id)


def standing(service: Service, track: Track) -> PolicyDecision:
    """Read the decision that stands on a track."""
    return casework.decision_of(service, track.id)


def declaring(service: Service, track: Track, **told: object) -> None:
    """Let something else be declared of a track, and rules decide on it anew."""
    with service.database.transaction() as session:
        row = session.exec(select(Submission)).one()
        row.declaration = row.declaration | told
    analysed_again(service, track)


def analysed_again(service: Service, track: Track, *sooner: Group) -> None:
    """Let a track be analysed once more, and rules decide on it in full; some groups hear of it before the others."""
    with service.database.transaction() as session:
        row = locked(session, track.tenant_id, track.id)
        row.state = "analysing"
        data = events.TrackAnalysed(
            analysis_id=row.analysis_id, sha256=None, detectors={}, index_version=None, matches=0
        )
        again = tracks.note(session, row, data, service.now())
    pipeline.decide(service, again)
    for group in sooner:
        inline.drive_group(service, group, track.tenant_id)
    settled(service, track.id)


def rules(service: Service, track: Track) -> set[str]:
    """Return what rules limit a track by."""
    return {each["rule"] for each in standing(service, track).reasons if "evidence" in each}
