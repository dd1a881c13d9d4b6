"""Forms of rights holders' pages: what was typed comes back beside what is wrong with it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response

import appeals
from appeals.forms import FORMS
from scanner import problems
from scanner.callers import Caller
from scanner.console.access import Allowed
from scanner.console.identities import NOBODY, Identity
from scanner.console.navigation import HOLDERS
from scanner.console.rendering import page
from scanner.declarations import Declaration, DeclarationError
from scanner.errors import ForbiddenError, ScannerError

FORESEEN: Final = (ScannerError, appeals.MoveError)
SHOWN: Final = 50
"""Rows on a page."""
_RightsHolder = Annotated[Identity, Depends(Allowed(HOLDERS))]


def acting(identity: _RightsHolder) -> Identity:
    """Return a rights holder's identity; a login that names no holder is told what it lacks."""
    if identity.caller.holder_id == NOBODY:
        raise ForbiddenError(
            "this login acts for no rights holder: ask for one made with "
            "`clearance user add EMAIL --role rights_holder --holder ID`"
        )
    return identity


RightsHolder = Annotated[Identity, Depends(acting)]


def holder_of(caller: Caller) -> str:
    """Return whom a caller acts for."""
    if caller.holder_id is None:
        raise ForbiddenError("this page is for rights holders")
    return caller.holder_id


def again(
    request: Request, name: str, error: Exception, given: Mapping[str, Any], **values: Any
) -> Response:
    """Answer with a form anew: what was typed, and what is wrong."""
    members = problems.document(error, request.state.request_id)
    shown = {**values, "given": given, "problem": members}
    return page(request, name, members["status"], **shown)


def territories(text: str) -> list[str]:
    """Return the codes in a field, with spaces, commas or semicolons between.

    Raises
    ------
    DeclarationError
        If one is no ISO 3166 code.
    """
    codes = text.upper().replace(",", " ").replace(";", " ").split()
    return list(Declaration.parse({"territories": codes}).territories) if codes else []


def number(text: str, field: str) -> float:
    """Return seconds: as they are, or as minutes with a colon."""
    minutes, _, seconds = text.strip().rpartition(":")
    try:
        value = 60 * int(minutes or 0) + float(seconds)
    except ValueError:
        value = -1
    if not 0 <= value < 1e6:
        told = "write seconds, as 75.5, or minutes and seconds, as 1:15.5"
        raise DeclarationError([{"field": field, "detail": told}])
    return value


def percent(text: str) -> Decimal:
    """Return a share in percent, above 0 and up to 100."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        value = Decimal(0)
    if not 0 < value <= 100 or value != round(value, 4):
        told = "write a number above 0 and up to 100, with four places at most"
        raise DeclarationError([{"field": "percent", "detail": told}])
    return value


def day(text: str, field: str) -> date | None:
    """Return a day; none for nothing."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        told = "write a day as 2026-12-31"
        raise DeclarationError([{"field": field, "detail": told}]) from None


def elements(form: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a notice's elements as its form wants them: places as a list."""
    found: dict[str, Any] = {
        each.name: given[each.name].strip() for each in FORMS[form] if each.name in given
    }
    if "location" in found:
        found["location"] = [
            line.strip() for line in found["location"].splitlines() if line.strip()
        ]
    return found
