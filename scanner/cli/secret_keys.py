"""``secret``: the key that stored secrets are encrypted with."""

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
)

app = typer.Typer(help="The key of stored secrets and of links.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep the command's name, though it is the only one."""


@app.command()
@answering
def rotate(
    forget: Annotated[
        bool,
        typer.Option("--forget", help="End the earlier keys, with the links that they signed."),
    ] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Make a new key and encrypt with it all that is stored, while the service runs."""
    from scanner import secret_rotation

    with opened() as service:
        caller = caller_for(service, tenant)
        count = secret_rotation.rotate(service, caller.actor, caller.tenant_id, forget=forget)
    words = f"the newest key is in force, {count} stored texts were encrypted with it; back it up"
    tell({"sealed": count, "forgotten": forget}, as_json, words)
