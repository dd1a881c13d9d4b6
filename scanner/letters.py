"""What people are told: written in the transaction of what it is about, sent later, kept word for word.

The words are in ``letter_texts/*.yaml``, by template and language, as Jinja2 texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from sqlmodel import Session

from appeals.matter_tables import MatterRow
from scanner.clock import new_id
from scanner.journal import PIPELINE, Actor, record
from scanner.letter_dates import Day, written
from scanner.matter_events import LetterWritten
from scanner.tables import Case, Letter

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

DATA: Final = Path(__file__).parent / "letter_texts"
UNSENT_DOMAIN: Final = "clearance"
"""Stands in a Message-ID until it is sent, under the domain of the sender's address then."""
LANGUAGES: Final = ("en", "de", "fr", "es")


@dataclass(frozen=True)
class Recipient:
    """Who is told.

    Attributes
    ----------
    kind : {"account", "guardian", "notifier", "holder", "user", "authority"}
    id : str
    address : str, optional
        E-mail address; without one the letter lies in the inbox, and the platform is told of it by webhook.
    language : str
    """

    kind: str
    id: str
    address: str | None = None
    language: str = "en"


def write(
    session: Session,
    to: Recipient,
    template: str,
    words: Mapping[str, Any],
    *,
    tenant_id: str,
    now: datetime,
    matter: MatterRow | Case | None = None,
    track_id: str | None = None,
    legal_basis: Sequence[str] = (),
    actor: Actor = PIPELINE,
) -> Letter:
    """Write a letter, inside the transaction of what it is about.

    Parameters
    ----------
    words : mapping
        What the template names. Days and moments are written as the letter's language does.

    Raises
    ------
    KeyError
        If there is no such template.
    """
    language = to.language if to.language in texts()[template] else LANGUAGES[0]
    text = texts()[template][language]
    told = {name: _told(value, language) for name, value in words.items()}
    letter_id = new_id()
    letter = Letter(
        id=letter_id,
        tenant_id=tenant_id,
        recipient_kind=to.kind,
        recipient_id=to.id,
        address=to.address,
        template=template,
        language=language,
        subject=" ".join(_filled(text["subject"], told).split())[:300],
        body=_filled(text["body"], told).strip() + "\n",
        matter_kind=matter.KIND if matter is not None else None,
        matter_id=matter.id if matter is not None else None,
        track_id=track_id,
        legal_basis=list(legal_basis),
        message_id=f"<{letter_id}@{UNSENT_DOMAIN}>",
        state="waiting" if to.address else "inbox",
        not_before=now,
        created_at=now,
    )
    session.add(letter)
    session.flush()
    data = LetterWritten(
        recipient_kind=to.kind,
        recipient_id=to.id,
        template=template,
        matter_kind=letter.matter_kind,
        matter_id=letter.matter_id,
        track_id=track_id,
        legal_basis=letter.legal_basis,
    )
    record(
        session, tenant_id=tenant_id, subject=letter.id, version=1, data=data, now=now, actor=actor
    )
    return letter


@cache
def texts() -> dict[str, dict[str, dict[str, str]]]:
    """Return subject and body of every letter, by template and language."""
    every: dict[str, dict[str, dict[str, str]]] = {}
    for path in sorted(DATA.glob("*.yaml")):
        every |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return every


def _told(value: Any, language: str) -> Any:
    return written(value, language) if isinstance(value, date | Day) else value


def _filled(text: str, words: Mapping[str, Any]) -> str:
    return _environment().from_string(text).render(words)


@cache
def _environment() -> "SandboxedEnvironment":
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # Letters are plain text: what people wrote is quoted as it is and never read as a template.
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
