"""``watermark licensee``: whom a platform lets use its model and marks, and for how long (CA-942)."""

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

app = typer.Typer(help="Whom a platform lets use its model and marks.", no_args_is_help=True)
LicenseeId = Annotated[str, typer.Argument(metavar="ID", help="The licensee's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the licensee.")]


@app.command()
@answering
def add(
    name: Annotated[str, typer.Argument(help="What the licensee is called.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Let somebody use the model and its marks."""
    from scanner import licensees

    with opened() as service:
        made = licensees.add(service, caller_for(service, tenant), name)
        view = licensees.describe(made)
    tell(view, as_json, f"{view['id']}  {view['name']}")


@app.command(name="list")
@answering
def list_(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List licensees, revoked ones included."""
    from scanner import licensees

    with opened() as service, service.database.reading() as session:
        found = licensees.listed(session, caller_for(service, tenant).tenant_id, limit=10_000)
        views = [licensees.describe(each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "Name": lambda view: view["name"],
            "State": lambda view: view["state"],
            "Due": lambda view: view["due_at"] or "",
            "Revoked": lambda view: view["revoked_at"] or "",
        },
    )


@app.command()
@answering
def notice(
    licensee_id: LicenseeId,
    reason: Reason,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Start the clock of 96 hours: it is known that the licensee strips or can't make marks."""
    from scanner import licensees

    with opened() as service:
        row = licensees.notice(service, caller_for(service, tenant), licensee_id, reason)
        view = licensees.describe(row)
    tell(view, as_json, f"{view['name']}: revoked at the latest by {view['due_at']}")


@app.command()
@answering
def revoke(
    licensee_id: LicenseeId,
    reason: Reason,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Take the right to use model and marks away: nothing new is marked for the licensee."""
    from scanner import licensees

    with opened() as service:
        row = licensees.revoke(service, caller_for(service, tenant), licensee_id, reason)
        view = licensees.describe(row)
    tell(view, as_json, f"revoked {view['name']}")
