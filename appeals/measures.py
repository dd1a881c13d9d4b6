"""Statements of reasons for what is done to somebody rather than to a track: suspensions, ends, limits (DSA-17)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from appeals.deadlines import deadline
from appeals.errors import MissingReasonError
from appeals.plain_statements import plain, redress
from appeals.statements import OWN, Source
from appeals.tables import StatementOfReasons

Effect = Literal["limited", "suspended", "terminated"]
What = Literal["uploads", "notices", "complaints", "account"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is done to whom.

    Attributes
    ----------
    matter : (str, str)
        Kind and id of the sanction or strike that it follows from.
    party : (str, str)
        Kind and id of whom it hits: an account, holder, flagger or notifier.
    ends_at : datetime, optional
        None: it lasts until it is lifted.
    automated : bool
        Rules alone decided it.
    """

    matter: tuple[str, str]
    party: tuple[str, str]
    what: What
    effect: Effect
    ends_at: datetime | None = None
    automated: bool = False
    source: Source = OWN


def state_measure(
    *,
    statement_id: str,
    tenant_id: str,
    measure: Measure,
    reasons: Sequence[dict[str, Any]],
    now: datetime,
    zone: str = "UTC",
    open_to_appeal: bool = True,
) -> StatementOfReasons:
    """Write the statement that goes with what is done to a party; its ground is the terms, which are published.

    Parameters
    ----------
    reasons : sequence of dict
        ``rule``, ``text`` and ``legal_basis`` each; ``texts`` by language where there are such words.
    zone : str, optional
        IANA name of the zone in which the last day to contest it ends.
    open_to_appeal : bool, optional
        Whether there is a complaint and a body out of court (DSA-19).

    Raises
    ------
    MissingReasonError
        If no reason is given: then it must not take effect.
    """
    if not any(reason.get("text") for reason in reasons):
        raise MissingReasonError(f"{measure.party[0]} would be {measure.effect} without a reason")
    statement = StatementOfReasons(
        id=statement_id,
        tenant_id=tenant_id,
        matter_kind=measure.matter[0],
        matter_id=measure.matter[1],
        party_kind=measure.party[0],
        party_id=measure.party[1],
        what=measure.what,
        effect=measure.effect,
        ends_at=measure.ends_at,
        restrictions=[],
        facts=list(reasons),
        source=measure.source.kind,
        source_form=measure.source.form,
        source_id=measure.source.id,
        ground="terms",
        legal_basis=sorted({str(rule) for each in reasons for rule in each["legal_basis"]}),
        automated_detection=False,
        automated_decision=measure.automated,
        contest_until=deadline("complaint-window", now, zone).due_at if open_to_appeal else None,
        open_to_appeal=open_to_appeal,
        redress="",
        text="",
        created_at=now,
    )
    statement.redress = redress(statement, "en", zone)
    statement.text = plain(statement, "en", zone)
    return statement
