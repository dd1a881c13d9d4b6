"""Prompts are screened against the names and the lyrics of the tenant's own catalogue."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from policy.prompts import Register, ScreenedPrompt, screen_lyrics, screen_prompt
from scanner.banks import RIGHTS
from scanner.catalogue import ACTIVE, names_stamp
from scanner.reference_lyrics import CatalogueSongs
from scanner.tables import Bank, Holder, Reference
from scanner.words import without_times

if TYPE_CHECKING:
    from scanner.service import Service

KEPT: Final = 16
"""Platforms whose registers a process keeps."""


class Registers:
    """What platforms' prompts may not name, made ready once for each state of a catalogue."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[int, int], Register]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session: Session, tenant_id: str) -> Register:
        """Return a tenant's register as of now."""
        stamp = names_stamp(session, tenant_id)
        with self._lock:
            known = self._kept.get(tenant_id)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(tenant_id)
                return known[1]
        register = register_of(session, tenant_id)
        with self._lock:
            self._kept[tenant_id] = (stamp, register)
            self._kept.move_to_end(tenant_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return register


def screen(
    service: "Service",
    session: Session,
    tenant_id: str,
    prompt: str,
    protected: Sequence[str] = (),
) -> ScreenedPrompt:
    """Screen a prompt; ``protected`` are names beyond those of the catalogue."""
    own = service.registers.of(session, tenant_id)
    songs = CatalogueSongs(session, tenant_id)
    return screen_prompt(prompt, own, Register(artists=tuple(protected)), songs=songs)


def screen_sung(session: Session, tenant_id: str, lyrics: str) -> ScreenedPrompt:
    """Screen lyrics that are to be sung, which may name whom they like; times of LRC part no words."""
    return screen_lyrics(without_times(lyrics), CatalogueSongs(session, tenant_id))


def without_prompt(
    service: "Service", tenant_id: str, declared: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is declared of a generated track with what was found in its prompt, in the prompt's place.

    What its lyrics quote was asked for too.
    """
    made, lyrics = declared.get("generated"), declared.get("lyrics")
    if made is None or not (made.get("prompt") or lyrics):
        return dict(declared)
    made = dict(made)
    signals: list[str] = list(made.get("prompt_signals") or ())
    prompt = made.pop("prompt", None)
    with service.database.reading() as session:
        if prompt is not None:
            signals += screen(service, session, tenant_id, prompt).signals
            made["prompt_sha256"] = hashlib.sha256(prompt.encode()).hexdigest()
        if lyrics:
            signals += screen_sung(session, tenant_id, lyrics).signals
    made["prompt_signals"] = list(dict.fromkeys(signals))
    return {**declared, "generated": made}


def register_of(session: Session, tenant_id: str) -> Register:
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
    return Register(artists=tuple(sorted(holders)), titles=tuple(sorted(titles)))


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
        "rephrase_texts": [dict(each) for each in screened.rephrasings],
    }
