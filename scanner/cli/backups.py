"""``backup`` and ``restore``: the whole installation into a folder, and back."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from scanner.cli.session import NO, Json, answering, complain, opened, shown, tell

PASSPHRASE: Final = "CLEARANCE_BACKUP_PASSPHRASE"  # noqa: S105 - a variable's name


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


@answering
def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of its own.")],
    with_secrets: Annotated[
        bool,
        typer.Option(
            "--with-secrets",
            help="Put the secret keys in, sealed with a passphrase: asked for, or in "
            "CLEARANCE_BACKUP_PASSPHRASE.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a backup while the service runs. Status 1: some audio is not whole in the store."""
    from scanner import backup as backups

    with opened() as service:
        taken = backups.take(service, folder, _passphrase(confirm=True) if with_secrets else None)
    found = taken.manifest
    view = {
        "folder": shown(folder),
        "database": found.database,
        "revision": found.revision,
        "files": len(found.files),
        "audio": len(found.audio),
        "bytes": taken.bytes,
        "keys": [each.name for each in found.keys],
        "keys_sealed": found.sealed is not None,
        "lost": [each.model_dump() for each in found.lost],
    }
    keys = "sealed in it" if found.sealed else "NOT in it, keep copies elsewhere"
    words = (
        f"{shown(folder)}: {found.database} {found.revision}, {len(found.audio)} blobs, "
        f"{len(found.files)} other files, {taken.bytes} bytes\n"
        f"{len(found.keys)} secret keys are {keys}; persons' keys are in no backup"
    )
    tell(view, as_json, words)
    for each in found.lost:
        complain(f"blob {each.sha256} of tenant {each.tenant} is not in it: {each.why}")
    if found.lost:
        raise typer.Exit(NO)


@answering
def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `backup` wrote.")],
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Put the sealed secret keys back too.")
    ] = False,
    no_erasures: Annotated[
        bool,
        typer.Option(
            "--no-erasures", help="Nobody was erased since, so no list of erasures is needed."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup into an empty installation; whoever was erased since stays erased."""
    from scanner import backup as backups
    from scanner.logs import configure
    from scanner.service import Service
    from scanner.settings import Settings

    settings = Settings()
    if "CLEARANCE_LOG_LEVEL" not in os.environ:
        settings = settings.model_copy(update={"log_level": "error"})
    configure(settings)
    with Service(settings) as service:
        done = backups.restore(
            service,
            folder,
            _passphrase if with_secrets else None,
            without_erasures=no_erasures,
        )
    view = {
        "folder": shown(folder),
        "taken_at": done.manifest.taken_at.isoformat(),
        "audio": done.audio,
        "erased_again": done.erased,
        "audio_left_out": done.left_out,
        "keys_wanted": list(done.wanted),
        "lost": [each.model_dump() for each in done.manifest.lost],
    }
    words = (
        f"restored what was kept at {view['taken_at']}: {done.audio} blobs; erased again: {done.erased}, "
        f"with {done.left_out} blobs left out"
    )
    if done.wanted:
        words += f"\nput these keys back before anything starts: {', '.join(done.wanted)}"
    tell(view, as_json, words)


def _passphrase(confirm: bool = False) -> str:
    given: str = os.environ.get(PASSPHRASE) or typer.prompt(
        "Passphrase of the secret keys", hide_input=True, confirmation_prompt=confirm, err=True
    )
    return given
