"""``stream``: listen to live streams, and the cue sheets of what was on."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    say,
    table,
    tell_fields,
)

if TYPE_CHECKING:
    from scanner.service import Service

app = typer.Typer(no_args_is_help=True, help="Live streams: what is on, and cue sheets.")
StreamId = Annotated[str, typer.Argument(metavar="STREAM")]
_BLOCK: Final = 1 << 14


@app.command()
@answering
def add(
    url: Annotated[str, typer.Argument(help="Where it plays, by HTTP or Icecast.")],
    name: Annotated[str | None, typer.Option("--name", help="Default: the address.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Have the workers listen to a stream until it ends."""
    from scanner.streams import cue_sheets, records

    with opened() as service:
        service.url_guard.check_form(url)
        row = records.add(service, caller_for(service, tenant), (name or url)[:200], url)
        tell_fields(cue_sheets.describe(row), as_json)


@app.command()
@answering
def listen(
    source: Annotated[str, typer.Argument(help="A file that is played, or - for what comes in.")],
    name: Annotated[str | None, typer.Option("--name", help="Default: the file's name.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Listen to audio to its end, in this process, and print the cue sheet."""
    from scanner.streams import cue_sheets, records
    from scanner.streams.hearing import Hearing
    from scanner.tables import Stream

    with opened() as service:
        called = name or ("standard input" if source == "-" else Path(source).name)
        row = records.add(service, caller_for(service, tenant), called[:200], None)
        connection = records.connect(service, row.id)
        hearing = Hearing(service, connection, is_live=False)
        try:
            for block in _blocks(source):
                if not hearing.feed(block):
                    break
        finally:
            hearing.close()
            records.end(service, row.id, "finished")
        if hearing.problem is not None:
            raise hearing.problem
        with service.database.reading() as session:
            sheet = cue_sheets.cue_sheet(session, session.get_one(Stream, row.id))
        _tell_sheet(sheet, as_json)


@app.command("list")
@answering
def list_streams(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List streams, newest first."""
    from scanner.streams import cue_sheets, records

    with opened() as service, service.database.reading() as session:
        found = records.listed(session, caller_for(service, tenant).tenant_id, limit=1000)
        rows = [cue_sheets.describe(row) for row in found]
    if as_json:
        say(rows)
        return
    columns = ("stream_id", "state", "heard_seconds", "name")
    table(["Stream", "State", "Heard, s", "Name"], [[str(row[c]) for c in columns] for row in rows])


@app.command()
@answering
def cue(
    stream_id: StreamId,
    csv: Annotated[bool, typer.Option("--csv", help="As a spreadsheet.")] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Print what was on from when to when, so far or whole."""
    from scanner.streams import cue_sheets

    with opened() as service, service.database.reading() as session:
        sheet = cue_sheets.cue_sheet(session, _found(service, session, stream_id, tenant))
    if csv:
        sys.stdout.write(cue_sheets.as_csv(sheet))
    else:
        _tell_sheet(sheet, as_json)


@app.command()
@answering
def end(stream_id: StreamId, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """End a stream for good; whoever listens stops within seconds."""
    from scanner.streams import cue_sheets, records

    with opened() as service:
        with service.database.reading() as session:
            row = _found(service, session, stream_id, tenant)
        ended = records.finish(service, row.id, "ended", caller_for(service, tenant).actor)
        tell_fields(cue_sheets.describe(ended), as_json)


def _found(service: "Service", session: Any, stream_id: str, tenant: str) -> Any:
    from scanner.streams import records

    return records.find(session, caller_for(service, tenant).tenant_id, stream_id)


def _blocks(source: str) -> Iterator[bytes]:
    if source == "-":
        while block := os.read(sys.stdin.fileno(), _BLOCK):
            yield block
        return
    with Path(source).open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _tell_sheet(sheet: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say(sheet)
        return
    lines = [
        (each, (each["title"] or each["reference_id"]) + _altered(each))
        for each in sheet["entries"]
    ]
    lines += [(gap, "no audio came") for gap in sheet["gaps"]]
    lines += [(left, "not searched") for left in sheet["unsearched"]]
    lines.sort(key=lambda line: line[0]["start"])
    rows = [[_clock(at["start"]), _clock(at["end"]), what] for at, what in lines]
    table(["From", "To", "What"], rows)


def _altered(entry: dict[str, Any]) -> str:
    said = []
    if abs(entry["pitch_semitones"]) >= 0.2:
        said.append(f"{entry['pitch_semitones']:+.1f} semitones")
    if abs(entry["tempo_ratio"] - 1) >= 0.01:
        said.append(f"{100 * (entry['tempo_ratio'] - 1):+.0f} % tempo")
    return f" ({', '.join(said)})" if said else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}"
