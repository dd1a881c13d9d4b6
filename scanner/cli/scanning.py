"""``scan`` and ``explain``: what would this service say of these files, and why."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from scanner.cli.batches import audio_files, error_of, in_order, with_progress
from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    USAGE,
    Json,
    TenantName,
    answering,
    caller_for,
    console,
    opened,
    say,
    shown,
    table,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.declarations import Declaration
    from scanner.service import Service

HEARD_SEMITONES: Final = 0.1
HEARD_TEMPO: Final = 0.005
"""Less than this is measuring error, and not said."""


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(scan)
    app.command()(explain)


@answering
def scan(
    paths: Annotated[list[Path], typer.Argument(help="Audio files, or folders with --recursive.")],
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Go into folders.")] = False,
    age_band: Annotated[
        str | None, typer.Option("--age-band", help="Uploader's: child, teen or adult.")
    ] = None,
    territory: Annotated[
        list[str] | None, typer.Option("--territory", help="ISO code, again for each; none: all.")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", help="Uploader's account.")] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=64, help="Files at once; default: cores.")
    ] = os.cpu_count() or 1,
    server: Annotated[
        str | None,
        typer.Option("--server", help="Send to this service, with CLEARANCE_API_KEY."),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Submit files and print a reasoned decision for each."""
    from scanner.declarations import Declaration

    declaration = Declaration.parse(
        {"age_band": age_band, "territories": list(territory or ()), "account": account}
    )
    files = audio_files(paths, recursive=recursive)
    if server is not None:
        from scanner.cli.remote import Remote

        results = Remote(server).scan(files, declaration, jobs)
    else:
        results = _scan_here(files, declaration, tenant, jobs)
    status = 0
    shown_rows: list[list[str]] = []
    for result in with_progress(results, len(files), "Scanning", as_json=as_json):
        status = max(status, _status(result))
        if as_json:
            say(result)
        else:
            shown_rows.append(_row(result))
    if not as_json:
        table(["File", "State", "Decision", "Match", "Where", "Seconds"], shown_rows)
    raise typer.Exit(status)


@answering
def explain(
    track_id: Annotated[str, typer.Argument(metavar="TRACK", help="The track's id.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say why a track was decided as it was, with the places that matched."""
    from scanner import tracks
    from scanner.tables import PolicyDecision

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        track = tracks.find(session, caller.tenant_id, track_id)
        view = tracks.describe(session, [track])[0]
        decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
        explanation = decision.explanation if decision else None
    if as_json:
        say(view | {"explanation": explanation})
        return
    out = console()
    out.print(
        f"{view['decision'] or 'no decision'}: track {view['track_id']} is {view['state']}",
        style="bold",
        soft_wrap=True,
    )
    for reason in view["reasons"]:
        out.print(f"  {reason['rule']}: {reason['text']}", soft_wrap=True)
    if view["problem"]:
        out.print(f"  {view['problem']['type']}: {view['problem']['detail']}", soft_wrap=True)
    for match in view["matches"]:
        for segment in match["segments"]:
            out.print(f"  {sentence(match, segment)}", soft_wrap=True)
    out.print(f"  pack {view['pack']}, index {view['index_version']}", soft_wrap=True)


def sentence(match: dict[str, Any], segment: dict[str, float]) -> str:
    """Say one matched segment in words."""
    return (
        f"from {clock(segment['query_start'])} to {clock(segment['query_end'])} it is the "
        f"{match['kind']} '{match['title']}' from {clock(segment['reference_start'])} to "
        f"{clock(segment['reference_end'])}{altered(segment)} (score {match['score']:.3f})"
    )


def altered(segment: dict[str, float]) -> str:
    """Say how far a copy's pitch and tempo were moved, from what can be heard on."""
    pitch, faster = segment["pitch_semitones"], segment["tempo_ratio"] - 1
    said = ""
    if abs(pitch) >= HEARD_SEMITONES:
        direction = "raised" if pitch > 0 else "lowered"
        said += f", {direction} by {abs(pitch):.1f} semitone{'s' if abs(pitch) >= 1.05 else ''}"
    if abs(faster) >= HEARD_TEMPO:
        said += f", {abs(faster):.0%} {'faster' if faster > 0 else 'slower'}"
    return said


def clock(seconds: float) -> str:
    """Write seconds as minutes and seconds, to the nearest: 0:05."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _scan_here(
    files: list[Path], declaration: "Declaration", tenant: str, jobs: int
) -> Iterator[dict[str, Any]]:
    with opened() as service:
        caller = caller_for(service, tenant)
        yield from in_order(lambda path: scan_file(service, caller, path, declaration), files, jobs)
        from scanner.bus.relay import Relay

        Relay(service.database, service.transport, service.settings.home).run_once()


def scan_file(
    service: "Service", caller: "Caller", path: Path, declaration: "Declaration"
) -> dict[str, Any]:
    """Run one file through the pipeline in this process; an unreadable one gives an error object."""
    from scanner import inline, tracks
    from scanner.audio import AudioError, sniff
    from scanner.audio.sniff import SNIFF_BYTES
    from scanner.clock import new_id

    try:
        with path.open("rb") as file:
            sniff(file.read(SNIFF_BYTES))
    except AudioError as error:
        return error_of(path, error.problem, error.detail)
    except OSError as error:
        return error_of(path, "file-unreadable", error.strerror or "the file can't be opened")
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(
        sha256=blob.sha256, size_bytes=blob.size, file_name=shown(path.name)[-255:]
    )
    track_id = tracks.submit(service, caller, source, declaration, entrance="cli", key=new_id())
    inline.drive(service, track_id)
    with service.database.reading() as session:
        view = tracks.describe(session, [tracks.find(session, caller.tenant_id, track_id)])[0]
    return result_of(path, view)


def result_of(path: Path, view: dict[str, Any]) -> dict[str, Any]:
    """Return the contract's object for a file: its decision, or the error that held it."""
    if view["state"] == "held":
        problem = view["problem"] or {"type": "held", "detail": "the track is held"}
        return error_of(path, problem["type"], problem["detail"]) | {
            "track_id": view["track_id"],
            "state": view["state"],
        }
    return {"path": shown(path)} | view


def _status(result: dict[str, Any]) -> int:
    if "error" in result:
        return USAGE
    return 0 if result["decision"] == "clear" else NO


def _row(result: dict[str, Any]) -> list[str]:
    if "error" in result:
        return [
            result["path"],
            result.get("state", "refused"),
            "",
            result["error"]["detail"],
            "",
            "",
        ]
    titles = [str(match["title"]) for match in result["matches"]]
    places = [
        f"{clock(segment['query_start'])}–{clock(segment['query_end'])} = "
        f"{clock(segment['reference_start'])}–{clock(segment['reference_end'])}"
        for match in result["matches"]
        for segment in match["segments"]
    ]
    return [
        result["path"],
        result["state"],
        result["decision"] or "",
        "\n".join(titles),
        "\n".join(places),
        f"{result['seconds'].get('total', 0):.2f}",
    ]
