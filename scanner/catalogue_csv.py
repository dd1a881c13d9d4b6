"""Catalogues as CSV: UTF-8 with or without a byte order mark, columns named in the first line.

Comma, semicolon or tab may stand between cells: the one by which the first line names most known columns.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from scanner.catalogue_rows import (
    COLUMNS,
    MOST_ROWS,
    CatalogueFileError,
    Row,
    checked,
    distinct,
    error,
)
from scanner.safe_csv import plain
from scanner.wording import Told

MAX_BYTES: Final = 16 << 20
SEPARATORS: Final = ",;\t"


def read_csv(raw: bytes) -> list[Row]:
    """Return the rows of a CSV file; what is wrong about one is with it.

    Raises
    ------
    CatalogueFileError
        If it can't be told what the columns are, or where a row ends.
    """
    text = _decoded(raw)
    first, _, _ = text.partition("\n")
    separator = max(SEPARATORS, key=lambda each: (_known(first, each), -SEPARATORS.index(each)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins, header, rows = 1, list[str](), list[Row]()
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not header:
                header = _header(cells)
            elif any(each.strip() for each in cells):
                rows.append(_row(line, header, cells))
            if len(rows) > MOST_ROWS:
                raise CatalogueFileError(
                    Told(
                        "a file has at most %(most_rows)s rows: send it in parts",
                        most_rows=MOST_ROWS,
                    )
                )
    except csv.Error as wrong:
        raise CatalogueFileError(
            Told(
                "line %(begins)s: where its cells end can't be told (%(wrong)s): look at "
                "its quotation marks",
                begins=begins,
                wrong=wrong,
            )
        ) from None
    if not rows:
        raise CatalogueFileError(
            "the file has no rows: name the columns in line 1, then one recording a line"
        )
    return distinct(rows)


def _decoded(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise CatalogueFileError(
            Told(
                "a CSV file has at most %(max_bytes)s MiB: send it in parts",
                max_bytes=MAX_BYTES >> 20,
            )
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        raise CatalogueFileError(
            Told("line %(line)s: it is not in UTF-8: save the file as “CSV UTF-8”", line=line)
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise CatalogueFileError(
            Told("line %(line)s: it holds a NUL character: save the file as “CSV UTF-8”", line=line)
        )
    return text


def _known(first: str, separator: str) -> int:
    return sum(each.strip().strip('"').lower() in COLUMNS for each in first.split(separator))


def _header(cells: list[str]) -> list[str]:
    names = [each.strip().lower() for each in cells]
    there_are = Told("there are: %(columns)s", columns=", ".join(COLUMNS))
    if unknown := [name for name in names if name not in COLUMNS]:
        raise CatalogueFileError(
            Told(
                "line 1: unknown column %(unknown)s; %(there_are)s",
                unknown=repr(unknown[0][:50]),
                there_are=there_are,
            )
        )
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise CatalogueFileError(
            Told("line 1: the column %(twice)s is there twice", twice=twice[0])
        )
    return names


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    given = dict(zip(header, map(plain, cells), strict=False))
    return checked(line, given, list(_misfit(len(header), len(cells))))


def _misfit(wanted: int, found: int) -> Iterator[dict[str, str]]:
    if found != wanted:
        told = Told(
            "it has %(found)s cells, and line 1 names %(wanted)s: quote cells that "
            "hold a separator",
            found=found,
            wanted=wanted,
        )
        yield error("row", told)
