"""``init``, ``serve`` and ``worker``."""

import os
from typing import Annotated

import typer

from scanner.cli.session import USAGE, Json, answering, complain, opened, say


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(serve)
    app.command()(worker)


@answering
def init(
    email: Annotated[
        str, typer.Option("--email", help="The admin's e-mail address.")
    ] = "admin@localhost",
    as_json: Json = False,
) -> None:
    """Make the database, the keys, the admin's login and the first API key, shown once."""
    from scanner.installation import initialise
    from scanner.logs import configure
    from scanner.service import Service
    from scanner.settings import Settings

    settings = Settings()
    configure(settings.model_copy(update={"log_level": "error"}))
    with Service(settings) as service:
        made = initialise(service, email)
    if as_json:
        say(
            {
                "api_key": made.api_key,
                "admin": {"email": made.email, "password": made.password},
            }
        )
        return
    print(
        f"Set up in {settings.home}. Shown this once, keep it safe:\n\n"
        f"  API key   {made.api_key}\n"
        f"  login     {made.email}\n"
        f"  password  {made.password}\n\n"
        "Next: clearance reference add FILE…, clearance scan FILE…, clearance serve"
    )


@answering
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="0: any free port.")
    ] = None,
    servers: Annotated[
        int | None,
        typer.Option("--servers", min=1, max=256, help="Processes that answer requests."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=0, max=256, help="Worker processes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run API and workers until SIGTERM or Ctrl-C; what was begun is finished."""
    from scanner.shared_metrics import shared

    changes = {"host": host, "port": port, "servers": servers, "workers": workers}
    given = {name: value for name, value in changes.items() if value is not None}
    with shared():
        from scanner.installation import require_keys
        from scanner.serve import serve as run
        from scanner.settings import Settings

        with opened() as service:
            require_keys(service)  # says at once what is missing
        run(Settings().model_copy(update=given), _announce_json if as_json else _announce)


@answering
def worker(
    stage: Annotated[
        list[str] | None,
        typer.Option("--stage", help="analyse, decide, release or notify; again for more."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one more worker process until SIGTERM or Ctrl-C; what was begun is finished."""
    from scanner.bus.worker import main
    from scanner.consumer_groups import GROUPS
    from scanner.installation import require_keys

    known = [group.name for group in GROUPS]
    if unknown := sorted(set(stage or ()) - set(known)):
        complain(f"no stage {', '.join(unknown)}; there are: {', '.join(known)}")
        raise typer.Exit(USAGE)
    with opened() as service:
        require_keys(service)
    if as_json:
        say({"pid": os.getpid(), "stages": stage or known})
    raise typer.Exit(main(stage or None, watch_parent=False))


def _announce(host: str, port: int) -> None:
    print(f"Clearance listens on http://{host}:{port}", flush=True)


def _announce_json(host: str, port: int) -> None:
    say({"address": f"http://{host}:{port}", "host": host, "port": port})
