"""What every command shares: the service, the tenant, JSON lines, and errors as exit codes."""

import functools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from scanner.callers import Caller
    from scanner.service import Service

P = ParamSpec("P")
T = TypeVar("T")

NO: Final = 1
USAGE: Final = 2
FAILED: Final = 3
CLOSED_OUTPUT: Final = 128 + signal.SIGPIPE
"""As a shell shows a program that a closed pipe ended."""
PAGE_WIDTH: Final = 160
_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls of terminals (ECMA-48), and of direction (Unicode's UAX 9)."""

Json = Annotated[bool, typer.Option("--json", help="Print nothing but JSON on standard output.")]
TenantName = Annotated[
    str, typer.Option("--tenant", envvar="CLEARANCE_TENANT", help="Tenant to act for.")
]
DEFAULT_TENANT: Final = "default"


def say(value: Any) -> None:
    """Print one JSON object on one line, at once; undecodable path bytes become U+FFFD."""
    text = json.dumps(value, ensure_ascii=False)
    sys.stdout.write(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") + "\n")
    sys.stdout.flush()


def shown(path: Path | str) -> str:
    """Return a path as text that can be printed; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def printable(text: str) -> str:
    r"""Return text that moves no cursor, sets no colour and turns no direction of a terminal.

    File names and titles come from strangers. A newline stays; other controls are shown as
    ``\x1b`` or ``\u202e``.
    """
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def complain(message: str) -> None:
    """Say what went wrong, on standard error."""
    print(f"error: {printable(message)}", file=sys.stderr)


def console() -> "Console":
    """Return where tables go: standard output, wide if it is no terminal."""
    from rich.console import Console

    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PAGE_WIDTH)


def answering(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors of a command into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError as error:  # nobody reads any more: no reason to say a word
            raise SystemExit(CLOSED_OUTPUT) from error
        except typer.Exit:
            raise
        except Exception as error:
            status = _status_of(error)
            if status is None:
                raise
            complain(_words(error))
            raise typer.Exit(status) from error

    return run


def _status_of(error: Exception) -> int | None:
    """Return the exit code of an error that a user can understand, or None."""
    from pydantic import ValidationError
    from sqlalchemy.exc import SQLAlchemyError

    import appeals
    import policy
    from scanner.audio import AudioError
    from scanner.errors import InProgressError, ScannerError, TransientError
    from scanner.store import StoreError

    if isinstance(error, AudioError | policy.PolicyError | ValidationError | appeals.AppealError):
        return USAGE
    if isinstance(error, TransientError | StoreError | SQLAlchemyError | InProgressError):
        return FAILED
    return USAGE if isinstance(error, ScannerError) else None


def _words(error: Exception) -> str:
    """Return an error's message; a wrong setting is named by its variable, without its value."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"CLEARANCE_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
        for each in error.errors(include_input=False, include_url=False)
    )


@contextmanager
def opened(*, quiet: bool = True) -> Iterator["Service"]:
    """Open the service of the home folder, its database checked to be up to date."""
    with unchecked(quiet=quiet) as service:
        service.database.check()
        yield service


@contextmanager
def unchecked(*, quiet: bool = True) -> Iterator["Service"]:
    """Open the service of the home folder, which was set up, whatever became of it since."""
    from scanner.logs import configure
    from scanner.service import Service
    from scanner.settings import Settings

    settings = Settings()
    if quiet and "CLEARANCE_LOG_LEVEL" not in os.environ:
        settings = settings.model_copy(update={"log_level": "error"})
    configure(settings)
    with Service(settings) as service:
        if service.database.is_sqlite and not _sqlite_file(service).exists():
            from scanner.errors import UninitialisedError

            raise UninitialisedError(
                f"nothing is set up in {shown(settings.home)}: run `clearance init`"
            )
        yield service


def _sqlite_file(service: "Service") -> Path:
    from sqlalchemy import make_url

    return Path(make_url(service.settings.database).database or "")


def caller_for(service: "Service", tenant: str) -> "Caller":
    """Return the operator, acting for a tenant named by name or id."""
    from sqlmodel import col, or_, select

    from scanner.callers import SCOPES, Caller
    from scanner.errors import NotFoundError
    from scanner.journal import Actor
    from scanner.tables import Tenant

    with service.database.reading() as session:
        found = session.exec(
            select(Tenant)
            .where(or_(Tenant.name == tenant, Tenant.id == tenant))
            .order_by(col(Tenant.created_at))
        ).first()
    if found is None:
        raise NotFoundError("tenant", tenant)
    return Caller(
        found.id, Actor("cli", "admin"), frozenset(SCOPES), sandbox=found.sandbox_of is not None
    )


def tell(view: Any, as_json: bool, words: str) -> None:
    """Print one object: as JSON, or in words for people."""
    if as_json:
        say(view)
    else:
        print(printable(words))


def tell_all(
    views: Iterable[Any], as_json: bool, columns: Mapping[str, Callable[[Any], str]]
) -> None:
    """Print objects: each as JSON, or all in one table for people.

    Parameters
    ----------
    columns : mapping of heading to callable
        What of an object stands in a column; the order of the columns is that of the mapping.
    """
    if as_json:
        for view in views:
            say(view)
    else:
        table(list(columns), [[cell(view) for cell in columns.values()] for view in views])


def tell_fields(view: Mapping[str, Any], as_json: bool) -> None:
    """Print one object: as JSON, or as a table of its fields."""
    if as_json:
        say(view)
    else:
        table(["Field", "Value"], [[name, str(value)] for name, value in view.items()])


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table for people; the first column is never cut, since it is what one copies."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table()
    for n, column in enumerate(columns):
        drawn.add_column(column, no_wrap=n == 0, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    console().print(drawn)
