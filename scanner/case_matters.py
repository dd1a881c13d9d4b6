"""What a verdict does to the matter that its case is about: a notice, a copy, a claim, a sanction."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from sqlmodel import Session

import appeals
from appeals.roles import Role
from appeals.standing import Submissions
from scanner import (
    child_protection,
    complaints,
    illegal_uploads,
    matters,
    notice_verdicts,
    presumed_uses,
    sanctions,
    stay_down,
)
from scanner.errors import IllegalTransitionError
from scanner.journal import Actor
from scanner.notice_senders import Party
from scanner.notices import BadNoticeError
from scanner.rulings import Ruling
from scanner.sanctions import SanctionAsked
from scanner.tables import Appeal, Case, Claim, Notice
from scanner.tracks import locked
from scanner.verdicts import Verdict

if TYPE_CHECKING:
    from scanner.service import Service

Apply = Callable[["Service", Session, Case, Verdict, Actor], None]
SUSPENDED_DAYS: Final = 30
"""How long a suspension is proposed for that follows from notices or complaints; the second signer may refuse it."""


def on_notice(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: Actor
) -> None:
    """Act on a notice, on a copy of what it took down, or on the misuse of its sender, or of whose tracks it took down."""
    _ABOUT_NOTICES[case.kind](service, session, case, verdict, actor)


def check_remedy(session: Session, case: Case, verdict: Verdict) -> None:
    """Raise ``BadNoticeError`` if the remedy of a verdict on a notice is none that there is."""
    notice = matters.find(session, Notice, case.tenant_id, str(case.matter_id))
    if verdict.remedy and verdict.verdict != "action":
        raise BadNoticeError("a remedy goes with `action` alone")
    notice_verdicts.remedy_of(verdict.remedy, notice.form)


def on_claim(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: Actor
) -> None:
    """Let a track go whose claim is over, or leave it as a person had decided."""
    claim = matters.find(session, Claim, case.tenant_id, str(case.matter_id))
    if verdict.verdict != "release":
        return
    track = locked(session, case.tenant_id, claim.track_id)
    ruling = Ruling("clear", verdict.reason, verdict.text or "", ground=("claim", claim.id))
    child_protection.rule(service, session, track, ruling, actor, keep_cases=[case.id])


def _on_the_notice(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: Actor
) -> None:
    notice_verdicts.apply(service, session, case, _said(verdict), _person(actor))


def _on_a_copy(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: Actor
) -> None:
    stay_down.apply(service, session, case, _said(verdict), _person(actor))


def _on_misuse(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: Actor
) -> None:
    notice = matters.find(session, Notice, case.tenant_id, str(case.matter_id))
    asked = case.reasons[0]
    if asked.get("what") == illegal_uploads.WHAT:
        whose, now = str(asked["party_id"]), service.now()
        of_account = illegal_uploads.sent_by(session, case.tenant_id, whose, now)
        what, found = illegal_uploads.WHAT, illegal_uploads.FOUND
        _sanction(service, session, case, verdict, actor, what, of_account, found)
        return
    of_sender = notice_verdicts.sent_by(session, notice, service.now())
    _sanction(service, session, case, verdict, actor, "notices", of_sender)


def on_appeal(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: Actor
) -> None:
    """Act on the misuse of complaints by whoever filed an appeal."""
    appeal = matters.find(session, Appeal, case.tenant_id, str(case.matter_id))
    of_appellant = complaints.sent_by(session, appeal, service.now())
    _sanction(service, session, case, verdict, actor, sanctions.COMPLAINTS, of_appellant)


def _sanction(
    service: "Service",
    session: Session,
    case: Case,
    verdict: Verdict,
    actor: Actor,
    what: sanctions.What,
    counted: tuple[Party, Submissions] | None,
    found: str | None = None,
) -> None:
    """Warn a sender at once, or propose that another person suspend them (DSA-23)."""
    kind = sanctions.BY_VERDICT.get(verdict.verdict)
    if kind is None:
        return
    sanctions.refuse_junior(verdict.verdict, actor.role)
    if counted is None:
        raise IllegalTransitionError("whoever sent this can't be told apart from others")
    party, sent = counted
    asked = SanctionAsked(
        party_kind=party.kind,
        party_id=party.id,
        what=what,
        kind=kind,
        reason=verdict.text or "",
        sent=sent,
        days=SUSPENDED_DAYS if kind == "suspension" else None,
        found=found,
    )
    sanctions.proposed(service, session, case.tenant_id, asked, _person(actor))


def _person(actor: Actor) -> appeals.Actor:
    return appeals.Actor(Role(actor.role), actor.id)


def _said(verdict: Verdict) -> notice_verdicts.NoticeVerdict:
    return notice_verdicts.NoticeVerdict(
        verdict.verdict, verdict.reason, verdict.text or "", verdict.remedy, verdict.misuse
    )


_ABOUT_NOTICES: Final[Mapping[str, Apply]] = {
    "notice": _on_the_notice,
    "stay_down": _on_a_copy,
    "misuse": _on_misuse,
}

ACTS: Final[Mapping[str, Apply]] = {
    "notice": on_notice,
    "appeal": on_appeal,
    "claim": on_claim,
    "presumed_use": presumed_uses.apply,
    "sanction": sanctions.apply,
}
"""By kind of matter: what gives a verdict on it its effect."""
