"""``holder``: who holds rights, and whether the operator vouches for them."""

from typing import Annotated

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    tell,
    tell_all,
)

app = typer.Typer(help="The holders of rights in references.", no_args_is_help=True)


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
        views = [rights.describe_holder(session, each) for each in found]
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
