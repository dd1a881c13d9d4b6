"""``reference``: what tracks are compared with."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import sharing, upkeep
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
    printable,
    say,
    shown,
    tell,
    tell_all,
    tell_fields,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

app = typer.Typer(help="The references that tracks are compared with.", no_args_is_help=True)
upkeep.add_to(app)
sharing.add_to(app)


@app.command()
@answering
def add(
    paths: Annotated[list[Path], typer.Argument(help="Audio files, or folders with --recursive.")],
    holder: Annotated[str | None, typer.Option("--holder", help="Rights holder.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="block (if not given), monetise or track.")
    ] = None,
    isrc: Annotated[str | None, typer.Option("--isrc", help="Only with one file.")] = None,
    lyrics: Annotated[
        Path | None,
        typer.Option(
            "--lyrics",
            help="Text file (UTF-8) of what is sung, if its tags don't say; only with one file.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Go into folders.")] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=64, help="Files at once; default: cores.")
    ] = os.cpu_count() or 1,
    bank: Annotated[
        str | None, typer.Option("--bank", help="Bank to put them into, if not the default one.")
    ] = None,
    despite_conflicts: Annotated[
        bool,
        typer.Option(
            "--despite-conflicts",
            help="Make them active though they match another holder's reference or what nobody "
            "can claim.",
        ),
    ] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Fingerprint files and make them references, each printed once it is durable.

    One that matches another holder's reference, or what nobody can claim, is kept in quarantine.
    """
    from scanner.declarations import Declaration

    isrc = Declaration.parse({"isrc": isrc}).isrc
    files = audio_files(paths, recursive=recursive)
    if isrc is not None and len(files) != 1:
        complain("--isrc names one recording: give one file")
        raise typer.Exit(USAGE)
    if lyrics is not None and len(files) != 1:
        complain("--lyrics are those of one recording: give one file")
        raise typer.Exit(USAGE)
    sung = upkeep.lyrics_in(lyrics) if lyrics is not None else ""
    status = 0
    with opened() as service:
        caller = caller_for(service, tenant)
        results = in_order(
            lambda path: _add_file(
                service,
                caller,
                path,
                holder=holder,
                policy=policy,
                isrc=isrc,
                bank=bank,
                lyrics=sung,
                despite_conflicts=despite_conflicts,
            ),
            files,
            jobs,
        )
        for result in with_progress(results, len(files), "Adding", as_json=as_json):
            status = max(status, _status_of(result))
            if as_json:
                say(result)
            elif "error" in result:
                complain(f"{result['path']}: {result['error']['detail']}")
            else:
                print(f"{result['reference_id']}  {printable(result['path'])}")
                _show_conflicts(result)
        if len(files) > 1:
            service.catalogue.state(caller.tenant_id)
    raise typer.Exit(status)


@app.command(name="list")
@answering
def list_(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")
    ] = 200,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """List references, newest first."""
    from scanner import references

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        found = references.describe(
            session, references.listed(session, caller.tenant_id, limit=limit)
        )
    tell_all(
        found,
        as_json,
        {
            "Id": lambda reference: reference["id"],
            "Title": lambda reference: reference["title"],
            "Holder": lambda reference: reference["holder"]["name"],
            "Bank": lambda reference: reference["bank"]["name"],
            "Status": lambda reference: reference["status"],
            "Policy": lambda reference: reference["policy"],
            "Seconds": lambda reference: f"{reference['duration']:.0f}",
        },
    )


@app.command()
@answering
def show(
    reference_id: Annotated[str, typer.Argument(metavar="ID")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show one reference."""
    from scanner import references

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        found = references.find(session, caller.tenant_id, reference_id)
        view = references.describe(session, [found])[0]
    tell_fields(view, as_json)


@app.command()
@answering
def remove(
    reference_id: Annotated[str, typer.Argument(metavar="ID")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Retire a reference: it is found no more."""
    from scanner import references

    with opened() as service:
        references.remove(service, caller_for(service, tenant), reference_id)
    tell({"reference_id": reference_id, "removed": True}, as_json, f"removed {reference_id}")


@app.command()
@answering
def stats(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show how much there is to compare with."""
    from dataclasses import asdict

    from scanner import references

    with opened() as service:
        found = asdict(references.stats(service, caller_for(service, tenant).tenant_id))
    tell_fields(found, as_json)


@app.command()
@answering
def rematch(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Compare stored tracks with references that came later, now; workers do so by themselves."""
    from scanner.inline import drive_retro

    with opened() as service:
        compared, found = drive_retro(service, caller_for(service, tenant).tenant_id)
    words = f"{compared} tracks compared, {found} newer references found in them"
    tell({"compared": compared, "found": found}, as_json, words)


@app.command()
@answering
def compact(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Take what was retired out of the index's files at once; it is never found meanwhile."""
    with opened() as service:
        caller = caller_for(service, tenant)
        size = service.catalogue.compact(caller.tenant_id)
    words = f"the index of {tenant} takes {size / 1e6:.1f} MB"
    tell({"tenant": tenant, "bytes": size}, as_json, words)


@app.command()
@answering
def rebuild(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Build the index anew from the database; searches go on with the one there is until then."""
    with opened() as service:
        caller = caller_for(service, tenant)
        count = service.catalogue.rebuild(
            caller.tenant_id, lambda number: typer.echo(f"{number} references so far", err=True)
        )
    words = f"the index of {tenant} was built anew: {count} references"
    tell({"tenant": tenant, "references": count}, as_json, words)


def _status_of(result: dict[str, Any]) -> int:
    if "error" in result:
        return USAGE
    return NO if result.get("status", "active") != "active" else 0


def _show_conflicts(result: dict[str, Any]) -> None:
    from scanner.admission import in_words

    for conflict in result.get("conflicts", ()):
        complain(f"{result['path']}: {in_words(conflict)}")
    if result.get("status") == "quarantined":
        complain(
            f"{result['path']}: it is kept in quarantine: `clearance reference settle` decides, or "
            "add it again with --despite-conflicts"
        )


def _add_file(
    service: "Service",
    caller: "Caller",
    path: Path,
    *,
    holder: str | None,
    policy: str | None,
    isrc: str | None,
    bank: str | None,
    lyrics: str,
    despite_conflicts: bool,
) -> dict[str, Any]:
    import fingerprint
    from scanner import references
    from scanner.audio import AudioError
    from scanner.errors import ConflictError

    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        reference = references.add(
            service,
            caller,
            path=path,
            holder=holder,
            policy=policy,
            isrc=isrc,
            bank=bank,
            lyrics=lyrics,
            despite_conflicts=despite_conflicts,
            file_name=shown(path.stem),
            shown_path=shown(path)[-1000:],
            audio_sha256=digest,
            operator=True,
        )
    except AudioError as error:
        return error_of(path, error.problem, error.detail)
    except fingerprint.TooShortError as error:
        return error_of(path, "too-short", str(error))
    except references.SilentReferenceError as error:
        return error_of(path, "silent-audio", str(error))
    except ConflictError as error:
        return error_of(path, "conflict", str(error))
    except OSError as error:
        return error_of(path, "file-unreadable", error.strerror or "the file can't be opened")
    added: dict[str, Any] = {"path": shown(path), "reference_id": reference.id}
    if reference.conflicts or reference.status != "active":
        added |= {"status": reference.status, "conflicts": reference.conflicts}
    return added
