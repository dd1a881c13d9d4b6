"""``drift``: whether detectors' scores are distributed as they were when a baseline was frozen."""

from datetime import datetime
from typing import Annotated, Any

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
    table,
)

app = typer.Typer(help="Drift of detectors' scores.", no_args_is_help=True)


@app.command()
@answering
def freeze(
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day; none: 28 days before."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; none: yesterday."),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Freeze the scores of some days as what later days are held against."""
    from scanner import drift

    with opened() as service:
        caller = caller_for(service, tenant)
        days = (first.date() if first else None, last.date() if last else None)
        frozen = drift.freeze(service, caller, *days)
    told = [drift.told(each) for each in frozen]
    if as_json:
        for row in told:
            say(row)
    else:
        table(
            ["Kind", "Tracks", "Frozen"],
            [
                [row["kind"], str(row["tracks"]), "yes" if row["frozen"] else "too few tracks"]
                for row in told
            ],
        )
    raise typer.Exit(0 if any(row["frozen"] for row in told) else NO)


@app.command()
@answering
def show(
    days: Annotated[
        int, typer.Option("--days", min=1, max=400, help="Newest days of each kind.")
    ] = 14,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show how far each day is from the baseline; the status is 1 if the newest of a kind drifted."""
    from scanner import drift

    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        told = drift.described(session, caller.tenant_id, limit=days)
    if as_json:
        for each in told:
            say(each)
    elif not told:
        print("no baseline is frozen: see `clearance drift freeze`")
    else:
        table(
            ["Kind", "Day", "Tracks", "PSI", "State"], [row for each in told for row in _rows(each)]
        )
    drifted = any(each["days"] and each["days"][-1]["state"] == drift.DRIFTED for each in told)
    raise typer.Exit(NO if drifted else 0)


def _rows(each: dict[str, Any]) -> list[list[str]]:
    period = f"{each['first_day']} to {each['last_day']}"
    baseline = [each["kind"], period, str(each["tracks"]), "", "baseline"]
    words = {"few": "too few tracks"}
    return [
        baseline,
        *(
            [
                each["kind"],
                row["day"],
                str(row["tracks"]),
                "" if row["psi"] is None else f"{row['psi']:.3f}",
                words.get(row["state"], row["state"]),
            ]
            for row in each["days"]
        ),
    ]
