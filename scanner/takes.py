"""Makes what a generation asks for: a take, submitted as a track that goes the way of every upload.

The take is made in a process of its own, which can be ended. Its sound enters by the same door as an upload's,
declared as generated: it is marked, read back, scanned and judged before anything of it can leave.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlmodel import Session

import policy
from scanner import (
    engine_access,
    generation_engines,
    generation_limits,
    generations,
    generators,
    take_credits,
    take_nodes,
    takes_child,
    tracks,
)
from scanner.bus.dispatch import AlreadyHandledError, mark_handled
from scanner.callers import Caller
from scanner.declarations import Declaration
from scanner.declared import declared
from scanner.errors import PoisonError, TransientError
from scanner.journal import Actor, Event
from scanner.people_events import GenerationFailed, GenerationMade
from scanner.people_states import GenerationMove, GenerationState
from scanner.store import Blob
from scanner.tables import Account, Generation, Take, Track

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = "generate"
GENERATOR: Final = Actor("generator", "system")

log = structlog.get_logger()


class NotWantedError(Exception):
    """What asked for the take was taken back while it was made."""


def make(service: "Service", event: Event) -> None:
    """Make a queued generation's take and submit it; one that is wanted no more is left alone."""
    with service.database.reading() as session:
        row = session.get(Generation, event.subject)
    if row is None or row.state != GenerationState.QUEUED:
        _settled(service, event)
        return
    if (stopped := generation_engines.stopped(service, generators.engine_of(row))) is not None:
        _refuse(service, event, [_stopped(stopped)])
        return
    folder = service.settings.temporary_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="take-", dir=folder) as place:
        parent = _bring_parent(service, row, Path(place))
        take = _made(service, row, Path(place), _bring_reference(service, row, Path(place)))
        if take["repeats"]:
            _refuse(service, event, _repeating(take), take)
            return
        kept = _kept(service, row, Path(place), take)
    with service.database.reading() as session:
        declaration = _declared(session, row, take, parent)
    caller = Caller(row.tenant_id, GENERATOR, frozenset())

    def also(session: Session, track: Track) -> None:
        mark_handled(service, session, GROUP, event.id)
        generation_engines.require(session, take["engine"], take["engine_version"])
        made = _note_made(service, session, row.id, track, take, event)
        node = take_nodes.add(session, made, track, kept, parent, service.now())
        take_credits.settle(session, node)

    try:
        tracks.submit(
            service, caller, kept.source, declaration, entrance="generator", key=row.id, also=also
        )
    except NotWantedError:
        _settled(service, event)
    except generation_engines.EngineDisabledError as error:  # meanwhile
        _refuse(service, event, [_stopped(str(error))])


def give_up(service: "Service", event: Event, why: str) -> None:
    """End a generation that could not be made; whoever asked is told by its state."""
    with service.database.transaction() as session:
        row = session.get(Generation, event.subject, with_for_update=True)
        if row is None or row.state != GenerationState.QUEUED:
            return
        log.error("generation_failed", generation=row.id, why=why)
        data = GenerationFailed(problem="generation-failed")
        generations.note_move(session, row, GenerationMove.FAIL, data, service.now(), event)


