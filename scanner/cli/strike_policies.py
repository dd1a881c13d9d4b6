"""``strike-policy``: what a platform does with accounts that get strikes again and again (DMCA-RI)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.rollout import Login, acting
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

if TYPE_CHECKING:
    from scanner.tables import StrikePolicyVersion

app = typer.Typer(help="The policy against repeat infringers.", no_args_is_help=True)
PolicyId = Annotated[str, typer.Argument(metavar="ID", help="The version's id.")]


@app.command(name="list")
@answering
def list_(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List a platform's own policies, newest first; without one the program's holds."""
    from scanner import strike_policies

    with opened() as service, service.database.reading() as session:
        found = strike_policies.listed(session, caller_for(service, tenant).tenant_id)
        views = [strike_policies.describe(each) for each in found]
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "State": lambda view: view["state"],
            "Policy": lambda view: view["policy_version"][:8],
            "Since": lambda view: view["in_force_from"] or "",
            "Why": lambda view: view["reason"],
        },
    )


@app.command()
@answering
def propose(
    file: Annotated[Path, typer.Argument(help="A YAML file such as `appeals/data/strikes.yaml`.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept on record.")],
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Propose a policy; somebody else puts it in force."""
    from scanner import strike_policies

    with acting(tenant, login) as (service, caller):
        text = file.read_text(encoding="utf-8")
        row = strike_policies.propose(service, caller, text, reason)
    _told(row, as_json)


@app.command()
@answering
def approve(
    policy_id: PolicyId,
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Put a proposed policy in force, as somebody other than who proposed it."""
    from scanner import strike_policies

    with acting(tenant, login) as (service, caller):
        row = strike_policies.approve(service, caller, policy_id)
    _told(row, as_json)


@app.command()
@answering
def reject(
    policy_id: PolicyId,
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Put a proposed policy away."""
    from scanner import strike_policies

    with acting(tenant, login) as (service, caller):
        row = strike_policies.reject(service, caller, policy_id)
    _told(row, as_json)


def _told(row: "StrikePolicyVersion", as_json: bool) -> None:
    from scanner import strike_policies

    view = strike_policies.describe(row)
    tell(view, as_json, f"{view['id']}  {view['state']}  {view['policy_version'][:8]}")
