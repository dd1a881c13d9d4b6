"""How well reviewers decide: agreement of second reviews, answers to golden cases, verdicts turned over."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from appeals.agreement import kappa
from scanner.tables import CaseVerdict, GoldenCase

if TYPE_CHECKING:
    from scanner.service import Service


def report(
    service: "Service", session: Session, tenant_id: str, since: datetime | None = None
) -> dict[str, Any]:
    """Return the quality of a platform's reviews, in all and by reviewer under a pseudonym.

    Parameters
    ----------
    since : datetime, optional
        Only verdicts given from then on.

    Returns
    -------
    dict
        ``second_reviews``: pairs, share that agree, Cohen's kappa (null where it is not defined);
        ``golden``: answers and how many were right; the same for each of ``reviewers``, with how many
        verdicts they gave.
    """
    pairs = _pairs(session, tenant_id, since)
    answers = _answers(session, tenant_id, since)
    given = select(CaseVerdict.reviewer_id).where(
        CaseVerdict.tenant_id == tenant_id, CaseVerdict.state != "undone", *_from(since)
    )
    counts: dict[str, int] = defaultdict(int)
    for reviewer_id in session.exec(given):
        counts[reviewer_id] += 1
    return {
        "since": since.isoformat() if since else None,
        **_figures([each[2:] for each in pairs], [each[1:] for each in answers]),
        "reviewers": [
            {
                "reviewer": service.pseudonyms.on(tenant_id).of(reviewer_id),
                "verdicts": counts[reviewer_id],
                **_figures(
                    [each[2:] for each in pairs if reviewer_id in each[:2]],
                    [each[1:] for each in answers if each[0] == reviewer_id],
                ),
            }
            for reviewer_id in sorted(counts)
        ],
    }


def _figures(pairs: list[tuple[str, str]], answers: list[tuple[str, str]]) -> dict[str, Any]:
    agree = sum(one == other for one, other in pairs)
    return {
        "second_reviews": {
            "pairs": len(pairs),
            "agreement": agree / len(pairs) if pairs else None,
            "kappa": kappa(pairs),
        },
        "golden": {
            "answers": len(answers),
            "right": sum(one == known for one, known in answers),
        },
    }


def _pairs(
    session: Session, tenant_id: str, since: datetime | None
) -> list[tuple[str, str, str, str]]:
    """First and second reviewer of each pair, and their verdicts."""
    first = aliased(CaseVerdict)
    query = (
        select(first.reviewer_id, CaseVerdict.reviewer_id, first.verdict, CaseVerdict.verdict)
        .join(first, col(first.id) == col(CaseVerdict.checks))
        .where(CaseVerdict.tenant_id == tenant_id, *_from(since))
        .order_by(col(CaseVerdict.id))
    )
    return [(a, b, c, d) for a, b, c, d in session.exec(query)]


def _answers(
    session: Session, tenant_id: str, since: datetime | None
) -> list[tuple[str, str, str]]:
    """Who answered golden cases, what they said, and what is known."""
    query = (
        select(CaseVerdict.reviewer_id, CaseVerdict.verdict, GoldenCase.verdict)
        .join(GoldenCase, col(GoldenCase.case_id) == col(CaseVerdict.case_id))
        .where(CaseVerdict.tenant_id == tenant_id, CaseVerdict.state == "applied", *_from(since))
        .order_by(col(CaseVerdict.id))
    )
    return [(a, b, c) for a, b, c in session.exec(query)]


def _from(since: datetime | None) -> list[Any]:
    return [] if since is None else [col(CaseVerdict.created_at) >= since]
