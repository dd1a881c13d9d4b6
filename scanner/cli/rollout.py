"""What ``policy`` does to the packs of a platform: propose, approve, rehearse, put in force, roll back."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    opened,
    say,
    table,
    tell,
    tell_all,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service
    from scanner.tables import PolicyPack

LEAD: Final = "policy_lead"
Pack = Annotated[
    str,
    typer.Argument(metavar="PACK", help="A pack's YAML file, its id, or 8 digits of its hash."),
]
Login = Annotated[
    str | None,
    typer.Option(
        "--login",
        envvar="CLEARANCE_LOGIN",
        help="E-mail address of the policy lead who acts; the password is asked for, or in "
        "CLEARANCE_PASSWORD. Without it the operator of this machine acts.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept on record.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``policy``."""
    for command in (
        propose,
        approve,
        reject,
        shadow,
        activate,
        retire,
        rollback,
        show,
        diff,
        backtest,
    ):
        app.command()(command)
    app.command(name="list")(list_)


@answering
def propose(
    pack: Pack, login: Login = None, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Keep a pack and ask for its approval; one with failing tests or lint findings is refused."""
    from scanner import policies
    from scanner.errors import PackRefusedError

    try:
        _do(tenant, login, pack, as_json, policies.propose)
    except PackRefusedError as error:
        for finding in error.findings:
            complain(finding)
        raise typer.Exit(NO) from error


@answering
def approve(
    pack: Pack, login: Login = None, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Approve what somebody else proposed."""
    from scanner import policies

    _do(tenant, login, pack, as_json, policies.approve)


@answering
def reject(
    pack: Pack,
    reason: Reason,
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Send a proposal back."""
    from scanner import policies

    _do(
        tenant,
        login,
        pack,
        as_json,
        lambda service, caller, row: policies.reject(service, caller, row, reason),
    )


@answering
def shadow(
    pack: Pack, login: Login = None, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Run an approved pack beside the live one, without any effect."""
    from scanner import policies

    _do(tenant, login, pack, as_json, policies.shadow)


@answering
def activate(
    pack: Pack,
    share: Annotated[
        float,
        typer.Option("--share", min=0, max=1, help="Of all tracks; below 1 it is a canary."),
    ] = 1.0,
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Let an approved pack decide all tracks, or a share of them."""
    from scanner import policies

    _do(
        tenant,
        login,
        pack,
        as_json,
        lambda service, caller, row: policies.activate(service, caller, row, share),
    )


@answering
def retire(
    pack: Pack,
    reason: Reason,
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """End a rehearsal, or put an approved pack away."""
    from scanner import policies

    _do(
        tenant,
        login,
        pack,
        as_json,
        lambda service, caller, row: policies.retire(service, caller, row, reason),
    )


@answering
def rollback(
    reason: Reason,
    undone: Annotated[
        str | None,
        typer.Option("--undone", metavar="PACK", help="Only if this pack's last change is undone."),
    ] = None,
    login: Login = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """End the canary; if there is none, put the pack before the active one back in force."""
    from scanner import policies, policy_views

    with acting(tenant, login) as (service, caller):
        view = policy_views.described(policies.rollback(service, caller, reason, undone))
    tell(view, as_json, f"{view['id']} decides every track")


@answering
def list_(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List a platform's packs, newest first."""
    from scanner import policies, policy_views

    with acting(tenant) as (service, caller), service.database.reading() as session:
        found = policies.listed(session, caller.tenant_id, limit=10_000)
        views = [policy_views.described(each) for each in found]
    columns: dict[str, Callable[[Any], str]] = {
        "Pack": lambda each: f"{each['name']}@sha256:{each['content_hash'][:12]}",
        "State": lambda each: each["state"],
        "Rules": lambda each: str(len(each["rules"])),
        "Proposed by": lambda each: each["proposed_by"] or "",
        "Approved by": _approver,
        "Since": lambda each: each["updated_at"][:19],
    }
    tell_all(views, as_json, columns)


@answering
def show(
    pack: Annotated[
        str | None,
        typer.Argument(
            metavar="[PACK]",
            help="A pack's YAML file, its id, or 8 digits of its hash. Default: the pack in force.",
        ),
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Print its YAML and nothing else, to write another from.")
    ] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show a pack: its state, when it was in force or rehearsed, and where it differed."""
    from scanner import policy_views

    with acting(tenant) as (service, caller):
        row = _find(service, caller, pack or _in_force(service, caller))
        with service.database.reading() as session:
            view = policy_views.whole(session, row)
    if as_json:
        say(view)
        return
    if text:
        print(view["text"], end="")
        return
    print(f"{view['id']}\n{view['state']}; approved by {_approver(view) or 'nobody'}\n")
    table(
        ["Mode", "Share", "From", "To", "Compared", "Differing", "Failed", "Ended because"],
        [_activation_row(each) for each in view["activations"]],
    )
    if view["differences"]:
        table(
            ["Track", "Live", "Candidate", "Rules only live", "Rules only candidate"],
            [_difference_row(each) for each in view["differences"]],
        )


@answering
def diff(
    pack: Pack,
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="Default: the pack in force.")
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show what a pack changes against another."""
    import difflib

    with acting(tenant) as (service, caller):
        new, new_text = _readable(service, caller, pack)
        old, old_text = _readable(service, caller, other)
    lines = list(
        difflib.unified_diff(
            old_text.splitlines(), new_text.splitlines(), old.id[:27], new.id[:27], lineterm=""
        )
    )
    if as_json:
        before, after = {rule.id for rule in old.rules}, {rule.id for rule in new.rules}
        names = sorted({*old.thresholds, *new.thresholds})
        values = {name: [old.thresholds.get(name), new.thresholds.get(name)] for name in names}
        say(
            {
                "from": old.id,
                "to": new.id,
                "rules_added": sorted(after - before),
                "rules_removed": sorted(before - after),
                "thresholds": {name: pair for name, pair in values.items() if pair[0] != pair[1]},
                "lines": lines,
            }
        )
    else:
        print("\n".join(lines) or "no difference")


@answering
def backtest(
    pack: Pack,
    since: Annotated[
        datetime,
        typer.Option("--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="UTC."),
    ],
    examples: Annotated[
        int, typer.Option("--examples", min=0, max=10_000, help="Tracks named, of each kind.")
    ] = 5,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Replay the facts of decided tracks through a pack, and show what would be otherwise."""
    import policy
    from scanner.backtests import Backtest
    from scanner.cli.batches import with_progress

    with acting(tenant) as (service, caller):
        compiled, _ = _readable(service, caller, pack)
        run = Backtest(
            service,
            caller.tenant_id,
            compiled,
            since.replace(tzinfo=UTC),
            confusion=policy.Confusion(examples),
        )
        replayed: Iterator[dict[str, Any]] = ({} for size in run.run() for _ in range(size))
        for _ in with_progress(replayed, run.all(), "Replaying", as_json=as_json):
            pass
        view = run.to_json()
    if as_json:
        say(view)
    else:
        _print_backtest(view)


def _print_backtest(view: dict[str, Any]) -> None:
    outcomes = list(view["table"])
    table(
        ["Live \\ new", *outcomes],
        [[live, *(str(view["table"][live][new]) for new in outcomes)] for live in outcomes],
    )
    print(
        f"{view['compared']} tracks, {view['differing']} otherwise, "
        f"{view['overturned']['differing']} of them overturned by a person; "
        f"{view['unreadable']} unreadable; {view['tracks_per_second']} tracks/s"
    )
    flips = view["examples"]
    if flips:
        table(
            ["Track", "Live", "New", "Rules only live", "Rules only new", "Person"],
            [[*_difference_row(each), each["human"] or ""] for each in flips],
        )


def _difference_row(each: dict[str, Any]) -> list[str]:
    return [
        each["track_id"],
        each["live"],
        each["candidate"] or f"failed: {each['error']}",
        ", ".join(each["only_live"]),
        ", ".join(each["only_candidate"]),
    ]


def _activation_row(each: dict[str, Any]) -> list[str]:
    return [
        each["mode"],
        f"{each['share']:g}",
        each["started_at"][:19],
        (each["ended_at"] or "")[:19],
        str(each["compared"]),
        str(each["differing"]),
        str(each["failed"]),
        each["end_reason"] or "",
    ]


def _approver(view: dict[str, Any]) -> str:
    return f"{view['approved_by'] or ''}{' (single operator)' if view['single_operator'] else ''}"


@contextmanager
def acting(tenant: str, login: str | None = None) -> "Iterator[tuple[Service, Caller]]":
    """Open the service, and say who acts in it."""
    with opened() as service:
        caller = caller_for(service, tenant)
        service.packs.ensure(service, caller.tenant_id)
        yield service, caller if login is None else _as_lead(service, caller, login)


def _as_lead(service: "Service", caller: "Caller", login: str) -> "Caller":
    from scanner import keys
    from scanner.errors import ForbiddenError
    from scanner.journal import Actor

    password = os.environ.get("CLEARANCE_PASSWORD") or typer.prompt(
        f"Password of {login}", hide_input=True, err=True
    )
    with service.database.reading() as session:
        only = service.settings.provider_only
        user = keys.check_password(session, login, password, provider_only=only)
    if user.role != LEAD:
        raise ForbiddenError(f"{login} is {user.role}; packs are the matter of a {LEAD}")
    return replace(caller, actor=Actor(user.id, user.role))


def _do(
    tenant: str,
    login: str | None,
    pack: str,
    as_json: bool,
    move: "Callable[[Service, Caller, PolicyPack], PolicyPack]",
) -> None:
    from scanner import policies, policy_views

    with acting(tenant, login) as (service, caller):
        if move is policies.propose and Path(pack).is_file():
            row = policies.add(service, caller, _text(pack))
        else:
            row = _find(service, caller, pack)
        view = policy_views.described(move(service, caller, row))
    tell(view, as_json, f"{view['id']}  {view['state']}")


def _find(service: "Service", caller: "Caller", pack: str) -> "PolicyPack":
    """Return the stored pack that a file or an id names."""
    import policy
    from scanner import policies

    name = policy.load_pack(Path(pack)).id if Path(pack).is_file() else pack
    with service.database.reading() as session:
        return policies.find(session, caller.tenant_id, name)


def _readable(service: "Service", caller: "Caller", pack: str | None) -> tuple[Any, str]:
    """Return a pack and its text: of a file, of a stored one, or of the one in force."""
    import policy

    if pack is not None and Path(pack).is_file():
        return policy.load_pack(Path(pack)), _text(pack)
    row = _find(service, caller, pack or _in_force(service, caller))
    with service.database.reading() as session:
        return service.packs.compiled(session, row.id), row.text


def _in_force(service: "Service", caller: "Caller") -> str:
    """Return the id of the pack that decides."""
    with service.database.reading() as session:
        return service.packs.in_force(session, caller.tenant_id).pack.id


def _text(pack: str) -> str:
    import policy

    policy.load_pack(Path(pack))  # says what is wrong with it, by line
    return Path(pack).read_text(encoding="utf-8")
