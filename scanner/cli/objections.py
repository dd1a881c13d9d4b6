"""``account objections``: what the person behind an account objects to (GDPR-21, GDPR-22)."""

from typing import Annotated, Any

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    tell_fields,
)

app = typer.Typer()


@app.command()
@answering
def objections(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The platform's name for it.")],
    training: Annotated[
        bool | None,
        typer.Option("--training/--no-training", help="To training on their generated tracks."),
    ] = None,
    automated_decisions: Annotated[
        bool | None,
        typer.Option(
            "--automated-decisions/--no-automated-decisions", help="To limits by rules alone."
        ),
    ] = None,
    rehearsal: Annotated[
        bool | None,
        typer.Option("--rehearsal/--no-rehearsal", help="To packs tried out on their tracks."),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show what somebody objects to; with options, write an objection down or end it (--no-…)."""
    from scanner import objections as kept
    from scanner import people

    named = {
        "training": training,
        "automated_decisions": automated_decisions,
        "rehearsal": rehearsal,
    }
    wanted: dict[Any, bool] = {kind: said for kind, said in named.items() if said is not None}
    with opened() as service:
        caller = caller_for(service, tenant)
        if wanted:
            view = kept.put(service, caller, account, wanted)
        else:
            with service.database.reading() as session:
                found = people.find(session, caller.tenant_id, account)
                view = kept.describe(session, found)
    tell_fields(view, as_json)
