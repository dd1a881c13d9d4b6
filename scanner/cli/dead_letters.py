"""Dead letters: listed, replayed, put away."""

from typing import Annotated

import typer

from scanner.cli.session import NO, USAGE, Json, answering, complain, opened, say, table

dead = typer.Typer(help="Events that a group gave up on.", no_args_is_help=True)


@dead.command(name="list")
@answering
def list_dead(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")
    ] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters of every tenant, oldest first."""
    from scanner.bus import dead_letters

    with opened() as service, service.database.reading() as session:
        found = dead_letters.listed(session, None, limit=limit)
    rows = [letter.model_dump(mode="json") for letter in found]
    if as_json:
        for row in rows:
            say(row)
        return
    table(
        ["Id", "Stage", "Subject", "Error", "Detail", "Tries"],
        [
            [
                row["id"],
                row["group"],
                row["subject"] or "",
                row["error"],
                row["detail"],
                str(row["attempts"]),
            ]
            for row in rows
        ],
    )


@dead.command()
@answering
def replay(
    letter_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All but strangers' messages.")] = False,
    as_json: Json = False,
) -> None:
    """Bring dead letters back under their old ids."""
    from scanner.bus import dead_letters
    from scanner.errors import NotFoundError, ScannerError

    with opened() as service:
        ids = list(letter_ids or ())
        if everything:
            with service.database.reading() as session:
                found = dead_letters.listed(session, None, limit=10_000, unproven=False)
            ids = [letter.id for letter in found]
        elif not ids:
            complain("name dead letters, or give --all")
            raise typer.Exit(USAGE)
        status = 0
        for letter_id in ids:
            try:
                letter = dead_letters.replay(service, letter_id, None)
            except ScannerError as error:
                complain(f"{letter_id}: {error}")
                status = max(status, USAGE if isinstance(error, NotFoundError) else NO)
                continue
            if as_json:
                say({"id": letter.id, "state": letter.state})
            else:
                print(f"replayed {letter.id}")
    raise typer.Exit(status)


@dead.command()
@answering
def drop(
    letter_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    reason: Annotated[
        str, typer.Option("--reason", help="Why nobody needs them; the audit trail keeps it.")
    ],
    as_json: Json = False,
) -> None:
    """Put dead letters away for good; the audit trail keeps which they were and why."""
    from scanner.bus import dead_letter_ends
    from scanner.errors import NotFoundError, ScannerError
    from scanner.journal import Actor

    if not reason.strip():
        complain("--reason: say why nobody needs them")
        raise typer.Exit(USAGE)
    status = 0
    with opened() as service:
        for letter_id in letter_ids:
            try:
                dead_letter_ends.drop(service, letter_id, None, reason, Actor("cli", "admin"))
            except ScannerError as error:
                complain(f"{letter_id}: {error}")
                status = max(status, USAGE if isinstance(error, NotFoundError) else NO)
                continue
            if as_json:
                say({"id": letter_id, "state": "dropped"})
            else:
                print(f"dropped {letter_id}")
    raise typer.Exit(status)
