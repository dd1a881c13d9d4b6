"""``generate``: ask the generator, through the same gate as the API."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import upkeep
from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    say,
    shown,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.generations import GenerationAsked
    from scanner.service import Service
    from scanner.tables import Track


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(generate)


@answering
def generate(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the files go.")],
    prompt: Annotated[
        str, typer.Option("--prompt", help="What is wanted, in words: en, de, fr or es.")
    ] = "a short piece",
    tempo: Annotated[float | None, typer.Option("--tempo", help="Quarter notes a minute.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="As 'D minor'.")] = None,
    metre: Annotated[str | None, typer.Option("--metre", help="As 3/4.")] = None,
    instruments: Annotated[
        str | None, typer.Option("--instruments", help="With commas between; one stem each.")
    ] = None,
    bars: Annotated[int | None, typer.Option("--bars", help="How many; or --seconds.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", help="How long.")] = None,
    form: Annotated[str | None, typer.Option("--form", help="As AABA.")] = None,
    lyrics: Annotated[
        Path | None,
        typer.Option(
            "--lyrics", help="Text file of words to be sung.", exists=True, dir_okay=False
        ),
    ] = None,
    melody: Annotated[
        Path | None,
        typer.Option("--melody", help="MIDI file to build on.", exists=True, dir_okay=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The same request and seed give the same take.")
    ] = None,
    stems: Annotated[
        bool, typer.Option("--stems", help="The stems too, each cleared and marked.")
    ] = False,
    account: Annotated[str | None, typer.Option("--account", help="For whom.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Make a take, have it marked, scanned and judged, and write its files if it is released."""
    given: dict[str, Any] = {
        "tempo": tempo,
        "key": key,
        "metre": metre,
        "instruments": [each.strip() for each in instruments.split(",")] if instruments else None,
        "bars": bars,
        "seconds": seconds,
        "form": form,
        "lyrics": upkeep.lyrics_in(lyrics) if lyrics is not None else None,
        "seed": seed,
        "stems": stems or None,
    }
    from scanner.generations import GenerationAsked

    parameters = {name: value for name, value in given.items() if value is not None}
    with opened() as service:
        caller = caller_for(service, tenant)
        tune = melody.read_bytes() if melody is not None else None
        asked = GenerationAsked(prompt, account, parameters, melody=tune)
        result = _generate(service, caller, asked, out)
    if as_json:
        say(result)
    else:
        _tell(result)
    raise typer.Exit(0 if result.get("decision") == "clear" else NO)


def _generate(
    service: "Service",
    caller: "Caller",
    asked: "GenerationAsked",
    out: Path,
) -> dict[str, Any]:
    """Return the generation, with its track's decision and files beside it."""
    from scanner import delivery, generations, inline, track_views, tracks

    made = generations.request(service, caller, asked)
    inline.drive_generation(service, made["id"])
    with service.database.reading() as session:
        row = generations.find(session, caller.tenant_id, made["id"])
        result = {"generation": generations.describe(session, row)}
    if row.track_id is None:
        return result | {"decision": None, "files": []}
    inline.drive(service, row.track_id)
    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, row.track_id)
        view = track_views.describe(session, [track])[0]
    files = [] if track.state not in delivery.OUT else _write(service, track, row.take or {}, out)
    return result | view | {"files": files}


def _write(service: "Service", track: "Track", take: dict[str, Any], out: Path) -> list[str]:
    """Write what may go out, its mark read back and its manifest signed; return the paths."""
    from scanner import delivery, marking
    from scanner.audio import encoding

    out.mkdir(parents=True, exist_ok=True)
    name = f"take-{take['id'][:12]}"
    wanted = [(f"{name}.flac", encoding.FORMS["flac"], delivery.MIX)]
    with service.database.reading() as session:
        if marking.stems_of(session, track.id):
            wanted.append((f"{name}.zip", delivery.ZIP, delivery.BUNDLE))
    written = []
    for file_name, form, part in wanted:
        file = delivery.deliver(service, track, form, 0, part)
        with service.store.path_or_copy(track.tenant_id, file.sha256) as kept:
            shutil.copyfile(kept, out / file_name)
        written.append(shown(out / file_name))
    return written


def _tell(result: dict[str, Any]) -> None:
    generation = result["generation"]
    for reason in generation["reasons"]:
        typer.echo(f"{generation['state']}: {reason['text']}")
    take = generation["take"]
    if take is None:
        typer.echo(f"Nothing was made: {generation['state']}. {generation['generator']['detail']}")
        return
    for each in take["understood"]:
        typer.echo(f"{each['field']}: {each['words']}")
    if take["not_understood"]:
        typer.echo(f"not understood: {', '.join(take['not_understood'])}")
    for each in take["reasons"]:
        typer.echo(f"{each['field']} {each['value']}: {each['why']}")
    typer.echo(f"{result['state']}, {result['decision']}, seed {take['seed']}")
    for match in result["matches"]:
        typer.echo(f"resembles {match['title']} ({match['kind']}, {match['score']:.2f})")
    for path in result["files"]:
        typer.echo(path)
