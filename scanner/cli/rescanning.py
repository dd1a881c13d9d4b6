"""``rescan``: look again at stored tracks that earlier versions of detectors looked at."""

from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from scanner.tables import Rescan

app = typer.Typer(help="Stored tracks, looked at again with newer detectors.", no_args_is_help=True)


@app.command()
@answering
def start(
    detector: Annotated[
        list[str] | None,
        typer.Option(
            "--detector", help="Whose version must be another; again for more; none: any."
        ),
    ] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Look again at stored tracks whose analysis was made with other versions than today's."""
    from scanner import rescans

    with opened() as service:
        run = rescans.start(service, caller_for(service, tenant), detector or ())
    _tell(run, as_json)


@app.command()
@answering
def stop(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Stop; the next `start` goes on with what is left."""
    from scanner import rescans

    with opened() as service:
        run = rescans.stop(service, caller_for(service, tenant))
    _tell(run, as_json)


@app.command()
@answering
def show(tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Show how far the newest one has come."""
    from scanner import rescans
    from scanner.errors import NotFoundError

    with opened() as service, service.database.reading() as session:
        run = rescans.latest(session, caller_for(service, tenant).tenant_id)
    if run is None:
        raise NotFoundError("rescan", "of this tenant: begin one with `clearance rescan start`")
    _tell(run, as_json)


def _tell(run: "Rescan", as_json: bool) -> None:
    from scanner import rescans

    words = (
        f"{run.state}: {run.looked_at} of {run.total} tracks looked at, {run.stricter} put before a person, "
        f"{run.looser} would be judged milder, {run.without_audio} have no audio any more, {run.failed} failed"
    )
    tell(rescans.described(run), as_json, words)
