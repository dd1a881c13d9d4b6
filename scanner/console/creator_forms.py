"""The forms by which a creator contests: what each is about, what it asks, and what is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals.disputes import ATTESTATIONS, GROUNDS
from appeals.forms import FORMS, TEXTS
from scanner import appealing, claim_views, counter_notices, disputes, notice_views
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.disputes import Filed
from scanner.errors import NotFoundError
from scanner.tables import (
    Appeal,
    CounterNotice,
    Dispute,
    Notice,
    NoticeTrack,
    PolicyDecision,
    Sanction,
    Strike,
    Track,
)
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

KINDS: Final = ("claim", "notice", "decision", "dispute", "strike", "sanction")
"""What is contested: a claim by a dispute, a notice by a counter-notice, all else by an appeal."""
ATTESTATION: Final = "dispute-1"
SHORTEST: Final = 20
_AGREED: Final = {each.name: each.text for each in FORMS["counter-dmca"] if each.text}


@dataclass(frozen=True)
class Subject:
    """What a form is about.

    Attributes
    ----------
    described : dict
        The claim or the notice as the API shows it; empty for others.
    tracks : list of Track
        The creator's, that it is about; of an account's strike or sanction there may be none.
    """

    kind: str
    id: str
    described: dict[str, Any]
    tracks: list[Track]


def subject(service: "Service", caller: Caller, kind: str, subject_id: str) -> Subject:
    """Return what a creator contests, or raise ``NotFoundError``."""
    if kind not in KINDS:
        raise NotFoundError("form", "of this kind")
    with service.database.reading() as session:
        if kind == "claim":
            claim = claim_views.find(session, caller, subject_id)
            described = claim_views.describe(session, claim)
            return Subject(kind, subject_id, described, _tracks(session, caller, [claim.track_id]))
        if kind == "notice":
            notice = notice_views.find(service, caller, subject_id)
            return Subject(
                kind,
                subject_id,
                notice_views.describe(session, notice, caller),
                _tracks(session, caller, _taken_down(session, notice)),
            )
        return Subject(kind, subject_id, {}, _of_appeal(session, caller, kind, subject_id))


def send(
    service: "Service", caller: Caller, about: Subject, fields: Mapping[str, str]
) -> Dispute | CounterNotice | Appeal:
    """File what a form says.

    Raises
    ------
    DeclarationError
        Naming every field that is wrong.
    """
    if about.kind == "claim":
        return disputes.file(service, caller, _dispute(about, fields))
    if about.kind == "notice":
        with service.database.reading() as session:
            notice = session.get_one(Notice, about.id)
        elements = counter_elements(about, fields)
        track_id = elements["location"][0]
        begun = _incomplete(service, notice.id, track_id)
        if begun is not None:
            return counter_notices.cure(service, caller, begun, elements)
        return counter_notices.file(service, caller, notice, track_id, elements)
    reason = fields.get("reason", "").strip()
    if not 1 <= len(reason) <= 5000:
        told = "say why, in at most 5,000 characters"
        raise DeclarationError([{"field": "reason", "detail": told}])
    kind: Any = about.kind
    return appealing.file(service, caller, AppealAsked(kind, about.id, reason))


def counter_elements(about: Subject, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the elements of a counter-notice (DMCA-CN).

    Raises
    ------
    DeclarationError
        Naming each that is not as it must be: nothing is sent by half from here.
    """
    elements: dict[str, Any] = {
        each.name: fields.get(each.name, "").strip() for each in FORMS["counter-dmca"]
    }
    for name, version in _AGREED.items():
        elements[name] = version if fields.get(name) == "yes" else ""
    chosen = fields.get("track") or (about.tracks[0].id if about.tracks else "")
    if chosen not in {track.id for track in about.tracks}:
        raise NotFoundError("track", "of this notice")
    elements["location"] = [chosen]
    wrong = appeals.forms.validate("counter-dmca", elements).missing
    if fields.get("known") != "yes":
        wrong["known"] = "say that you know who gets your name"
    if wrong:
        raise DeclarationError([{"field": name, "detail": told} for name, told in wrong.items()])
    return elements


def texts() -> dict[str, str]:
    """Return what is sworn or attested to, by field, in the words that count."""
    sworn = {name: TEXTS[version] for name, version in _AGREED.items()}
    return sworn | {"attested": ATTESTATIONS[ATTESTATION]}


def _incomplete(service: "Service", notice_id: str, track_id: str) -> CounterNotice | None:
    """Return what was sent by half before, such as by the platform: it is completed, not sent again."""
    with service.database.reading() as session:
        found = counter_notices.of_notice(session, notice_id)
    wanted = [each for each in found if (each.track_id, each.state) == (track_id, "incomplete")]
    return wanted[0] if wanted else None


def _dispute(about: Subject, fields: Mapping[str, str]) -> Filed:
    grounds = [each for each in GROUNDS if fields.get(f"ground-{each}") == "yes"]
    errors = [
        {
            "field": f"why-{each}",
            "detail": Told("say why, in at least %(shortest)s characters", shortest=SHORTEST),
        }
        for each in grounds
        if len(fields.get(f"why-{each}", "").strip()) < SHORTEST
    ]
    if not grounds:
        errors.append({"field": "grounds", "detail": "choose at least one"})
    agreed = fields.get("attested") == "yes"
    if not agreed:
        errors.append({"field": "attested", "detail": "without your word it can't be sent"})
    if not fields.get("name", "").strip():
        errors.append({"field": "name", "detail": "sign with your full name, typed"})
    if errors:
        raise DeclarationError(errors)
    segments = [
        (each["query_start"], each["query_end"])
        for number, each in enumerate(about.described["segments"])
        if "only_this_segment" in grounds and fields.get(f"segment-{number}") == "yes"
    ]
    text = "\n\n".join(f"{GROUNDS[each]}: {fields[f'why-{each}'].strip()}" for each in grounds)
    attestation = {"name": fields["name"], "text_version": ATTESTATION}
    return Filed(about.id, grounds, text, attestation, segments)


def _taken_down(session: Session, notice: Notice) -> list[str]:
    query = select(NoticeTrack.track_id).where(
        NoticeTrack.notice_id == notice.id, NoticeTrack.state == "actioned"
    )
    return list(session.exec(query))


def _tracks(session: Session, caller: Caller, ids: list[str]) -> list[Track]:
    query = select(Track).where(col(Track.id).in_(ids), Track.account_id == caller.account_id)
    return list(session.exec(query.order_by(col(Track.id))))


def _of_appeal(session: Session, caller: Caller, kind: str, subject_id: str) -> list[Track]:
    """Return the track that a decision, dispute or strike is about, if it is the caller's."""
    if kind == "dispute":
        dispute, _ = disputes.find(session, caller, subject_id)
        return _tracks(session, caller, [dispute.track_id])
    if kind == "decision":
        decision = session.get(PolicyDecision, subject_id)
        found = _tracks(session, caller, [decision.track_id]) if decision is not None else []
    elif kind == "strike":
        strike = session.get(Strike, subject_id)
        if strike is not None and strike.account_id == caller.account_id:
            return _tracks(session, caller, [strike.track_id] if strike.track_id else [])
        found = []
    else:
        sanction = session.get(Sanction, subject_id)
        if sanction is not None and sanction.party_id == caller.account_id:
            return []
        found = []
    if not found:
        raise NotFoundError(kind, "of this id")
    return found
