"""``holder``: who holds rights, and whether the operator vouches for them."""

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
    opened,
    tell,
    tell_all,
)

app = typer.Typer(help="The holders of rights in references.", no_args_is_help=True)
catalogue = typer.Typer(help="Their catalogues in bulk.", no_args_is_help=True)
app.add_typer(catalogue, name="catalogue")


@app.command(name="list")
@answering
def list_(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")
    ] = 200,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """List holders, newest first, with how often their contested claims stood."""
    from scanner import rights

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        found = rights.holders(session, caller, limit=limit, before=None)
        views = rights.describe_holders(session, found)
    tell_all(
        views,
        as_json,
        {
            "Id": lambda holder: holder["id"],
            "Name": lambda holder: holder["name"],
            "Verified": lambda holder: "yes" if holder["verified"] else "no",
            "Precision": lambda holder: (
                "-" if holder["precision"] is None else f"{holder['precision']:.0%}"
            ),
            "Decided": lambda holder: str(holder["decided_claims"]),
            "E-mail": lambda holder: holder["contact_email"] or "-",
        },
    )


@app.command()
@answering
def verify(
    holder_id: Annotated[str, typer.Argument(metavar="ID")],
    no: Annotated[
        bool, typer.Option("--no", help="Take it back: their new claims act no more.")
    ] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Vouch that a holder is who they say they are: their policies act from now on."""
    from scanner import rights

    with opened() as service:
        caller = caller_for(service, tenant)
        holder = rights.verify_holder(service, caller, holder_id, not no)
        with service.database.reading() as session:
            view = rights.describe_holder(session, holder)
    words = "verified" if holder.verified else "not verified"
    tell(view, as_json, f"{holder.id}  {holder.name}: {words}")


@catalogue.command(name="import")
@answering
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, a DDEX ERN 4.3 message, or a ZIP of one and the recordings."),
    ],
    holder: Annotated[str, typer.Option("--holder", help="Id of the holder whose it is.")],
    files_of: Annotated[
        str | None,
        typer.Option("--files-of", help="Id of an earlier import whose ZIP has the recordings."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write what became of each row there, as CSV.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Take a holder's recordings in from a file, and wait until it is done.

    Rows that are right are taken in whatever is wrong with others: exit code 1 if any was refused.
    """
    from scanner import catalogue_imports

    with opened() as service:
        caller = caller_for(service, tenant)
        with file.open("rb") as content:
            form = catalogue_imports.form_of(content.read(1024))
        blob = service.store.put_file(caller.tenant_id, file)
        asked = catalogue_imports.Asked(holder, file.name, blob.sha256, form, files_of, dry_run)
        made = catalogue_imports.ask(service, caller, asked)
        catalogue_imports.run(service, made.id)
        with service.database.reading() as session:
            done = catalogue_imports.find(session, caller, made.id)
            view = catalogue_imports.describe(session, done)
            if report is not None:
                report.write_text(catalogue_imports.report(session, done), encoding="utf-8")
    counts = ", ".join(f"{count} {state}" for state, count in view["counts"].items() if count)
    tell(view, as_json, f"{made.id}  {done.problem or counts}")
    if done.problem or view["counts"]["refused"]:
        raise typer.Exit(NO)
