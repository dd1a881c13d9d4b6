"""``scan``: what would this service say of these files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    complain,
    opened,
    say,
    shown,
    table,
)
from scanner.sentences import clock

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.declarations import Declaration
    from scanner.service import Service


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


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
    language: Annotated[
        str | None,
        typer.Option("--language", help="What the uploader reads: en, de, fr or es."),
    ] = None,
    generated: Annotated[
        str | None,
        typer.Option(
            "--generated",
            metavar="JSON",
            help="A model of yours made it: its `model`, `take_id`, `prompt_sha256` and so on, as "
            "POST /v1/tracks takes them. The file is marked before it is looked at.",
        ),
    ] = None,
    stem: Annotated[
        list[str] | None,
        typer.Option(
            "--stem", metavar="NAME=FILE", help="A stem of the generated file, again for more."
        ),
    ] = None,
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
        {
            "age_band": age_band,
            "territories": list(territory or ()),
            "account": account,
            "language": language,
            "generated": generated,
        }
    )
    files = audio_files(paths, recursive=recursive)
    stems = _stems(stem or [], declaration, files)
    if server is not None:
        from scanner.cli.remote import Remote

        results = Remote(server).scan(files, declaration, jobs, stems)
    else:
        results = _scan_here(files, declaration, tenant, jobs, stems)
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


def _scan_here(
    files: list[Path],
    declaration: "Declaration",
    tenant: str,
    jobs: int,
    stems: dict[str, Path],
) -> Iterator[dict[str, Any]]:
    with opened() as service:
        caller = caller_for(service, tenant)

        def scan_one(path: Path) -> dict[str, Any]:
            return scan_file(service, caller, path, declaration, stems)

        yield from in_order(scan_one, files, jobs)
        from scanner.bus.relay import Relay

        Relay(service.database, service.transport, service.settings.home).run_once()


def _stems(given: list[str], declaration: "Declaration", files: list[Path]) -> dict[str, Path]:
    """Read ``NAME=FILE`` of the options."""
    from scanner.tracks import is_stem_name

    stems = dict(each.partition("=")[::2] for each in given)
    if given and (declaration.generated is None or len(files) != 1):
        complain("--stem goes with --generated and one file")
        raise typer.Exit(USAGE)
    if len(stems) < len(given) or not all(is_stem_name(n) and path for n, path in stems.items()):
        complain("--stem takes NAME=FILE, each name once: a plain one, such as bass")
        raise typer.Exit(USAGE)
    return {name: Path(path) for name, path in stems.items()}


def scan_file(
    service: "Service",
    caller: "Caller",
    path: Path,
    declaration: "Declaration",
    stems: dict[str, Path] | None = None,
) -> dict[str, Any]:
    """Run one file through the pipeline in this process; an unreadable one gives an error object."""
    from scanner import inline, track_views, tracks
    from scanner.audio import AudioError, sniff
    from scanner.audio.sniff import SNIFF_BYTES
    from scanner.clock import new_id

    try:
        for each in (path, *(stems or {}).values()):
            with each.open("rb") as file:
                sniff(file.read(SNIFF_BYTES))
    except AudioError as error:
        return error_of(path, error.problem, error.detail)
    except OSError as error:
        return error_of(path, "file-unreadable", error.strerror or "the file can't be opened")
    blob = service.store.put_file(caller.tenant_id, path)
    kept = {
        name: service.store.put_file(caller.tenant_id, each) for name, each in (stems or {}).items()
    }
    source = tracks.Source(
        sha256=blob.sha256,
        size_bytes=blob.size,
        file_name=shown(path.name)[-255:],
        stems=tuple(
            tracks.StemSource(name=name, sha256=each.sha256, size_bytes=each.size)
            for name, each in kept.items()
        ),
    )
    track_id = tracks.submit(service, caller, source, declaration, entrance="cli", key=new_id())
    inline.drive(service, track_id)
    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, track_id)
        view = track_views.with_contests(session, [track], service.now())[0]
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
