"""Reasons that a reviewer can give: a code, and what it says to whom the verdict affects, by language.

Those that come with the program are in ``reason_texts/*.yaml``; a platform's own stand before them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from sqlmodel import Session, select

from scanner.callers import Caller
from scanner.errors import NotFoundError, ScannerError
from scanner.letters import LANGUAGES
from scanner.tables import ReasonTemplate
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

DATA: Final = Path(__file__).parent / "reason_texts"
DISPOSITIONS: Final = ("confirmed", "false", "licensed")
_CODE: Final = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9][a-z0-9-]{0,40}")


class BadVerdictError(ScannerError):
    """A verdict, reason or answer can't be taken as it is; the message says what to give."""


@dataclass(frozen=True)
class Reason:
    """A reason and its words.

    Attributes
    ----------
    verdicts : tuple of str
        Verdicts that it may go with.
    texts : mapping
        What the affected person reads, by language; English is always there.
    legal_basis : tuple of str
        Ids of rules of law.
    matches : {"confirmed", "false", "licensed"}, optional
        What it says of the matches that the case is about.
    own : bool
        It is the platform's.
    """

    code: str
    verdicts: tuple[str, ...]
    texts: Mapping[str, str]
    legal_basis: tuple[str, ...] = ()
    matches: str | None = None
    own: bool = False

    def text(self, language: str = "en") -> str:
        """Return its words in a language, else in English."""
        return self.texts.get(language, self.texts["en"])

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "code": self.code,
            "verdicts": list(self.verdicts),
            "texts": dict(self.texts),
            "legal_basis": list(self.legal_basis),
            "matches": self.matches,
            "own": self.own,
        }


@cache
def defaults() -> dict[str, Reason]:
    """Return the reasons that come with the program, by code."""
    read: dict[str, dict[str, Any]] = {}
    for path in sorted(DATA.glob("*.yaml")):
        read |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        code: Reason(
            code,
            tuple(each["verdicts"]),
            each["texts"],
            tuple(each.get("legal_basis", ())),
            each.get("matches"),
        )
        for code, each in read.items()
    }


def listed(session: Session, tenant_id: str) -> list[Reason]:
    """Return all reasons of a platform, by code."""
    own = session.exec(select(ReasonTemplate).where(ReasonTemplate.tenant_id == tenant_id))
    every = defaults() | {row.code: _of(row) for row in own}
    return [every[code] for code in sorted(every)]


def find(session: Session, tenant_id: str, code: str, verdict: str) -> Reason:
    """Return a reason that goes with a verdict.

    Raises
    ------
    BadVerdictError
        If there is none of this code, or it is for other verdicts.
    """
    row = session.get(ReasonTemplate, (tenant_id, code))
    reason = _of(row) if row is not None else defaults().get(code)
    if reason is None or verdict not in reason.verdicts:
        fit = [each.code for each in listed(session, tenant_id) if verdict in each.verdicts]
        raise BadVerdictError(
            Told(
                "the reason %(code)s does not go with %(verdict)s; give one of: %(fit)s",
                code=repr(code),
                verdict=verdict,
                fit=", ".join(fit) or "none",
            )
        )
    return reason


def put(
    service: "Service",
    caller: Caller,
    code: str,
    *,
    verdicts: Sequence[str],
    texts: Mapping[str, str],
    legal_basis: Sequence[str] = (),
    matches: str | None = None,
) -> Reason:
    """Add a reason of the platform's own, or change it.

    Raises
    ------
    BadVerdictError
        If the code, a language or what it says of matches is not one that can be.
    """
    if not _CODE.fullmatch(code):
        raise BadVerdictError(
            Told("%(code)s is no code: write it as human.licence-shown", code=repr(code))
        )
    others = ", ".join(LANGUAGES[1:])
    if "en" not in texts:
        raise BadVerdictError(
            Told("give the text in en, and if you like in: %(languages)s", languages=others)
        )
    if unknown := sorted(set(texts) - set(LANGUAGES)):
        raise BadVerdictError(
            Told(
                "give the text in en, and if you like in: %(languages)s; not in %(unknown)s",
                languages=others,
                unknown=", ".join(unknown),
            )
        )
    if matches is not None and matches not in DISPOSITIONS:
        raise BadVerdictError(
            Told(
                "matches are %(dispositions)s, or nothing is said of them",
                dispositions=", ".join(DISPOSITIONS),
            )
        )
    with service.database.transaction() as session:
        row = session.get(ReasonTemplate, (caller.tenant_id, code), with_for_update=True)
        if row is None:
            row = ReasonTemplate(
                tenant_id=caller.tenant_id,
                code=code,
                verdicts=[],
                texts={},
                updated_at=service.now(),
            )
            session.add(row)
        row.verdicts, row.texts = list(verdicts), dict(texts)
        row.legal_basis, row.matches = list(legal_basis), matches
        row.version, row.updated_at = row.version + 1, service.now()
        return _of(row)


def remove(service: "Service", caller: Caller, code: str) -> None:
    """Take a reason of the platform's own away; one that came with the program speaks again."""
    with service.database.transaction() as session:
        row = session.get(ReasonTemplate, (caller.tenant_id, code))
        if row is None:
            raise NotFoundError("reason", "of your own under this code")
        session.delete(row)


def _of(row: ReasonTemplate) -> Reason:
    return Reason(
        row.code, tuple(row.verdicts), row.texts, tuple(row.legal_basis), row.matches, own=True
    )
