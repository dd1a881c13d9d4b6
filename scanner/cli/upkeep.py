"""What ``reference`` does to references that are there: snooze, settle, exclude parts, judge."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    USAGE,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    opened,
    shown,
    tell,
)

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service
    from scanner.tables import Reference

ReferenceId = Annotated[str, typer.Argument(metavar="ID", help="The reference's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept on record.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``reference``."""
    for command in (
        snooze,
        wake,
        settle,
        exclude,
        include,
        confirm,
        deconfirm,
        move,
        change,
        lyrics,
    ):
        app.command()(command)


@answering
def snooze(
    reference_id: ReferenceId,
    until: Annotated[
        datetime,
        typer.Option(
            "--until",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="Date or time, UTC.",
        ),
    ],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Do not find a reference until a time."""
    from scanner import upkeep

    _do(
        tenant,
        as_json,
        lambda service, caller: upkeep.snooze(
            service, caller, reference_id, until.replace(tzinfo=UTC)
        ),
    )


@answering
def wake(
    reference_id: ReferenceId, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False
) -> None:
    """Find a snoozed reference again, before its time."""
    from scanner import upkeep

    _do(tenant, as_json, lambda service, caller: upkeep.wake(service, caller, reference_id))


@answering
def settle(
    reference_id: ReferenceId,
    verdict: Annotated[str, typer.Option("--verdict", help="active or retired.")],
    reason: Reason,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Decide on a reference that is quarantined: found again, or never again."""
    from scanner import upkeep

    _do(
        tenant,
        as_json,
        lambda service, caller: upkeep.settle(service, caller, reference_id, verdict, reason),
    )


@answering
def exclude(
    reference_id: ReferenceId,
    start: Annotated[float, typer.Option("--start", help="Seconds from the beginning.")],
    end: Annotated[float, typer.Option("--end", help="Seconds from the beginning.")],
    origin: Annotated[
        str,
        typer.Option(
            "--origin", help="Who says so: declared (its holder), dispute, appeal or shared."
        ),
    ] = "declared",
    note: Annotated[str, typer.Option("--note", help="Kept beside it.")] = "",
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Exclude a part that the holder does not own: matches within it are exempt."""
    from scanner import references, upkeep

    with opened() as service:
        part = upkeep.exclude(
            service,
            caller_for(service, tenant),
            reference_id,
            start,
            end,
            origin=origin,
            note=note,
        )
        view = references.describe_exclusion(part)
    words = f"{view['id']}  {view['start_s']:.1f} s to {view['end_s']:.1f} s"
    tell(view | {"reference_id": reference_id}, as_json, words)


@answering
def include(
    reference_id: ReferenceId,
    exclusion_id: Annotated[str, typer.Argument(metavar="EXCLUSION", help="The exclusion's id.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Take an exclusion back."""
    from scanner import upkeep

    _do(
        tenant,
        as_json,
        lambda service, caller: upkeep.include(service, caller, reference_id, exclusion_id),
    )


@answering
def confirm(
    reference_id: ReferenceId,
    reason: Reason = "",
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Confirm a reference that a peer shared."""
    _judge(reference_id, "confirmed", reason, tenant, as_json)


@answering
def deconfirm(
    reference_id: ReferenceId,
    reason: Reason = "",
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Find a reference wrong that a peer shared: it is not found any more."""
    _judge(reference_id, "deconfirmed", reason, tenant, as_json)


@answering
def move(
    reference_id: ReferenceId,
    bank: Annotated[str, typer.Option("--bank", help="Name of the bank.")],
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Put a reference into another bank."""
    from scanner import references

    _do(
        tenant,
        as_json,
        lambda service, caller: references.change(service, caller, reference_id, {"bank": bank}),
    )


@answering
def change(
    reference_id: ReferenceId,
    policy: Annotated[
        str | None, typer.Option("--policy", help="block, monetise or track.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="1 to 300 characters.")] = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Change what a reference is called, or what is to become of tracks that hold it."""
    from scanner import references

    wanted = {"policy": policy, "title": title}
    changes = {name: value for name, value in wanted.items() if value is not None}
    if not changes or not 1 <= len(title or "-") <= 300:
        complain("give --policy, or a --title of 1 to 300 characters")
        raise typer.Exit(USAGE)
    _do(
        tenant,
        as_json,
        lambda service, caller: references.change(service, caller, reference_id, changes),
    )


@answering
def lyrics(
    reference_id: ReferenceId,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Text in UTF-8, LRC too.", exists=True, dir_okay=False
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Know none any more.")] = False,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Say what is sung in a reference, which prompts may then not quote, or show what is known."""
    from scanner import reference_lyrics, references

    if file is not None and remove:
        complain("give a file, or --remove")
        raise typer.Exit(USAGE)
    with opened() as service:
        caller = caller_for(service, tenant)
        if file is not None or remove:
            text = lyrics_in(file) if file is not None else ""
            references.change(service, caller, reference_id, {"lyrics": text})
        with service.database.reading() as session:
            known = references.find(session, caller.tenant_id, reference_id)
            text = reference_lyrics.text_of(session, known.id)
    tell({"reference_id": reference_id, "lyrics": text}, as_json, text or "none are known")


def lyrics_in(file: Path) -> str:
    """Return the lyrics in a text file; ends the command if they can't be lyrics."""
    from scanner import reference_lyrics

    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        complain(f"{shown(file)}: it is not text in UTF-8")
        raise typer.Exit(USAGE) from None
    if wrong := reference_lyrics.errors_of(text):
        complain(f"{shown(file)}: {wrong[0]}")
        raise typer.Exit(USAGE)
    return text


def _judge(reference_id: str, opinion: str, reason: str, tenant: str, as_json: bool) -> None:
    from scanner import upkeep

    _do(
        tenant,
        as_json,
        lambda service, caller: upkeep.judge(service, caller, reference_id, opinion, reason),
    )


def _do(tenant: str, as_json: bool, work: "Callable[[Service, Caller], Reference]") -> None:
    """Do it and say how the reference is now."""
    from scanner import references

    with opened() as service:
        reference = work(service, caller_for(service, tenant))
        with service.database.reading() as session:
            view: dict[str, Any] = references.describe(session, [reference])[0]
    tell(view, as_json, f"{view['id']}  {view['status']}  bank {view['bank']['name']}")
