"""The command line's tree and its exit codes.

0: yes, done. 1: the answer is no. 2: bad usage, or an input that can't be read. 3: the service
failed. 130 and 143: ended by SIGINT and SIGTERM.
"""

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Final

import typer

from scanner.cli import catalogue, fingerprints, operations, rehearsal, running, scanning

SIGINT_STATUS: Final = 128 + signal.SIGINT
SIGTERM_STATUS: Final = 128 + signal.SIGTERM
FAILED: Final = 3

app = typer.Typer(
    name="clearance",
    help="Clear music: a track goes in, a reasoned decision comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
running.add_to(app)
scanning.add_to(app)
fingerprints.add_to(app)
app.add_typer(catalogue.app, name="reference")
app.add_typer(rehearsal.app, name="policy")
operations.add_to(app)


class _Terminated(SystemExit):
    """SIGTERM came; what was begun is left by its own cleaning up."""


def main() -> None:
    """Run the command line and exit with its status."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except SystemExit as ended:
        _leave(_flushed(ended.code if isinstance(ended.code, int) else int(bool(ended.code))))
    except KeyboardInterrupt:
        _leave(_flushed(SIGINT_STATUS))
    except BrokenPipeError:
        _leave(0)
    except OSError as error:
        print(f"error: {error.strerror or error}", file=sys.stderr)
        _leave(FAILED)
    _leave(_flushed(0))


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise _Terminated(SIGTERM_STATUS)


def _flushed(status: int) -> int:
    """Write what is still in the buffer; output that can't be written is a failure."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return status
    except OSError as error:
        print(f"error: the output can't be written: {error.strerror}", file=sys.stderr)
        return FAILED
    return status


def _leave(status: int) -> None:
    """Exit; the interpreter must not try to flush a broken standard output once more."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.exit(status)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    sys.exit(status)
