"""``watermark keys``: which keys marks are written and read with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.session import Json, answering, caller_for, opened, tell, tell_all

if TYPE_CHECKING:
    from scanner.service import Service

app = typer.Typer(help="Keys that marks are written and read with.", no_args_is_help=True)

Whose = Annotated[
    str | None,
    typer.Option("--tenant", help="Of this tenant; without it the service's, which all share."),
]


@app.command(name="list")
@answering
def list_(tenant: Whose = None, as_json: Json = False) -> None:
    """List keys, revoked ones included: of all, or the service's and a tenant's."""
    from scanner import watermark_keys

    with opened() as service, service.database.reading() as session:
        tenant_id = _tenant_id(service, tenant)
        found = watermark_keys.listed(session, tenant_id, every=tenant is None)
        views = [watermark_keys.describe(each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "State": lambda view: view["state"],
            "Of": lambda view: view["owner"] or view["tenant_id"] or "the service",
            "Digest": lambda view: view["digest"][:16],
            "Since": lambda view: view["created_at"],
            "Revoked": lambda view: view["revoked_at"] or "",
        },
    )


@app.command()
@answering
def rotate(tenant: Whose = None, as_json: Json = False) -> None:
    """Make a key to write with from now on; the one before it is still read with."""
    from scanner import keys, watermark_keys

    with opened() as service:
        made = watermark_keys.rotate(service, keys.OPERATOR, _tenant_id(service, tenant))
        view = watermark_keys.describe(made)
    tell(view, as_json, f"{view['id']} is written with from now on")


@app.command()
@answering
def add(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Key file to take in.")],
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="The other service that it belongs to; none: it is ours."),
    ] = None,
    tenant: Whose = None,
    as_json: Json = False,
) -> None:
    """Take in a key to read with: another service's, or one of ours from elsewhere."""
    from scanner import keys, watermark_keys

    with opened() as service:
        key = watermark_keys.read_key_file(path)
        tenant_id = _tenant_id(service, tenant)
        made = watermark_keys.add(service, keys.OPERATOR, key, owner=owner, tenant_id=tenant_id)
        view = watermark_keys.describe(made)
    tell(view, as_json, f"{view['id']} is read with from now on")


@app.command()
@answering
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the key.")],
    as_json: Json = False,
) -> None:
    """End a key's life: its marks are not read any more, and prove nothing."""
    from scanner import keys, watermark_keys

    with opened() as service:
        revoked = watermark_keys.revoke(service, keys.OPERATOR, key_id, reason)
        view = watermark_keys.describe(revoked)
    tell(view, as_json, f"revoked {key_id}")


def _tenant_id(service: "Service", name: str | None) -> str | None:
    return None if name is None else caller_for(service, name).tenant_id
