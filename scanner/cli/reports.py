"""``report``: the record of processing and the impact assessment, from the registry and settings."""

import sys
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    say,
    table,
)

app = typer.Typer(help="Reports that the law asks for.", no_args_is_help=True)


@app.command()
@answering
def processing(as_json: Json = False) -> None:
    """Print the record of processing (GDPR-30), as Markdown or JSON."""
    from scanner.privacy import reports

    _print(reports.processing(*_service_parts()), as_json)


@app.command()
@answering
def impact(as_json: Json = False) -> None:
    """Print what an impact assessment needs of this installation (GDPR-35), as Markdown or JSON."""
    from scanner.privacy import reports

    settings, now = _service_parts()
    import policy

    _print(reports.impact(settings, policy.default_pack(), now), as_json)


class Form(StrEnum):
    """Of a transparency report."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"
    TEMPLATE = "template"


@app.command()
@answering
def transparency(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the period.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of the period.")
    ],
    form: Annotated[
        Form,
        typer.Option("--format", help="Of what is printed; template: a ZIP of the EU's parts."),
    ] = Form.JSON,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Print what was done in a period, counted from the journal (DSA-24/15, DMCA)."""
    from scanner.transparency import as_csv, as_zip, of_period

    with opened() as service:
        caller = caller_for(service, tenant)
        report = of_period(service, caller.tenant_id, first.date(), last.date())
        today = service.now().date()
    if as_json:
        form = Form.JSON
    if form is Form.CSV:
        print(as_csv(report), end="")
    elif form is Form.TEMPLATE:
        sys.stdout.buffer.write(as_zip(report, today))
    elif form is Form.HTML:
        from scanner.transparency.page import as_page

        print(as_page(report), end="")
    else:
        say(report)


@app.command()
@answering
def kpis(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the period.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of the period.")
    ],
    against_first: Annotated[
        datetime | None,
        typer.Option(
            "--against-from", formats=["%Y-%m-%d"], help="First of the days to compare with."
        ),
    ] = None,
    against_last: Annotated[
        datetime | None,
        typer.Option(
            "--against-to", formats=["%Y-%m-%d"], help="Last of the days to compare with."
        ),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Print what a pilot is judged by: speed, errors, who stays; groups that are too small are not told."""
    from scanner import kpis

    against = kpis.compared_days(_day(against_first), _day(against_last))
    with opened() as service, service.database.reading() as session:
        caller = caller_for(service, tenant)
        period = kpis.Period(first.date(), last.date())
        told = kpis.report(service, session, caller.tenant_id, period, against)
    if as_json:
        say(told)
        return
    few = f"fewer than {told['minimum']}"
    heads = ["Figure", "Value", "95th percentile", "Of", "Undecided"]
    rows = [
        [
            each["name"],
            _figure(each["unit"], each["value"]) or _untold(each, few),
            _figure(each["unit"], each["p95"]),
            str(each["n"]),
            _undecided(each),
        ]
        for each in told["kpis"]
    ]
    if against is not None:
        heads += ["Before", "Of", "Difference", "95 % interval"]
        rows = [row + _beside(each, few) for row, each in zip(rows, told["kpis"], strict=True)]
    table(heads, rows)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _beside(each: dict[str, Any], few: str) -> list[str]:
    """Return a figure of the days to compare with, and the difference."""
    unit, before = each["unit"], each["before"]
    shown = [_figure(unit, before["value"]) or few, str(before["n"])]
    if each["difference"] is None:
        return [*shown, "", ""]
    ends = " to ".join(_figure(unit, end, sign="+") for end in each["interval"] or ())
    return [*shown, _figure(unit, each["difference"], sign="+"), ends]


def _untold(each: dict[str, Any], few: str) -> str:
    """Return why a figure has no value: its group is too small, or half of it never had what it waits for."""
    return few if each["undecided"] is None else "not seen yet"


def _undecided(each: dict[str, Any]) -> str:
    """Return how many wait still, and half of them for how long."""
    if each["undecided_age"] is None:
        return str(each["undecided"] or "")
    return f"{each['undecided']}, half for {_figure('seconds', each['undecided_age'])} or more"


def _figure(unit: str, value: float | None, *, sign: str = "") -> str:
    if value is None:
        return ""
    return f"{value:{sign}.1%}" if unit == "share" else f"{value:{sign},.1f} s"


def _service_parts() -> Any:
    from scanner.clock import utc_now
    from scanner.settings import Settings

    return Settings(), utc_now()


def _print(report: dict[str, Any], as_json: bool) -> None:
    from scanner.privacy.reports import markdown

    if as_json:
        say(report)
    else:
        print(markdown(report))
