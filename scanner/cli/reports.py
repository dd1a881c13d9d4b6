"""``report``: the record of processing and the impact assessment, from the registry and settings."""

from typing import Any

import typer

from scanner.cli.session import Json, answering, say

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
