"""``watermark certificate``: a chain to try manifests with."""

from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.session import Json, answering, shown, tell


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(certificate)


@answering
def certificate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write it into.")],
    organisation: Annotated[
        str,
        typer.Option("--organisation", help="Shown as the signer, beside 'for development only'."),
    ] = "Clearance",
    as_json: Json = False,
) -> None:
    """Make a certificate chain that signs provenance manifests, for development only.

    Nobody outside trusts it. In production use a certificate that a C2PA certification authority
    issued, by CLEARANCE_CERTIFICATE_CHAIN, CLEARANCE_CERTIFICATE_KEY and CLEARANCE_TRUST_ANCHORS.
    """
    from scanner.certificates import ANCHORS, CHAIN, KEY, make_development_chain
    from scanner.clock import utc_now

    make_development_chain(folder, utc_now(), organisation)
    made = {
        "chain": shown(folder / CHAIN),
        "key": shown(folder / KEY),
        "anchors": shown(folder / ANCHORS),
        "for": "development",
    }
    tell(
        made,
        as_json,
        f"Made for development only; nobody outside trusts it.\n\n"
        f"  CLEARANCE_CERTIFICATE_CHAIN={made['chain']}\n"
        f"  CLEARANCE_CERTIFICATE_KEY={made['key']}\n"
        f"  CLEARANCE_TRUST_ANCHORS={made['anchors']}",
    )
