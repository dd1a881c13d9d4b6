"""Misuse of notices, of complaints and of uploads: what people found is counted, and a person asked what to do (DSA-23)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from appeals import standing
from appeals.standing import Gravity, MisuseFinding, MisusePolicy, Submissions
from scanner import sanctions
from scanner.notice_senders import Party
from scanner.tables import Case, Tenant

FINDINGS: Final = ("unfounded", "grave", "meant")
"""What a decider may find: manifestly unfounded; grave besides; meant besides."""


def counted(findings: Iterable[tuple[str | None, int]]) -> Submissions:
    """Sum up what was found of all that somebody sent: pairs of a finding, or none, and how often."""
    pairs = list(findings)
    bad = {finding for finding, count in pairs if finding and count}
    gravity: Gravity = "grave" if "grave" in bad else "minor"
    return Submissions(
        total=sum(count for _, count in pairs),
        unfounded=sum(count for finding, count in pairs if finding),
        gravity=gravity,
        intent="meant" in bad,
        grave=sum(count for finding, count in pairs if finding in {"grave", "meant"}),
    )


def since(now: datetime) -> datetime:
    """Return from when what somebody sent counts, and among how many: one time frame for both (DSA-23)."""
    return now - MisusePolicy().frame


def one_at_a_time(session: Session, tenant_id: str) -> None:
    """Wait for whoever else finds misuse on a platform: each counts what the other found, and one case is opened.

    The last lock of its transaction; what refers to the platform's row does not wait for it.
    """
    session.get_one(Tenant, tenant_id, with_for_update={"key_share": True})


def reason(
    session: Session,
    tenant_id: str,
    party: Party,
    what: sanctions.What,
    sent: Submissions,
    now: datetime,
    *,
    found: str = "manifestly unfounded",
) -> dict[str, Any] | None:
    """Return for what a case asks a person to warn or suspend somebody; None if it is not due, or asked."""
    warned = sanctions.was_warned(session, tenant_id, party.kind, party.id, what, now)
    finding = standing.misuse(sent, warned, found=found)
    if finding.suggests == "nothing" or _asked(session, tenant_id, party, what):
        return None
    return {
        "rule": "DSA-23",
        "text": "; ".join(finding.because),
        "party_kind": party.kind,
        "party_id": party.id,
        "what": what,
        "suggests": finding.suggests,
        "factors": _factors(finding),
    }


def _factors(finding: MisuseFinding) -> dict[str, object]:
    return {
        "count": finding.count,
        "share": round(finding.share, 4),
        "gravity": finding.gravity,
        "intent": finding.intent,
    }


def _asked(session: Session, tenant_id: str, party: Party, what: str) -> bool:
    query = select(Case).where(
        Case.tenant_id == tenant_id, Case.kind == "misuse", col(Case.closed_at).is_(None)
    )
    return any(
        reason.get("party_id") == party.id and reason.get("what") == what
        for case in session.exec(query)
        for reason in case.reasons
    )
