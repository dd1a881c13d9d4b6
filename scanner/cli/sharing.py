"""What ``reference`` shares with peers: signed bundles, and opinions on them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli.batches import with_progress
from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    USAGE,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    opened,
    say,
    shown,
    tell,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

OutFile = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="File to write.")]
InFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, readable=True, help="File from the peer."
    ),
]
Trusted = Annotated[
    str,
    typer.Option(
        "--trust", metavar="KEY", help="The peer's public key, as its `clearance bank key` prints."
    ),
]
BankOption = Annotated[str, typer.Option("--bank", help="Name of the bank.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``reference``."""
    app.command(name="export")(export)
    app.command(name="import")(import_)
    app.command(name="export-opinions")(export_opinions)
    app.command(name="import-opinions")(import_opinions)


@answering
def export(
    path: OutFile,
    bank: BankOption,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Write a bank's references into a signed bundle for peers."""
    from scanner import sharing

    _write(sharing.export_references, "references", path, bank, tenant, as_json)


@answering
def import_(
    path: InFile,
    trust: Trusted,
    bank: Annotated[
        str | None, typer.Option("--bank", help="Name of the bank, if not the peer's own name.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", help="rights, negative or public_domain: what it must hold.")
    ] = "rights",
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Verify a peer's bundle and take its references in, each printed once it is durable."""
    from scanner import sharing

    status = 0
    with opened() as service:
        caller = caller_for(service, tenant)
        count, results = sharing.import_references(
            service, caller, path, trust, bank_name=bank, kind=kind
        )
        for result in with_progress(results, count, "Importing", as_json=as_json):
            if "error" in result:
                status = USAGE
            elif result["status"] != "active":
                status = max(status, NO)
            _show(result, as_json)
    raise typer.Exit(status)


@answering
def export_opinions(
    path: OutFile,
    bank: BankOption,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Write what was confirmed and deconfirmed here into a signed file for the peer."""
    from scanner import sharing

    _write(sharing.export_opinions, "opinions", path, bank, tenant, as_json)


@answering
def import_opinions(
    path: InFile, trust: Trusted, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Count what a peer thinks of references that came from here."""
    from scanner import sharing

    with opened() as service:
        counts = sharing.import_opinions(service, caller_for(service, tenant), path, trust)
    tell(counts, as_json, ", ".join(f"{count} {what}" for what, count in counts.items()))


def _write(
    export_: "Callable[[Service, Caller, str, Path], dict[str, Any]]",
    what: str,
    path: Path,
    bank: str,
    tenant: str,
    as_json: bool,
) -> None:
    """Write a signed file and say how much of what is in it."""
    with opened() as service:
        made = export_(service, caller_for(service, tenant), bank, path)
    words = f"{made[what]} {what} in {shown(path)}, signed with {made['key']}"
    tell({"path": shown(path)} | made, as_json, words)


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say(result)
    elif "error" in result:
        complain(f"{result['origin_id']}: {result['error']['detail']}")
    else:
        without = f"  (without {', '.join(result['without'])})" if result.get("without") else ""
        print(f"{result['reference_id']}  {result['status']}  {result['origin_id']}{without}")
