"""``notice`` and ``flagger``: what was notified, and whose notices come first."""

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
    tell_fields,
)

app = typer.Typer(help="Notices of infringing or illegal tracks.", no_args_is_help=True)
flagger = typer.Typer(help="Trusted flaggers: their notices come first.", no_args_is_help=True)


@app.command(name="list")
@answering
def list_(
    state: Annotated[str | None, typer.Option("--state", help="Only those in this state.")] = None,
    form: Annotated[str | None, typer.Option("--form", help="Only those of this form.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """List notices, newest first."""
    from scanner import notice_views

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        found = notice_views.listed(session, caller, limit=10_000, state=state, form=form)
        views = [notice_views.describe(session, each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "Form": lambda view: view["form"],
            "State": lambda view: view["state"],
            "Due": lambda view: view["due_at"] or "",
            "Tracks": lambda view: str(len(view["tracks"])),
        },
    )


@app.command()
@answering
def show(
    notice_id: Annotated[str, typer.Argument(metavar="ID", help="The notice's id.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show a notice, what is missing of it, and its tracks."""
    from scanner import notice_views

    with opened() as service:
        found = notice_views.find(service, caller_for(service, tenant), notice_id)
        with service.database.reading() as session:
            view = notice_views.describe(session, found)
    tell_fields(view, as_json)


@flagger.command()
@answering
def add(
    name: Annotated[str, typer.Argument(help="What the flagger is called.")],
    email: Annotated[str, typer.Argument(help="Where the flagger is told.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Trust a flagger; their key is shown this once."""
    from scanner import flaggers

    with opened() as service:
        made, token = flaggers.add(service, caller_for(service, tenant), name, email)
        with service.database.reading() as session:
            view = flaggers.describe(session, made) | {"key": token}
    tell(view, as_json, f"{view['id']}  {view['name']}\n{token}")


@flagger.command()
@answering
def remove(
    flagger_id: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str, typer.Option("--reason", help="Why; the flagger is told.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Take the status from a flagger, revoke their keys, and tell them why."""
    from scanner import flaggers

    with opened() as service:
        gone = flaggers.remove(service, caller_for(service, tenant), flagger_id, reason)
        with service.database.reading() as session:
            view = flaggers.describe(session, gone)
    tell(view, as_json, f"{view['id']}  {view['name']}: {view['state']}")


@flagger.command(name="list")
@answering
def list_flaggers(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List flaggers with their precision, those that lost the status too."""
    from scanner import flaggers

    with opened() as service, service.database.reading() as session:
        found = flaggers.listed(session, caller_for(service, tenant).tenant_id)
        views = [flaggers.describe(session, each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "Name": lambda view: view["name"],
            "State": lambda view: view["state"],
            "Decided": lambda view: str(view["decided"]),
            "Precision": lambda view: (
                "" if view["precision"] is None else f"{view['precision']:.0%}"
            ),
        },
    )
