"""Prompts are screened against the names of the tenant's own catalogue."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from policy.prompts import Register, ScreenedPrompt, screen_prompt
from scanner.banks import RIGHTS
from scanner.catalogue import ACTIVE
from scanner.tables import Bank, Holder, Reference


def screen(
    session: Session, tenant_id: str, prompt: str, protected: Sequence[str] = ()
) -> ScreenedPrompt:
    """Screen a prompt; ``protected`` are names beyond those of the catalogue."""
    return screen_prompt(prompt, register_of(session, tenant_id, protected))


def register_of(session: Session, tenant_id: str, protected: Sequence[str] = ()) -> Register:
    """Titles of active references in banks of rights, and the holders that somebody named."""
    titles = session.exec(
        select(Reference.title)
        .join(Bank, col(Bank.id) == col(Reference.bank_id))
        .where(
            Reference.tenant_id == tenant_id,
            Reference.status == ACTIVE,
            col(Bank.enabled),
            Bank.kind == RIGHTS,
        )
        .distinct()
    )
    holders = session.exec(
        select(Holder.name).where(Holder.tenant_id == tenant_id, col(Holder.named)).distinct()
    )
    return Register(artists=(*sorted(holders), *protected), titles=tuple(sorted(titles)))


def describe(screened: ScreenedPrompt) -> dict[str, Any]:
    """Return the answer as JSON."""
    return {
        "accepted": screened.accepted,
        "signals": list(screened.signals),
        "objections": [
            {
                "signal": each.signal,
                "words": each.words,
                "start": each.span[0],
                "end": each.span[1],
                "protects": each.protects,
            }
            for each in screened.objections
        ],
        "rephrase": list(screened.rephrase),
    }
