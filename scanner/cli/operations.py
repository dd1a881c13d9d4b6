"""Running the service: keys, logins, the database, dead letters, the audit trail, a check-up."""

from enum import StrEnum
from typing import Annotated

import typer

from scanner.cli import auditing
from scanner.cli.dead_letters import dead
from scanner.cli.session import (
    DEFAULT_TENANT,
    FAILED,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    say,
    table,
    unchecked,
)

key = typer.Typer(help="API keys and signing keys.", no_args_is_help=True)
tenant_ = typer.Typer(help="Platforms.", no_args_is_help=True)
user = typer.Typer(help="Logins.", no_args_is_help=True)
db = typer.Typer(help="The database.", no_args_is_help=True)
audit = typer.Typer(help="The audit trail.", no_args_is_help=True)


class Size(StrEnum):
    """How large a platform is (DSA-19)."""

    SMALL = "micro-or-small"
    LARGER = "larger"
    UNSET = "unset"


class Means(StrEnum):
    """Whether a platform that the DSA exempts offers appeals and such all the same (DSA-19)."""

    OFFERED = "offered"
    LEFT_OUT = "left-out"


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    groups = {
        "tenant": tenant_,
        "key": key,
        "user": user,
        "db": db,
        "dead": dead,
        "audit": audit,
    }
    for name, group in groups.items():
        app.add_typer(group, name=name)
    auditing.add_to(audit)
    app.command()(doctor)


