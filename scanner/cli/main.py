"""The command line's tree and its exit codes.

0: yes, done. 1: the answer is no. 2: bad usage, or an input that can't be read. 3: the service
failed. 130 and 143: ended by SIGINT and SIGTERM.
"""

import contextlib
import gc
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Final, NoReturn

import typer

from scanner import threads
from scanner.cli import (
    accounts,
    backups,
    banks,
    casework,
    catalogue,
    certificates,
    drifting,
    explaining,
    fingerprints,
    generating,
    holders,
    notices,
    objections,
    operations,
    personal_data,
    rehearsal,
    reports,
    rescanning,
    rollout,
    running,
    scanning,
    secret_keys,
    shards,
    streams,
    strike_policies,
    taking,
    watermarks,
)
from scanner.cli.session import CLOSED_OUTPUT, FAILED, complain

SIGINT_STATUS: Final = 128 + signal.SIGINT
SIGTERM_STATUS: Final = 128 + signal.SIGTERM
SIGNALLED: Final = 128
COLLECTED: Final = (50_000, 20, 50)
"""New objects, and young collections, between the collections of rubbish: imports alone make half a million that stay."""

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
generating.add_to(app)
explaining.add_to(app)
fingerprints.add_to(app)
app.add_typer(catalogue.app, name="reference")
app.add_typer(banks.app, name="bank")
app.add_typer(holders.app, name="holder")
accounts.app.add_typer(personal_data.app)
accounts.app.add_typer(objections.app)
app.add_typer(accounts.app, name="account")
rollout.add_to(rehearsal.app)
app.add_typer(rehearsal.app, name="policy")
certificates.add_to(watermarks.app)
app.add_typer(watermarks.app, name="watermark")
app.add_typer(secret_keys.app, name="secret")
app.add_typer(notices.app, name="notice")
app.add_typer(notices.flagger, name="flagger")
operations.add_to(app)
backups.add_to(app)
app.add_typer(personal_data.hold, name="hold")
app.add_typer(casework.app, name="case")
app.add_typer(taking.app, name="takes")
app.add_typer(taking.engines, name="engines")
app.add_typer(reports.app, name="report")
app.add_typer(drifting.app, name="drift")
app.add_typer(rescanning.app, name="rescan")
app.add_typer(strike_policies.app, name="strike-policy")
app.add_typer(streams.app, name="stream")
app.add_typer(shards.app, name="shards")


class _Terminated(SystemExit):
    """SIGTERM came; what was begun is left by its own cleaning up."""


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    gc.set_threshold(*COLLECTED)
    threads.bound()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except KeyboardInterrupt:
        status = SIGINT_STATUS
    except OSError as error:
        complain(error.strerror or str(error))
        status = FAILED
    except Exception as error:  # noqa: BLE001 - "no" is an answer; a fault of ours must not read so
        complain(f"a fault of the program, please report it: {type(error).__name__}: {error}")
        if os.environ.get("CLEARANCE_LOG_LEVEL") == "debug":
            traceback.print_exc()
        status = FAILED
    _leave(_flushed(status))


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise _Terminated(SIGTERM_STATUS)


def _flushed(status: int) -> int:
    """Write what is still in the buffer; output that can't be written is a failure."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return status or CLOSED_OUTPUT
    except OSError as error:
        complain(f"the output can't be written: {error.strerror}")
        return FAILED
    return status


def _leave(status: int) -> NoReturn:
    """End the process: at once where a signal or a closed pipe left threads at their work.

    Their tracks are in the journal; the next worker takes them up.
    """
    if status > SIGNALLED:
        os._exit(status)
    gc.freeze()  # the collections at the end would visit, for a fifth of a second, what goes anyway
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.exit(status)
    os._exit(status)  # the interpreter would try to flush a broken output once more
