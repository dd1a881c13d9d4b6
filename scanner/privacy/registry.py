"""What every table and column is kept for, by which right, of whom, and for how long (GDPR-30).

One YAML file a module of tables, in `data/`; `gaps` says what is missing and what to write.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from sqlmodel import SQLModel

from scanner.messages import Message

DATA: Final = Path(__file__).parent / "data"
Kind = Literal["personal", "pseudonymous", "none"]
KINDS: Final[tuple[Kind, ...]] = ("personal", "pseudonymous", "none")
_AFTER: Final = "%(days)s days after: %(start)s"
_DAYS: Final = re.compile(r"P(\d+)D")


def _days(value: Any) -> Any:
    match = _DAYS.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no duration in days, such as P90D")
    return timedelta(days=int(match.group(1)))


Days = Annotated[timedelta, BeforeValidator(_days)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Retention(_Entry):
    """How long: ``until`` something happens, or ``keep`` from ``start`` on.

    With ``column`` the sweeper removes rows in which that time is longer ago than ``keep`` and all of
    ``where`` holds; else ``by`` names what does.
    """

    until: str | None = None
    keep: Days | None = None
    start: str | None = None
    column: str | None = None
    where: dict[str, str] = {}
    by: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Retention":
        if (self.until is None) == (self.keep is None):
            raise ValueError("say either `until` or `keep`")
        if self.keep is not None and (not self.start or (self.column is None) == (self.by is None)):
            raise ValueError("`keep` needs `start`, and either `column` or `by`")
        return self

    def words(self) -> Message:
        """Return it as a sentence's part, for those who say it in another language."""
        if self.keep is None:
            until = str(self.until)
            return Message(until if until.startswith("never") else f"until {until}")
        return Message(_AFTER, days=str(self.keep.days), start=Message(str(self.start)))


class Tie(_Entry):
    """The columns that tie a row to an account, a track, an event, what an event is about, or a matter.

    ``party`` names the account that a row is of, where rows about its tracks are others' too: only what is of
    the account is shown to it.
    """

    account: str | None = None
    track: str | None = None
    event: str | None = None
    subject: str | None = None
    matter: str | None = None
    party: str | None = None


class Override(_Entry):
    """What differs for one column from its table's entry."""

    purpose: str | None = None
    basis: str | None = None
    whose: str | None = None
    retention: Retention | None = None


class Table(_Entry):
    """What is known of a table.

    ``erase`` says what an erasure does to rows tied to it: ``delete`` them, ``blank`` their personal
    columns and those of ``unlink``, or ``keep`` them. ``blobs`` are columns that hold bytes of the
    store by their SHA-256.
    """

    purpose: str
    basis: str
    whose: str
    retention: Retention
    tie: Tie | None = None
    erase: Literal["delete", "blank", "keep"] | None = None
    unlink: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    columns: dict[Kind, tuple[str, ...]]
    but: dict[str, Override] = {}

    @model_validator(mode="after")
    def _tied_rows_are_erased_somehow(self) -> "Table":
        if (self.tie is None) != (self.erase is None):
            raise ValueError("`tie` and `erase` come together")
        return self

    def kind_of(self, column: str) -> Kind:
        """Return what kind of data a column holds."""
        return next(kind for kind in KINDS if column in self.columns.get(kind, ()))

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Return the columns of a kind."""
        return self.columns.get(kind, ())

    def named(self) -> list[str]:
        """Return every column that has a kind, twice if it has two."""
        return [column for kind in KINDS for column in self.of_kind(kind)]


@cache
def registry() -> Mapping[str, Table]:
    """Return the entry of each table, by the table's name.

    Raises
    ------
    ValueError
        If a file is not as it should be, or two name one table.
    """
    tables: dict[str, Table] = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(DATA.glob("*.yaml")):
        for name, entry in yaml.load(path.read_text(encoding="utf-8"), loader).items():  # noqa: S506 - a safe loader
            if name in tables:
                raise ValueError(f"{path.name} names {name}, as another file does")
            try:
                tables[name] = Table.model_validate(entry)
            except ValueError as error:
                raise ValueError(f"{path.name}, {name}: {error}") from error
    return tables


def models() -> dict[str, type[SQLModel]]:
    """Return the model of each table of the database."""
    import scanner.tables  # noqa: F401 - makes the metadata whole

    found: dict[str, type[SQLModel]] = {}
    for model in _below(SQLModel):
        if hasattr(model, "__table__"):
            found[model.__table__.name] = model
    return found


def _below(parent: type[SQLModel]) -> Iterable[type[SQLModel]]:
    for model in parent.__subclasses__():
        yield model
        yield from _below(model)


def file_of(model: type[SQLModel]) -> Path:
    """Return where a table's entry belongs: a file named as its module."""
    name = model.__module__.removeprefix("scanner.tables.").removesuffix(".tables")
    return DATA / f"{name}.yaml"


def gaps(
    tables: Mapping[str, Table] | None = None, known: Mapping[str, type[SQLModel]] | None = None
) -> list[str]:
    """Return what the registry lacks or has too much, each with what to write."""
    tables = registry() if tables is None else tables
    known = models() if known is None else known
    found = [
        f"add to scanner/privacy/data/{file_of(model).name}:\n\n{_stub(name, model)}"
        for name, model in known.items()
        if name not in tables
    ]
    found += [
        f"take {name} out of the registry: there is no such table"
        for name in tables
        if name not in known
    ]
    for name in sorted(set(tables) & set(known)):
        found += _column_gaps(name, tables[name], known[name])
    return found


def _column_gaps(name: str, entry: Table, model: type[SQLModel]) -> list[str]:
    columns = [column.name for column in model.__table__.columns]  # type: ignore[attr-defined]
    place = f"scanner/privacy/data/{file_of(model).name}, {name}"
    named = entry.named()
    found = [
        f"{place}: add {column} to one of columns.personal, columns.pseudonymous, columns.none"
        for column in columns
        if column not in named
    ]
    found += [
        f"{place}: {column} is named twice"
        for column in sorted(set(named))
        if named.count(column) > 1
    ]
    tie = entry.tie.model_dump(exclude_none=True).values() if entry.tie else ()
    swept = [entry.retention.column] if entry.retention.column else []
    used = {*named, *entry.unlink, *entry.blobs, *entry.but, *tie, *swept, *entry.retention.where}
    found += [f"{place}: there is no column {column}" for column in sorted(used - set(columns))]
    return found


def _stub(name: str, model: type[SQLModel]) -> str:
    columns = ", ".join(column.name for column in model.__table__.columns)  # type: ignore[attr-defined]
    return (
        f"{name}:\n  purpose: WHAT FOR\n  basis: BY WHICH RIGHT\n  whose: WHOSE DATA\n"
        f"  retention: {{until: WHAT HAPPENS}}\n"
        f"  columns:\n    personal: []\n    pseudonymous: []\n    none: [{columns}]\n"
    )
