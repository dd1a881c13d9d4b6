"""Notices as the Lumen database takes them, without personal data.

Fields are those that ``NoticesController`` of github.com/berkmancenter/lumendatabase (99d44c85) permits. Of sender
and holder nothing goes out but whether it was a trusted flagger; texts are blacked out where they may name somebody.
"""

from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from scanner.redactions import REDACTED, black_out
from scanner.tables import Notice, NoticeTrack, Reference

TYPES: Final = {
    "dmca": "DMCA",
    "dsa": "Other",
    "likeness": "Other",
    "order": "LawEnforcementRequest",
}
"""Of Lumen, by form. A threat to life is no notice about material and is not exported."""
_REGULATIONS: Final = {
    "dmca": "17 U.S.C. 512(c)",
    "dsa": "Regulation (EU) 2022/2065, Article 16",
    "likeness": "Regulation (EU) 2022/2065, Article 16",
    "order": "Regulation (EU) 2022/2065, Article 9",
}
_TEXTS: Final = {
    "dmca": ("work",),
    "dsa": ("reason",),
    "likeness": ("reason",),
    "order": ("legal_ground",),
}
_NAMES: Final = ("signature", "name", "person", "email", "phone", "address", "reference")
_ACTIONS: Final = {"actioned": "Yes", "countered": "Yes", "closed": "Unspecified", "refused": "No"}


def redacted(session: Session, notice: Notice, platform: str) -> dict[str, Any] | None:
    """Return a notice as Lumen's API takes it; None for a kind that is not exported.

    Parameters
    ----------
    platform : str
        Name of the platform, Lumen's recipient and submitter.
    """
    if notice.form not in TYPES:
        return None
    names = _names(notice)
    tracks = session.exec(
        select(NoticeTrack.track_id)
        .where(NoticeTrack.notice_id == notice.id)
        .order_by(col(NoticeTrack.track_id))
    ).all()
    words = [
        black_out(str(notice.elements[each]), names)
        for each in _TEXTS[notice.form]
        if notice.elements.get(each)
    ]
    body = " ".join(words) or REDACTED
    return {
        "type": TYPES[notice.form],
        "title": f"{TYPES[notice.form]} notice about {max(len(tracks), 1)} audio track(s)",
        "body": body,
        "date_sent": _day(notice.created_at),
        "date_received": _day(notice.created_at),
        "source": "API",
        "language": notice.language,
        "regulation_list": _REGULATIONS[notice.form],
        "tag_list": "music, trusted-flagger" if notice.flagger_id else "music",
        "action_taken": _ACTIONS.get(notice.state, "Unspecified"),
        "works_attributes": [
            {
                "description": _work(session, notice, names) or body,
                "infringing_urls_attributes": [{"url": f"urn:uuid:{each}"} for each in tracks],
                "copyrighted_urls_attributes": [],
            }
        ],
        "entity_notice_roles_attributes": [
            {"name": "recipient", "entity_attributes": {"name": platform, "kind": "organization"}},
            {"name": "submitter", "entity_attributes": {"name": platform, "kind": "organization"}},
            {"name": "sender", "entity_attributes": {"name": REDACTED}},
        ],
    }


def _names(notice: Notice) -> list[str]:
    """Return what names the sender or somebody, or reaches them."""
    given = [notice.notifier_name, notice.notifier_email]
    given += [str(notice.elements[each]) for each in _NAMES if notice.elements.get(each)]
    return [each for each in given if each and each.strip()]


def _work(session: Session, notice: Notice, names: list[str]) -> str | None:
    reference = session.get(Reference, notice.reference_id) if notice.reference_id else None
    return black_out(reference.title, names) if reference is not None else None


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
