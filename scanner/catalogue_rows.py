"""A recording as a catalogue file describes it, and what may be wrong about it, column by column."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from scanner import reference_lyrics
from scanner.declarations import Declaration, DeclarationError
from scanner.reference_checks import POLICIES
from scanner.wording import Told

COLUMNS: Final[Mapping[str, str]] = {
    "key": "Your own name for the recording; a later file finds it again by this.",
    "title": "Its title, up to 300 characters.",
    "isrc": "Its ISRC, as US-RC1-76-07839 or USRC17607839.",
    "policy": f"What is to happen on a match: {', '.join(POLICIES)}.",
    "territories": "Where that holds, as ISO 3166 codes with spaces between; empty: everywhere.",
    "contributors": "Who made it, with semicolons between.",
    "lyrics": "What is sung in it, which prompts may not quote, in quotation marks if of several lines.",
    "file": "Where its sound is in the ZIP, as songs/one.flac.",
    "reference_id": "Its id here, of one that is in the catalogue already.",
}
"""The columns of a catalogue file: what each means."""
LONGEST: Final[Mapping[str, int]] = {
    "key": 200,
    "title": 300,
    "isrc": 20,
    "territories": 1000,
    "contributors": 2000,
    "lyrics": reference_lyrics.MOST_CHARACTERS,
    "file": 500,
    "reference_id": 36,
}
MOST_ROWS: Final = 50_000
_BETWEEN: Final = re.compile(r"[\s,;|]+")


class CatalogueFileError(ValueError):
    """The file can't be read as a whole; the message says where and what to do."""


@dataclass(frozen=True)
class Row:
    """One recording of a file.

    Attributes
    ----------
    line : int
        Where it begins, from 1.
    fields : dict
        Of :data:`COLUMNS`, what was said; ``territories`` and ``contributors`` as lists.
    errors : tuple of dict
        ``column`` and ``detail``.
    """

    line: int
    key: str
    fields: dict[str, Any]
    errors: tuple[dict[str, str], ...] = field(default=())


def checked(line: int, given: Mapping[str, str], errors: Sequence[dict[str, str]] = ()) -> Row:
    """Look at every column of a row.

    Parameters
    ----------
    given : mapping of str to str
        Text by column; an empty one says nothing.
    errors : sequence of dict
        What the reader of the file found wrong before.
    """
    said = {name: text.strip() for name, text in given.items() if text.strip()}
    found = [*errors, *_too_long(said), *_odd(said)]
    fields: dict[str, Any] = dict(said)
    if "territories" in said:
        fields["territories"] = [each for each in _BETWEEN.split(said["territories"]) if each]
    if "contributors" in said:
        named = (each.strip() for each in said["contributors"].split(";"))
        fields["contributors"] = [each for each in named if each]
    if said.get("policy", POLICIES[0]) not in POLICIES:
        found.append(
            error("policy", Told("write one of: %(policies)s", policies=", ".join(POLICIES)))
        )
    fields |= _codes(fields, found)
    if "file" in said and not _inside(said["file"]):
        found.append(error("file", "name a file inside the ZIP, as songs/one.flac"))
    known_by = [
        str(fields[name]) for name in ("key", "isrc", "reference_id", "file") if name in fields
    ]
    if not known_by:
        found.append(error("key", "name the recording by a key, an ISRC, its id or its file"))
    return Row(line, (known_by or [f"line {line}"])[0][:200], fields, tuple(found))


def distinct(rows: Sequence[Row]) -> list[Row]:
    """Return rows, each that names a recording which an earlier one names with that said."""
    lines: dict[str, int] = {}
    found = []
    for row in rows:
        first = lines.setdefault(row.key, row.line)
        twice = error(
            "key", Told("line %(first)s is about the same recording: say it once", first=first)
        )
        more = () if first == row.line else (twice,)
        found.append(Row(row.line, row.key, row.fields, (*row.errors, *more)))
    return found


def error(column: str, detail: str) -> dict[str, str]:
    """Return what is wrong about a column."""
    return {"column": column, "detail": detail}


def _too_long(said: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        error(
            name, Told("it has more than %(longest)s characters: shorten it", longest=LONGEST[name])
        )
        for name, text in said.items()
        if len(text) > LONGEST.get(name, len(text))
    ]


def _odd(said: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        error(name, "it holds characters that can't be shown: take them out")
        for name, text in said.items()
        if any(
            not char.isprintable() and (char not in "\r\n\t" or name != "lyrics") for char in text
        )
    ]


def _codes(fields: Mapping[str, Any], found: list[dict[str, str]]) -> dict[str, Any]:
    codes: dict[str, Any] = {}
    for name in ("isrc", "territories"):
        if name not in fields:
            continue
        wanted = fields[name] if name == "isrc" else [each.upper() for each in fields[name]]
        try:
            declared = Declaration.parse({name: wanted})
        except DeclarationError as wrong:
            found += [error(name, each["detail"]) for each in wrong.errors[:3]]
            continue
        codes[name] = declared.isrc if name == "isrc" else list(declared.territories)
    return codes


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
