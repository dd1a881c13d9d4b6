"""Personal fields of events: encrypted in the journal, opened for those who may read, or erased.

A field is encrypted before its row is sealed, so the chain of hashes is over what is stored and
verifies whether or not the key still exists. Rows from before there were keys hold plain values
and read as they are.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel

from scanner.privacy.person_keys import Person, PersonKeyError, PersonKeys

CLASSES: Final[Mapping[str, timedelta]] = {
    "evidence": timedelta(days=1095),  # legal claims
    "operations": timedelta(days=90),
}
"""How long the key of a class lives, from the end of the month it was made for."""
ERASED: Final = "erased"
SEALED: Final = "sealed"
_GONE: Final[Mapping[str, Any]] = {"text": ERASED, "object": {ERASED: ERASED}, "list": [ERASED]}
_NONCE: Final = 12
_STEP: Final = 128
"""Bytes to a multiple of which a value is filled up: how long it is would tell something of it."""
_TOKEN: Final = re.compile(rf"{SEALED}:(text|object|list):([0-9a-f]{{32}}):([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Personal:
    """Marks a field of an event: ``Annotated[str, Personal("evidence")]``.

    With ``within`` the field is an object and only that member of it is personal. With ``empty`` it is
    encrypted too where there is nothing in it, since that would tell something.
    """

    retention: str
    within: str | None = None
    empty: bool = False

    def __post_init__(self) -> None:
        if self.retention not in CLASSES:
            raise ValueError(f"retention class {self.retention!r} is none of {', '.join(CLASSES)}")


@cache
def personal_fields(model: type[BaseModel]) -> Mapping[str, Personal]:
    """Return the personal fields of an event's data."""
    return {
        name: mark
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Personal)
    }


def slot_of(retention: str, at: datetime) -> str:
    """Return the name under which keys of a class are made at a time."""
    return f"{retention}-{at:%Y-%m}"


def ends_at(slot: str) -> datetime:
    """Return when the keys of a slot are to be destroyed."""
    retention, year, month = slot.rsplit("-", 2)
    first = datetime.fromisoformat(f"{year}-{month}-01T00:00:00+00:00")
    return (first + timedelta(days=32)).replace(day=1) + CLASSES[retention]


def sealed(
    keys: PersonKeys | None, data: BaseModel, row_id: str, person: Person, now: datetime
) -> dict[str, Any]:
    """Return an event's data as the journal keeps it.

    Raises
    ------
    PersonKeyError
        If a field is personal and there are no keys to encrypt it with.
    """
    values: dict[str, Any] = data.model_dump(mode="json")
    for field, mark in personal_fields(type(data)).items():
        place, name = (values, field) if mark.within is None else (values[field], mark.within)
        if not place.get(name) and not mark.empty:
            continue
        if keys is None:
            raise PersonKeyError(f"{field} is personal, and this database has no keys")
        reference, key = keys.ensured(person, slot_of(mark.retention, now))
        box = _box(key, place[name], _bound(row_id, name))
        place[name] = _shaped(place[name], f"{reference}:{box}")
    return values


def _shaped(value: Any, box: str) -> Any:
    """Return what stands for a value, of a type that fits the published schema."""
    if isinstance(value, dict):
        return {SEALED: f"{SEALED}:object:{box}"}
    if isinstance(value, list):
        return [f"{SEALED}:list:{box}"]
    return f"{SEALED}:text:{box}"


def opened(
    keys: PersonKeys | None, row_id: str, data: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return a row's data as it reads, and which of its fields are erased."""
    values, erased = dict(data), []
    for field, value in data.items():
        token = _token(value)
        if token is not None:
            opened_value = _opened(keys, token, _bound(row_id, field), value)
            values[field] = opened_value
            if opened_value in _GONE.values():
                erased.append(field)
        elif isinstance(value, dict):
            values[field], within = opened(keys, row_id, value)
            erased += [f"{field}.{name}" for name in within]
    return values, erased


def tried(keys: PersonKeys, data: Mapping[str, Any]) -> tuple[int, int]:
    """Return of how many sealed values the keys are gone, and of how many they are there."""
    closed = held = 0
    for value in data.values():
        if token := _token(value):
            known = keys.find(token.group(2)) is not None
            closed, held = closed + (not known), held + known
        elif isinstance(value, dict):
            within = tried(keys, value)
            closed, held = closed + within[0], held + within[1]
    return closed, held


def _token(value: Any) -> re.Match[str] | None:
    """Return the parts of an encrypted value; it has the type of what it stands for."""
    if isinstance(value, dict) and set(value) == {SEALED}:
        value = value[SEALED]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _TOKEN.fullmatch(value) if isinstance(value, str) else None


def _opened(keys: PersonKeys | None, token: re.Match[str], bound: bytes, value: Any) -> Any:
    kind, reference, box = token.groups()
    key = keys.find(reference) if keys is not None else None
    if key is None:
        return _GONE[kind]
    try:
        return _unboxed(key, box, bound)
    except (InvalidTag, ValueError):
        return value  # nothing that was encrypted here: moved, or written so by somebody


def _bound(row_id: str, field: str) -> bytes:
    """What a box is tied to: moved into another row or field it does not open."""
    return f"{row_id}/{field}".encode()


def _box(key: bytes, value: Any, bound: bytes) -> str:
    nonce = os.urandom(_NONCE)
    plain = json.dumps(value, ensure_ascii=False).encode()
    plain += b" " * (-len(plain) % _STEP)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, bound)).decode()


def _unboxed(key: bytes, box: str, bound: bytes) -> Any:
    content = base64.b64decode(box, validate=True)
    return json.loads(AESGCM(key).decrypt(content[:_NONCE], content[_NONCE:], bound))
