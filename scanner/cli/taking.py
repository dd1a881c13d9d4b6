"""``takes``: what was made, its tree, new ones from it, its files; ``engines``: what may make them."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    say,
    shown,
    tell,
    tell_all,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

app = typer.Typer(help="Takes that were made, and new ones from them.", no_args_is_help=True)
engines = typer.Typer(help="What makes takes: tests and switches.", no_args_is_help=True)
TakeId = Annotated[str, typer.Argument(metavar="TAKE", help="The take's id.")]
EngineName = Annotated[str, typer.Argument(metavar="NAME", help="The engine's name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the engine.")]


@app.command(name="list")
@answering
def list_(
    account: Annotated[str | None, typer.Option("--account", help="Only takes of it.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """List takes, newest first."""
    from scanner import people, take_nodes, take_views

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        own = people.find(session, caller.tenant_id, account).id if account else None
        found = take_nodes.listed(session, caller, limit=10_000, account_id=own)
        views = take_views.lines(session, found)
    tell_all(
        views,
        as_json,
        {
            "Id": lambda view: view["id"],
            "From": lambda view: view["parent_id"] or "",
            "Account": lambda view: view["account"] or "",
            "Locked": lambda view: ", ".join(view["locked"]),
            "State": lambda view: view["state"],
        },
    )


@app.command()
@answering
def show(take_id: TakeId, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show a take: stems, who made which bars, reasons, what became of it."""
    from scanner import take_nodes, take_views

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        take = take_nodes.find(session, caller, take_id)
        view = take_views.describe(service, session, take)
        view["tree"] = take_views.tree(session, caller, take)
    if as_json:
        say(view)
        return
    typer.echo(f"{view['prompt']}  ({view['engine']} {view['engine_version']}, {view['seed']})")
    for stem in view["stems"]:
        runs = "; ".join(
            f"{each['bars'][0]}-{each['bars'][1]} {each['made_by']}" for each in stem["segments"]
        )
        typer.echo(f"{stem['name']}: {runs}")
    for each in view["resembles"]:
        typer.echo(f"resembles {each['title']} in {each['stem'] or 'the mix'}, bars {each['bars']}")
    clearance = view["clearance"]
    typer.echo(f"{clearance['state']}, {clearance['decision']}; credits: {view['credits']}")
    for each in view["downloads"]:
        typer.echo(each["name"])