@key.command()
@answering
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")] = "key",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="Again for more; none: all.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Acts on the sandbox.")] = False,
    signing: Annotated[
        bool, typer.Option("--signing", help="An Ed25519 key for messages on the bus.")
    ] = False,
    user: Annotated[
        str | None, typer.Option("--user", help="E-mail of the login that it acts as.")
    ] = None,
    holder: Annotated[
        str | None, typer.Option("--holder", help="Id of the rights holder that it acts for.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="How long it is good.")
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Make a key; it is shown this once."""
    from datetime import timedelta

    from scanner import keys, signing_keys
    from scanner.callers import SCOPES

    with opened() as service:
        caller = caller_for(service, tenant)
        if signing:
            made, pem = signing_keys.create(service, caller.tenant_id, name)
            shown = {"id": made.id, "name": made.name, "tenant": made.tenant_id, "private_key": pem}
        else:
            kept, token = keys.create_key(
                service,
                caller.tenant_id,
                name,
                scope or SCOPES,
                sandbox=sandbox,
                user=user,
                holder_id=holder,
                expires_at=service.now() + timedelta(days=days) if days else None,
            )
            shown = keys.describe(kept) | {"api_key": token}
    if as_json:
        say(shown)
    else:
        print(
            shown.get("api_key")
            or f"{shown['private_key']}\nkey id {shown['id']}, tenant {shown['tenant']}"
        )


@key.command(name="list")
@answering
def list_keys(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List API keys and signing keys, revoked ones included."""
    from scanner import keys, signing_keys

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        found = [keys.describe(each) for each in keys.listed(session, caller.tenant_id)]
        signing = signing_keys.listed(session, caller.tenant_id)
        found += [signing_keys.describe(each) for each in signing]
    if as_json:
        for each in found:
            say(each)
        return
    table(
        ["Id", "Name", "Kind", "Key", "Scopes", "Revoked"],
        [
            [
                each["id"],
                each["name"],
                each["kind"],
                each["hint"],
                " ".join(each["scopes"]),
                each["revoked_at"] or "",
            ]
            for each in found
        ],
    )


@key.command()
@answering
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """End the life of an API key or a signing key."""
    from scanner import keys, signing_keys

    with opened() as service:
        tenant_id = caller_for(service, tenant).tenant_id
        with service.database.reading() as session:
            signing = {each.id for each in signing_keys.listed(session, tenant_id)}
        if key_id in signing:
            shown = signing_keys.describe(signing_keys.revoke(service, tenant_id, key_id))
        else:
            shown = keys.describe(keys.revoke(service, tenant_id, key_id))
    if as_json:
        say(shown)
    else:
        print(f"revoked {key_id}")


@tenant_.command(name="add")
@answering
def add_tenant(
    name: Annotated[str, typer.Argument(help="The platform's name.")],
    as_json: Json = False,
) -> None:
    """Make a platform and its first API key, shown this once."""
    from scanner import keys

    with opened() as service:
        made = keys.create_tenant(service, name)
        _, token = keys.create_key(service, made.id, "first key")
    if as_json:
        say({"id": made.id, "name": made.name, "api_key": token})
    else:
        print(f"{made.name} ({made.id}): {token}")


@tenant_.command(name="list")
@answering
def list_tenants(as_json: Json = False) -> None:
    """List the platforms."""
    from scanner import keys

    with opened() as service, service.database.reading() as session:
        found = keys.tenants(session)
    if as_json:
        for each in found:
            since = each.created_at.isoformat()
            size = {"micro_or_small": each.micro_or_small, "means_offered": each.offers_means}
            say({"id": each.id, "name": each.name, **size, "created_at": since})
        return
    table(["Id", "Name", "Since"], [[t.id, t.name, t.created_at.isoformat()] for t in found])


@tenant_.command(name="size")
@answering
def size_tenant(
    size: Annotated[Size, typer.Argument(help="unset: as the setting micro_or_small says.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say whether a platform is a micro or small enterprise, which the DSA exempts in part (DSA-19)."""
    from scanner import tenant_sizes

    with opened() as service:
        caller = caller_for(service, tenant)
        small = {Size.SMALL: True, Size.LARGER: False}.get(size)
        tenant_sizes.resize(service, caller.tenant_id, small, caller.actor)
    if as_json:
        say({"id": caller.tenant_id, "micro_or_small": small})
    else:
        print(f"{tenant} is {size}")


@tenant_.command(name="means")
@answering
def offer_means(
    means: Annotated[
        Means, typer.Argument(help="Of appeals, bodies out of court, trusted flaggers.")
    ],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say whether a micro or small enterprise offers what it is exempt from; what was told stays (DSA-19)."""
    from scanner import tenant_sizes

    with opened() as service:
        caller = caller_for(service, tenant)
        offered = means is Means.OFFERED
        tenant_sizes.choose(service, caller.tenant_id, offered, caller.actor)
    if as_json:
        say({"id": caller.tenant_id, "means_offered": offered})
    else:
        print(f"{tenant}: {means}")


@user.command(name="add")
@answering
def add_user(
    email: Annotated[str, typer.Argument()],
    role: Annotated[str, typer.Option("--role", help="For instance reviewer.")] = "reviewer",
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Its platform; needed where there are several.")
    ] = None,
    holder: Annotated[
        str | None, typer.Option("--holder", help="Id of the holder that a rights_holder acts for.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a login; its password is shown this once."""
    from scanner import keys, logins

    logins.check_role(role)
    with opened() as service:
        tenant_id = caller_for(service, tenant).tenant_id if tenant else None
        made, password = keys.create_user(
            service, email, role, tenant_id=tenant_id, holder_id=holder
        )
    if as_json:
        say({"id": made.id, "email": made.email, "role": made.role, "password": password})
    else:
        print(f"{made.email} ({made.role}): {password}")


@user.command(name="list")
@answering
def list_users(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List a platform's logins."""
    from scanner import logins

    with opened() as service, service.database.reading() as session:
        found = logins.listed(session, caller_for(service, tenant).tenant_id, limit=10_000)
        views = [logins.describe(each) for each in found]
    if as_json:
        for view in views:
            say(view)
        return
    table(
        ["Id", "E-mail", "Role", "Out of use since"],
        [[view["id"], view["email"], view["role"], view["disabled_at"] or ""] for view in views],
    )


@user.command(name="change")
@answering
def change_user(
    email: Annotated[str, typer.Argument()],
    role: Annotated[str | None, typer.Option("--role", help="Give it this role.")] = None,
    disable: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Put it out of use, or back.")
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Give a login another role, or put it out of use: its sessions end, its keys are refused."""
    from scanner import logins

    with opened() as service:
        caller = caller_for(service, tenant)
        with service.database.reading() as session:
            user_id = logins.by_email(session, caller.tenant_id, email).id
        changed = logins.change(service, caller, user_id, role=role, disabled=disable)
    view = logins.describe(changed)
    if as_json:
        say(view)
    else:
        state = "out of use" if view["disabled_at"] else "in use"
        print(f"{view['email']} ({view['role']}): {state}")


@db.command()
@answering
def upgrade(as_json: Json = False) -> None:
    """Bring the database to the schema of this version."""
    from scanner.service import Service
    from scanner.settings import Settings

    with Service(Settings()) as service:
        service.database.upgrade()
        service.database.check()
    if as_json:
        say({"upgraded": True})
    else:
        print("the database is up to date")


@audit.command()
@answering
def verify(
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Only this tenant's chain.")
    ] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option("--checkpoints", help="A folder of them, such as a copy; default: your own."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="The public key that signed them, if not your own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the hash chains of the journal, and hold them against the signed checkpoints."""
    from scanner import audit as chains
    from scanner.checkpoint_book import read
    from scanner.checkpoints import folder_of, public_key

    with opened() as service, service.database.reading() as session:
        tenant_id = caller_for(service, tenant).tenant_id if tenant else None
        book = read(folder_of(service, checkpoints), key or public_key(service), tenant_id)
        report = chains.verify(session, tenant_id, book, service.pseudonyms)
    if as_json:
        say(report.to_json())
    else:
        print(
            f"{report.sealed} records in {report.chains} chains, {report.unsealed} not sealed yet, "
            f"{report.checkpoints} checkpoints: " + ("whole" if report.whole else "BROKEN")
        )
        for each in report.breaks:
            print(
                f"  chain {each.chain}, record {each.sequence} ({each.journal_id}): "
                f"{each.kind}: {each.detail}"
            )
    raise typer.Exit(0 if report.whole else NO)


@answering
def doctor(as_json: Json = False) -> None:
    """Look at every part that the service needs."""
    from scanner.installation import examine

    with unchecked() as service:
        findings = examine(service)
    if as_json:
        for finding in findings:
            say(vars(finding))
    else:
        for finding in findings:
            print(f"{'ok' if finding.well else 'FAILED':6}  {finding.part}: {finding.detail}")
    raise typer.Exit(0 if all(finding.well for finding in findings) else FAILED)
