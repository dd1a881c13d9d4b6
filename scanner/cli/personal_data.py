"""``account`` and ``hold``: what is kept about an account; exported, erased, kept by law."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    opened,
    shown,
    tell,
    tell_all,
)

app = typer.Typer(help="What is kept about an account.", no_args_is_help=True)
hold = typer.Typer(help="Legal holds: what is kept in spite of erasure.", no_args_is_help=True)
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The platform's name for it.")]


@app.command()
@answering
def show(account: Account, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show how much is kept about an account, and what holds it."""
    from scanner.privacy import erasure

    with opened() as service, service.database.reading() as session:
        found = erasure.find(session, caller_for(service, tenant).tenant_id, account)
        view = erasure.describe(session, found, service.now())
    held = "".join(f"\nheld: {each['basis']}" for each in view["holds"])
    tell(view, as_json, f"{view['id']}  {view['account']}: {view['tracks']} tracks{held}")


@app.command()
@answering
def export(
    account: Account,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The ZIP file to write.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Write everything that is kept about an account into a ZIP file (GDPR-15/20)."""
    from scanner.privacy import erasure
    from scanner.privacy.export import archive

    with opened() as service:
        with service.database.reading() as session:
            found = erasure.find(session, caller_for(service, tenant).tenant_id, account)
        with file.open("xb") as target:
            for piece in archive(service, found):
                target.write(piece)
        size = file.stat().st_size
    view = {"id": found.id, "account": account, "file": shown(file), "bytes": size}
    tell(view, as_json, f"{shown(file)}: {size} bytes")


@app.command()
@answering
def erase(
    account: Account,
    yes: Annotated[bool, typer.Option("--yes", help="It can't be undone; do it.")] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Erase an account and what is kept of it (GDPR-17). A legal hold ends with status 1."""
    from scanner.privacy import erasure, holds

    with opened() as service:
        caller = caller_for(service, tenant)
        with service.database.reading() as session:
            found = erasure.find(session, caller.tenant_id, account)
            seen = erasure.version_of(session, found)
        if not yes:
            complain(f"{account} has {seen - 1} tracks; add --yes to erase it for good")
            raise typer.Exit(NO)
        try:
            done = erasure.erase_account(service, caller, account, expected_version=seen)
        except holds.LegalHoldError as error:
            complain(str(error))
            raise typer.Exit(NO) from error
    view = {"id": found.id, "erased_at": done.at.isoformat()}
    tell(view, as_json, f"erased {found.id}")


@app.command()
@answering
def sweep(as_json: Json = False) -> None:
    """Remove what has had its time, and erase again whom a restored backup brought back."""
    from dataclasses import asdict

    from scanner.privacy import sweeper

    with opened() as service:
        view = asdict(sweeper.sweep(service))
    words = ", ".join(f"{name} {count}" for name, count in view["rows"].items()) or "none"
    failed = view["failed"]
    tell(
        view,
        as_json,
        f"rows: {words}; keys {view['keys']}; blobs {view['blobs']}; erased again "
        f"{view['restored']}; finished {view['finished']}"
        + (f"; FAILED, and done again by the next sweep: {', '.join(failed)}" if failed else ""),
    )
    if failed:
        raise typer.Exit(1)


@hold.command()
@answering
def place(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="account, track, or a matter, such as dispute.")
    ],
    object_id: Annotated[str, typer.Argument(metavar="ID", help="The object's id.")],
    basis: Annotated[str, typer.Option("--basis", help="The law or the claim.")],
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="UTC; none: until lifted."
        ),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Keep an account, a track or a matter from being erased."""
    from scanner.privacy import holds

    end = until.replace(tzinfo=UTC) if until else None
    with opened() as service:
        caller = caller_for(service, tenant)
        made = holds.place(service, caller, kind, object_id, basis, end)
        view = holds.describe(made)
    tell(view, as_json, f"{view['id']}  {kind} {object_id}")


@hold.command(name="list")
@answering
def list_(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List holds, those that ended included."""
    from scanner.privacy import holds

    with opened() as service, service.database.reading() as session:
        found = holds.listed(session, caller_for(service, tenant).tenant_id)
        views = [holds.describe(each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "Object": lambda view: f"{view['object_kind']} {view['object_id']}",
            "Basis": lambda view: view["basis"],
            "Until": lambda view: view["until"] or "",
            "Lifted": lambda view: view["lifted_at"] or "",
        },
    )


@hold.command()
@answering
def lift(
    hold_id: Annotated[str, typer.Argument(metavar="ID", help="The hold's id.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """End a hold: what it kept may be erased again."""
    from scanner.privacy import holds

    with opened() as service:
        view = holds.describe(holds.lift(service, caller_for(service, tenant), hold_id))
    tell(view, as_json, f"lifted {view['id']}")
