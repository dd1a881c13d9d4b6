"""What an appeals officer decides, what is reversed by it, and what a body out of court says (DSA-20, DSA-21)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from sqlmodel import Session

from appeals import strike_policy
from scanner import (
    appeal_letters,
    appeal_parts,
    catalogue,
    complaints,
    dispute_appeals,
    illegal_uploads,
    matters,
    misuse,
    notice_tracks,
    parties,
    restrictions,
    tracks,
    upkeep,
)
from scanner.appeal_parts import AppealDecision, BadAppealError, Exclusion
from scanner.appeal_reversals import Reversal, reverse
from scanner.appealing import of_appellant
from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.notice_senders import COPY, notice_of_copy
from scanner.tables import Appeal, Notice, Reference
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


def decide(service: "Service", caller: Caller, appeal_id: str, decided: AppealDecision) -> Appeal:
    """Decide an appeal, as its officer; what is granted is reversed in the same transaction.

    Raises
    ------
    BadAppealError
        If a part is granted and nothing says which, or what is left is stricter than what was appealed.
    appeals.IllegalTransitionError
        If somebody else holds it, or the officer decided before.
    """
    actor = parties.staff(caller)
    _check(decided)
    with service.database.transaction() as session:
        if decided.exclusion is not None:
            catalogue.lock(session, caller.tenant_id)  # before any track
        row = _locked(session, caller.tenant_id, appeal_id)
        _check_part(row, decided)
        parts = {"reason": decided.reason}
        found = {"misuse": decided.misuse} if decided.misuse else {}
        matters.move(service, session, row, decided.outcome, actor, parts=parts, detail=found)
        row.outcome, row.outcome_kind, row.misuse = decided.reason, row.state, decided.misuse
        if decided.outcome != "deny":
            reverse(Reversal(service, session, row, actor, decided))
        if decided.outcome != "grant":
            dispute_appeals.close(service, session, row)
        if decided.exclusion is not None:
            _exclude(service, session, caller, row, decided.exclusion)
        appeal_letters.tell_outcome(service, session, row)
        if row.misuse is not None:
            complaints.weigh(service, session, row)
        if decided.outcome != "deny":
            illegal_uploads.weigh_upheld(service, session, row)
        return row


def go_out_of_court(
    service: "Service",
    caller: Caller | None,
    appeal_id: str,
    body: str,
    *,
    body_case: str | None = None,
    complex_: bool = False,
    token: str | None = None,
) -> Appeal:
    """Write down that the appellant went to a certified body of their choice (DSA-21).

    Raises
    ------
    BadAppealError
        If the body is not on the list of certified ones.
    """
    known = {each["name"].lower(): each["name"] for each in bodies(service)}
    name = known.get(body.strip().lower())
    if name is None:
        raise BadAppealError(
            Told(
                "%(body)s is none of the certified bodies: %(known)s; the setting "
                "out_of_court_bodies adds to them",
                body=repr(body),
                known=", ".join(sorted(known.values())),
            )
        )
    with service.database.transaction() as session:
        row, actor = of_appellant(service, session, caller, appeal_id, token)
        parts = {"body": name}
        matters.move(service, session, row, "go_out_of_court", actor, parts=parts, longer=complex_)
        row.body, row.body_case = name, body_case
        return row


def record_outcome(
    service: "Service",
    caller: Caller,
    appeal_id: str,
    outcome: str,
    reverses: bool,
    becomes: Literal["restrict", "block"] = "restrict",
) -> Appeal:
    """Write down what the body said; where it says so, what was decided is reversed.

    Parameters
    ----------
    becomes : {"restrict", "block"}
        Of a refused notice about a likeness, whether its tracks get a label or go.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        row = _locked(session, caller.tenant_id, appeal_id)
        parts = {"outcome": outcome}
        matters.move(service, session, row, "record_outcome", actor, parts=parts)
        row.body_outcome = outcome
        if reverses:
            granted = AppealDecision("grant", outcome, becomes)
            reverse(Reversal(service, session, row, actor, granted))
            row.outcome_kind = "granted"
        appeal_letters.tell_outcome(service, session, row, template="appeal-body-outcome")
        if reverses:
            illegal_uploads.weigh_upheld(service, session, row)
        return row


def bodies(service: "Service") -> list[Mapping[str, Any]]:
    """Return the out-of-court bodies: those of the list, and those that the settings add."""
    added = [{"name": name} for name in service.settings.out_of_court_bodies]
    return [*strike_policy.out_of_court()["bodies"], *added]


def _check(decided: AppealDecision) -> None:
    kinds = restrictions.KINDS | {restrictions.LABEL}
    if (flaw := restrictions.flaw(decided.restrictions, kinds)) is not None:
        raise BadAppealError(flaw)
    if decided.misuse is not None and (
        decided.outcome != "deny" or decided.misuse not in misuse.FINDINGS
    ):
        findings = ", ".join(misuse.FINDINGS)
        raise BadAppealError(
            Told(
                "misuse is found of an appeal that is denied, one of: %(findings)s",
                findings=findings,
            )
        )
    if decided.outcome != "grant_partly":
        return
    if decided.becomes == "clear":
        raise BadAppealError("a track that becomes clear is granted in whole: send grant")
    if decided.becomes == "restrict" and not decided.restrictions:
        raise BadAppealError("with outcome restrict, send the restrictions that are left")
    if decided.becomes == "block" and not decided.territories:
        raise BadAppealError("a block that is left everywhere grants nothing: send territories")


def _check_part(row: Appeal, decided: AppealDecision) -> None:
    """Refuse a part of what has none: it would fall in whole."""
    if decided.outcome == "grant_partly" and row.subject_kind in {"strike", "sanction", COPY}:
        raise BadAppealError(
            Told(
                "a %(subject_kind)s stands or falls in whole: send grant or deny",
                subject_kind=row.subject_kind,
            )
        )


def _locked(session: Session, tenant_id: str, appeal_id: str) -> Appeal:
    """Lock the track, or a notice's tracks and the notice, then the appeal."""
    seen = matters.find(session, Appeal, tenant_id, appeal_id)
    if seen.track_id is not None:
        tracks.locked(session, tenant_id, seen.track_id)
    if seen.subject_kind == Notice.KIND:
        notice_tracks.lock_all(session, notice_tracks.of_notice(session, seen.subject_id))
        matters.locked(session, Notice, tenant_id, seen.subject_id)
    if seen.subject_kind == COPY:
        notice = notice_of_copy(session, seen.subject_id)
        matters.locked(session, Notice, tenant_id, notice.id)
    return matters.locked(session, Appeal, tenant_id, appeal_id)


def _exclude(
    service: "Service", session: Session, caller: Caller, row: Appeal, part: Exclusion
) -> None:
    """Feed the reference's exclusions: what the appeal showed is not its holder's."""
    reference = session.get(Reference, part.reference_id)
    if reference is None or reference.tenant_id != caller.tenant_id:
        raise NotFoundError("reference", "of this id")
    appeal_parts.refuse_unmatched(session, row.track_id, reference)
    upkeep.exclude_within(
        service,
        session,
        caller,
        reference.id,
        (part.start_s, part.end_s),
        origin="appeal",
        note=f"appeal {row.id}",
    )
