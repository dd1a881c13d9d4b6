"""``audit``: checkpoints of the audit trail, and proofs that need no database."""

from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.session import NO, USAGE, Json, answering, complain, opened, say


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (check, checkpoint, key):
        app.command()(command)


@answering
def check(
    file: Annotated[Path, typer.Argument(metavar="PROOF", help="The JSON file of a proof.")],
    key: Annotated[
        str | None, typer.Option("--key", help="The public key that you trust, 64 hex digits.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a proof, without a database: is each record one that was signed?"""
    from scanner.audit_proofs import BadProofError
    from scanner.audit_proofs import check as checked
    from scanner.strict_json import strict_json

    try:
        proof = strict_json(file.read_bytes())
    except ValueError as error:
        complain(f"{file.name} is no JSON")
        raise typer.Exit(USAGE) from error
    try:
        records = checked(proof, key)
    except BadProofError as error:
        if as_json:
            say({"proved": False, "detail": str(error)})
        complain(str(error))
        raise typer.Exit(NO) from error
    statement = proof["checkpoint"]["statement"]
    if as_json:
        say({"proved": True, "records": records, "at": statement["at"], "key": statement["key"]})
        return
    for each in records:
        print(f"{each['time']}  {each['type']}  by {each['actor']} ({each['role']})")
    trust = "" if key else "; compare the key with the one that the service publishes"
    print(f"{len(records)} records, signed {statement['at']} by {statement['key']}{trust}")


@answering
def checkpoint(as_json: Json = False) -> None:
    """Sign a checkpoint of every chain now; a worker does it each hour."""
    from scanner.checkpoints import write

    with opened() as service:
        made = write(service) or []
    if as_json:
        for each in made:
            say(each.to_json())
    else:
        print(f"{len(made)} chains signed" if made else "nothing was sealed since the last one")


@answering
def key(as_json: Json = False) -> None:
    """Print the public key that checkpoints are signed with; publish it."""
    from scanner.checkpoints import public_key

    with opened() as service:
        found = public_key(service)
    if as_json:
        say({"key": found})
    else:
        print(found)