@app.command()
@answering
def vary(
    take_id: TakeId,
    lock: Annotated[
        list[str] | None, typer.Option("--lock", help="A stem that stays; may be repeated.")
    ] = None,
    lock_bars: Annotated[
        str | None, typer.Option("--lock-bars", help="Bars that stay, as 1-4,9.")
    ] = None,
    amount: Annotated[float, typer.Option("--amount", help="Share made anew, above 0 to 1.")] = 1.0,
    count: Annotated[int, typer.Option("--count", help="How many, up to four.")] = 1,
    account: Annotated[
        str | None, typer.Option("--account", help="For whom; the take's own if not given.")
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Make variations of a take, and have each cleared."""
    from scanner import take_variations
    from scanner.take_variations import MOST_AT_ONCE, VariationAsked

    if not 0 < amount <= 1 or not 1 <= count <= MOST_AT_ONCE:
        raise typer.BadParameter(f"--amount is above 0 and at most 1, --count 1 to {MOST_AT_ONCE}")
    asked = VariationAsked(
        account=account,
        locked=tuple(lock or ()),
        locked_bars=_bars(lock_bars),
        amount=amount,
        count=count,
    )
    with opened() as service:
        caller = caller_for(service, tenant)
        wanted = take_variations.vary(service, caller, take_id, asked)
        views = [_driven(service, caller, each["id"]) for each in wanted]
    for view in views:
        tell(view, as_json, _line(view))
    raise typer.Exit(0 if all(view["cleared"] for view in views) else NO)


@app.command()
@answering
def download(
    take_id: TakeId,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where it goes.")],
    name: Annotated[
        str, typer.Option("--file", help="One of the take's files; all are in take.zip.")
    ] = "take.zip",
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Write a file of a cleared take."""
    from scanner import take_files, take_nodes

    with opened() as service:
        with service.database.reading() as session:
            take = take_nodes.find(session, caller_for(service, tenant), take_id)
        out.mkdir(parents=True, exist_ok=True)
        if take_files.is_beside(name):
            with (
                take_files.beside(service, take, name) as (file, _),
                (out / name).open("wb") as own,
            ):
                shutil.copyfileobj(file, own)
        else:
            sha256, _ = take_files.sound(service, take, name)
            with service.store.path_or_copy(take.tenant_id, sha256) as kept:
                shutil.copyfile(kept, out / name)
    tell({"path": shown(out / name)}, as_json, shown(out / name))


@engines.command(name="list")
@answering
def list_engines(as_json: Json = False) -> None:
    """List engines and versions with their state and test."""
    from scanner import generation_engines, generators

    with opened() as service:
        generation_engines.ensure(service, generators.BUILTIN)
        with service.database.reading() as session:
            views = [
                generation_engines.describe(each) for each in generation_engines.listed(session)
            ]
    tell_all(
        views,
        as_json,
        {
            "Name": lambda view: view["name"],
            "Version": lambda view: view["engine_version"],
            "State": lambda view: view["state"],
            "Repeating": lambda view: _tested(view["test"]),
            "Tested": lambda view: view["tested_at"] or "",
            "Reason": lambda view: view["reason"] or "",
        },
    )


@engines.command()
@answering
def test(name: EngineName, as_json: Json = False) -> None:
    """Look whether an engine repeats what it was trained on; it makes nothing before that."""
    from scanner import generation_engines, keys

    with opened() as service:
        view = generation_engines.describe(generation_engines.test(service, keys.OPERATOR, name))
    tell(view, as_json, f"{view['name']} {view['engine_version']}: {_tested(view['test'])}")
    raise typer.Exit(0 if view["test"]["passed"] else NO)


@engines.command()
@answering
def enable(name: EngineName, reason: Reason, as_json: Json = False) -> None:
    """Let an engine make takes, once its test has passed."""
    from scanner import generation_engines, keys

    with opened() as service:
        row = generation_engines.enable(service, keys.OPERATOR, name, reason)
        view = generation_engines.describe(row)
    tell(view, as_json, f"{view['name']} {view['engine_version']} is {view['state']}")


@engines.command()
@answering
def disable(name: EngineName, reason: Reason, as_json: Json = False) -> None:
    """Stop an engine at once; what it made and is not out yet goes before a person."""
    from scanner import generation_engines, keys

    with opened() as service:
        rows = generation_engines.disable(service, keys.OPERATOR, name, reason)
        views = [generation_engines.describe(each) for each in rows]
    for view in views:
        tell(view, as_json, f"{view['name']} {view['engine_version']} is {view['state']}")


def _driven(service: "Service", caller: "Caller", generation_id: str) -> dict[str, Any]:
    from scanner import generations, inline, take_nodes, take_views

    inline.drive_generation(service, generation_id)
    with service.database.reading() as session:
        take = take_nodes.of_generation(session, generation_id)
    if take is not None:
        inline.drive(service, take.track_id)
    with service.database.reading() as session:
        row = generations.find(session, caller.tenant_id, generation_id)
        view: dict[str, Any] = {"generation": generations.describe(session, row)}
        view |= {"take": None, "cleared": False}
        if take is not None:
            view["take"] = take_views.describe(service, session, take)
            view["cleared"] = view["take"]["clearance"]["cleared"]
    return view


def _line(view: dict[str, Any]) -> str:
    if view["take"] is None:
        reasons = " ".join(each["text"] for each in view["generation"]["reasons"])
        return f"{view['generation']['state']}: {reasons}"
    return f"{view['take']['id']}  {view['take']['clearance']['state']}"


def _bars(given: str | None) -> tuple[int, ...]:
    """Read ``1-4,9``."""
    found: list[int] = []
    try:
        for part in (given or "").split(","):
            if part.strip():
                first, _, last = part.partition("-")
                found += range(int(first), int(last or first) + 1)
    except ValueError:
        raise typer.BadParameter("--lock-bars are numbers and runs, as 1-4,9") from None
    return tuple(found[:400])


def _tested(test: dict[str, Any] | None) -> str:
    return f"{test['repeating']} of {test['takes']}" if test else "not tested"
