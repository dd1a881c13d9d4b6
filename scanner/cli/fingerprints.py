"""``fingerprint``: what a client sends instead of audio. Needs no database."""

from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.session import USAGE, Json, answering, complain, say, shown


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="fingerprint")(fingerprint_)


@answering
def fingerprint_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An audio file.")],
    as_json: Json = False,
) -> None:
    """Print the fingerprint of a file, as POST /v1/tracks takes it."""
    import json

    import fingerprint
    from scanner.audio import AudioError, Decoder
    from scanner.settings import Settings

    try:
        with Decoder(Settings().decode_limits()) as decoder:
            decoded = decoder.decode(path)
            print_ = fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
            print_ = fingerprint.completed(print_, decoded.samples, decoded.sample_rate)
    except (AudioError, fingerprint.FingerprintError) as error:
        complain(f"{shown(path)}: {error}")
        raise typer.Exit(USAGE) from error
    if as_json:
        say({"path": shown(path), "fingerprint": print_.to_json()})
    else:
        print(json.dumps({"fingerprint": print_.to_json()}))
