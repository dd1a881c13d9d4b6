"""``bank``: named parts of the catalogue, switched as a whole."""

from typing import Annotated, Any

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

app = typer.Typer(help="Banks of references.", no_args_is_help=True)

BankName = Annotated[str, typer.Argument(metavar="NAME", help="The bank's name.")]


@app.command()
@answering
def add(
    name: BankName,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="rights: what holders claim. negative: loops, presets, silence. public_domain. "
            "What is in the last two is held against nobody.",
        ),
    ] = "rights",
    rollout: Annotated[
        float, typer.Option("--rollout", help="Share of the tracks it is searched for, 0 to 1.")
    ] = 1.0,
    off: Annotated[bool, typer.Option("--off", help="Make it switched off.")] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Make a bank; `reference add --bank NAME` fills it."""
    from scanner import banks

    with opened() as service:
        caller = caller_for(service, tenant)
        made = banks.create(service, caller, name, kind=kind, enabled=not off, rollout=rollout)
        with service.database.reading() as session:
            view = banks.describe(session, [made])[0]
    _show([view], as_json)


@app.command(name="list")
@answering
def list_(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List the banks, oldest first."""
    from scanner import banks

    with opened() as service, service.database.reading() as session:
        found = banks.listed(session, caller_for(service, tenant).tenant_id, limit=10_000)
        views = banks.describe(session, found)
    _show(views, as_json)


@app.command()
@answering
def on(name: BankName, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Search a bank again, for the share of tracks it is rolled out to."""
    _show([_changed(name, tenant, enabled=True)], as_json)


@app.command()
@answering
def off(name: BankName, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Search a bank no more: nothing in it is found until it is on again."""
    _show([_changed(name, tenant, enabled=False)], as_json)


@app.command()
@answering
def rollout(
    name: BankName,
    share: Annotated[float, typer.Argument(metavar="SHARE", help="Share of the tracks, 0 to 1.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Search a bank for a share of the tracks: the same ones always, more as the share grows."""
    _show([_changed(name, tenant, rollout=share)], as_json)


@app.command()
@answering
def rename(
    name: BankName,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Give a bank another name."""
    _show([_changed(name, tenant, name=new_name)], as_json)


@app.command()
@answering
def key(as_json: Json = False) -> None:
    """Print the public key that this installation signs what it shares with."""
    from scanner import sharing, signed_lines

    with opened() as service:
        public = signed_lines.public_half(sharing.own_key(service))
    tell({"key": public}, as_json, public)


def _changed(name_now: str, tenant: str, **changes: Any) -> dict[str, Any]:
    from scanner import banks

    with opened() as service:
        caller = caller_for(service, tenant)
        with service.database.reading() as session:
            bank_id = banks.named(session, caller.tenant_id, name_now).id
        changed = banks.change(service, caller, bank_id, changes)
        with service.database.reading() as session:
            return banks.describe(session, [changed])[0]


def _show(views: list[dict[str, Any]], as_json: bool) -> None:
    tell_all(
        views,
        as_json,
        {
            "Name": lambda bank: bank["name"],
            "Kind": lambda bank: bank["kind"],
            "On": lambda bank: "yes" if bank["enabled"] else "no",
            "Share": lambda bank: f"{bank['rollout']:.0%}",
            "References": lambda bank: str(bank["references"]),
        },
    )