def _made(
    service: "Service", row: Generation, place: Path, reference: str | None
) -> dict[str, Any]:
    seconds = service.settings.generation_cpu_seconds
    try:
        told = generators.asked_of(service, row, reference)
        arguments = [str(place), str(seconds)]
        done = engine_access.run("scanner.takes_child", arguments, told, 2 * seconds)
    except subprocess.TimeoutExpired:
        raise PoisonError(f"it takes more than {2 * seconds} s") from None
    except OSError as error:
        raise TransientError("no process to make a take can be started") from error
    if done.returncode != 0:
        log.error("take_broke", returncode=done.returncode, said=done.stderr[-2000:])
        raise PoisonError(f"making it ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "missing" in answer:
        raise TransientError(answer["missing"])
    if "refused" in answer:  # it was looked at when it was asked for: another version of the engine
        raise PoisonError(answer["refused"])
    take: dict[str, Any] = answer["take"]
    return take


def _kept(
    service: "Service", row: Generation, place: Path, take: dict[str, Any]
) -> take_nodes.Kept:
    """Bring into the store what was made; stems that nobody asked for are kept to be varied from."""

    def put(name: str) -> Blob:
        return service.store.put_file(row.tenant_id, place / name)

    mix, document = put("mix.flac"), put("take.json")
    stems, handed = [], []
    for number, each in enumerate(take["stems"]):
        sound = put(f"{number}.flac")
        midi = put(f"{number}.mid").sha256 if (place / f"{number}.mid").exists() else None
        stems.append(take_nodes.KeptStem(**each, sound_sha256=sound.sha256, midi_sha256=midi))
        if row.parameters.get("stems"):
            handed.append(
                tracks.StemSource(name=each["name"], sha256=sound.sha256, size_bytes=sound.size)
            )
    source = tracks.Source(
        sha256=mix.sha256,
        size_bytes=mix.size,
        file_name=f"take-{take['id'][:12]}.flac",
        stems=tuple(handed),
    )
    return take_nodes.Kept(source, document.sha256, tuple(stems))


def _bring_parent(service: "Service", row: Generation, place: Path) -> Take | None:
    """Lay the take that is to be varied where the child finds it.

    Raises
    ------
    PoisonError
        If it was erased since.
    """
    if "parent" not in row.parameters:
        return None
    with service.database.reading() as session:
        parent = session.get(Take, row.parameters["parent"])
        if parent is None or parent.tenant_id != row.tenant_id:
            raise PoisonError("the take that was to be varied is erased")
        stems = take_nodes.stems_of(session, parent.id)
    files = {takes_child.PARENT: parent.document_sha256}
    files |= {f"parent-{stem.place}.flac": stem.sound_sha256 for stem in stems}
    for name, sha256 in files.items():
        with service.store.path_or_copy(row.tenant_id, sha256) as kept:
            shutil.copyfile(kept, place / name)
    return parent


def _bring_reference(service: "Service", row: Generation, place: Path) -> str | None:
    """Lay the audio that a take is to follow where the child finds it; return its SHA-256.

    Raises
    ------
    PoisonError
        If the track is no longer the account's own and cleared.
    """
    track_id = row.parameters.get("audio_reference")
    if track_id is None:
        return None
    with service.database.reading() as session:
        account = session.get(Account, row.account_id) if row.account_id else None
        try:
            if account is None:
                raise LookupError(track_id)
            sha256 = generation_limits.cleared_reference(session, row.tenant_id, account, track_id)
        except LookupError:
            raise PoisonError("the audio that was to be followed is not cleared any more") from None
    with service.store.path_or_copy(row.tenant_id, sha256) as kept:
        shutil.copyfile(kept, place / takes_child.REFERENCE)
    return sha256


def _declared(
    session: Session, row: Generation, take: dict[str, Any], parent: Take | None
) -> Declaration:
    account = session.get(Account, row.account_id) if row.account_id else None
    credits_ = take_credits.names_of(session, take_nodes.credits_after(parent, row.account_id))
    lineage = {"parents": [parent.digest], "credits": credits_} if parent else {}
    return Declaration.parse(
        {
            "account": account.external_id if account else None,
            "lyrics": row.parameters.get("lyrics") or _inherited(session, parent),
            "ai_disclosure": {"instruments": "generated", "composition": "generated"},
            "generated": {
                "model": take["engine"],
                "model_version": take["engine_version"],
                "method": "trained",
                "take_id": take["id"],
                "prompt_sha256": hashlib.sha256(row.prompt.encode()).hexdigest(),
                "seed": take["seed"],
                **lineage,
            },
        }
    )


def _inherited(session: Session, parent: Take | None) -> str | None:
    """Return the lyrics of the take that is varied."""
    lyrics = None if parent is None else declared(session, parent.track_id).get("lyrics")
    return None if lyrics is None else str(lyrics)


def _note_made(
    service: "Service",
    session: Session,
    generation_id: str,
    track: Track,
    take: dict[str, Any],
    event: Event,
) -> Generation:
    row = session.get_one(Generation, generation_id, with_for_update=True, populate_existing=True)
    if row.state != GenerationState.QUEUED:
        raise NotWantedError
    row.track_id, row.take = track.id, take
    data = GenerationMade(
        track_id=track.id,
        take_id=take["id"],
        engine=take["engine"],
        engine_version=take["engine_version"],
    )
    generations.note_move(session, row, GenerationMove.MAKE, data, service.now(), event)
    return row


def _refuse(
    service: "Service",
    event: Event,
    reasons: list[policy.GateReason],
    take: dict[str, Any] | None = None,
) -> None:
    """End a generation whose take must not become a track, and say why."""
    try:
        with service.database.transaction() as session:
            mark_handled(service, session, GROUP, event.id)
            row = session.get_one(Generation, event.subject, with_for_update=True)
            if row.state == GenerationState.QUEUED:
                row.take = take
                generations.refuse(session, row, reasons, service.now(), event)
    except AlreadyHandledError:
        return


def _stopped(why: str) -> policy.GateReason:
    return policy.GateReason.of("generator.engine-disabled", "refused", "engine-stopped", why=why)


def _repeating(take: dict[str, Any]) -> list[policy.GateReason]:
    """Say which pieces that its engine was trained on a take repeats, in which stem and bars."""
    return [
        policy.GateReason.of(
            generations.TRAINING_PIECE,
            "refused",
            "repeats-stem" if each["stem"] else "repeats-whole",
            stem=each["stem"],
            first=each["bars"][0],
            last=each["bars"][1],
            notes=each["notes"],
            piece=each["piece"],
            piece_first=each["piece_bars"][0],
            piece_last=each["piece_bars"][1],
        )
        for each in take["repeats"]
    ]


def _settled(service: "Service", event: Event) -> None:
    try:
        with service.database.transaction() as session:
            mark_handled(service, session, GROUP, event.id)
    except AlreadyHandledError:
        return
