"""What the studio shows: what was understood, takes side by side, notes as a drawing, the tree."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import mido
from sqlmodel import Session, col, select

import policy
from scanner import generations, people, prompts, take_invitations, take_nodes, take_views
from scanner.errors import NotFoundError
from scanner.tables import Account, Generation, Take, Track
from scanner.take_variations import is_cleared

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

MOST_SIDE_BY_SIDE: Final = 4
RECENT: Final = 12
ROLL_WIDTH: Final = 1000
LANE_HEIGHT: Final = 84
UNDER_WAY: Final = frozenset({"received", "analysing", "decided", "indeterminate"})


@dataclass(frozen=True)
class Drawn:
    """A note in a drawing: place and size in its units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Lane:
    """One stem of a piano roll; bars are where lines stand."""

    name: str
    notes: tuple[Drawn, ...]
    low: int
    high: int


def reading(service: "Service", caller: "Caller", prompt: str) -> dict[str, Any]:
    """Say what of a prompt was understood, what was not, and what stands in its way."""
    from generator import understood

    read = understood(prompt)
    fields: dict[str, list[str]] = {}
    for each in read.spans:
        fields.setdefault(each.field, []).append(each.value.removesuffix(".0"))
    several = {"instruments", "without", "moods"}
    counts = {
        name: [str(read.fields[name]).removesuffix(".0")]
        for name in fields
        if name not in several and name in read.fields
    }
    with service.database.reading() as session:
        screened = prompts.screen(service, session, caller.tenant_id, prompt)
    return {
        "fields": fields | counts,
        "contradictions": {
            name: list(dict.fromkeys(values))
            for name, values in fields.items()
            if name not in several and len(set(values)) > 1
        },
        "unread": list(dict.fromkeys(read.unread)),
        "screened": prompts.describe(screened),
    }


def in_english(field: str, text: str) -> str:
    """Return a key or an instrument as the generator names it, where a prompt could say it so; else as it was typed."""
    from generator import understood

    read = understood(text).fields.get(field, text)
    found = [read] if isinstance(read, str) else list(read)
    alone = len(found) == 1 and not any(each.isdigit() for each in text)
    return str(found[0]) if alone else text


def gate(service: "Service", session: Session, caller: "Caller") -> policy.Gate:
    """Say whether the caller may have music made now, and how often today still."""
    person = people.person_of(service, session, caller.account_id)
    return policy.gate("generate", person, service.now())


def invitations(
    service: "Service", session: Session, caller: "Caller"
) -> list[tuple[dict[str, Any], policy.Gate]]:
    """Return what a creator is asked to work on, each with what keeps them from accepting; the staff nothing."""
    if caller.account_id is None:
        return []
    person = people.person_of(service, session, caller.account_id)
    gate = policy.gate("publish", person, service.now())
    found = take_invitations.waiting(service, session, caller)
    return [(take_invitations.describe(session, row), gate) for row in found]


def recent(session: Session, caller: "Caller") -> list[dict[str, Any]]:
    """Return the newest takes."""
    found = take_nodes.listed(session, caller, limit=RECENT, account_id=caller.account_id)
    asked = select(Generation.id, Generation.prompt).where(
        col(Generation.id).in_([take.generation_id for take in found])
    )
    prompts_ = dict(session.exec(asked).all())
    return [
        line | {"prompt": prompts_[take.generation_id]}
        for line, take in zip(take_views.lines(session, found), found, strict=True)
    ]


def side_by_side(
    service: "Service", session: Session, caller: "Caller", ids: Sequence[str]
) -> list[dict[str, Any]]:
    """Return generations with their takes, in the order asked for; a creator's own only.

    Raises
    ------
    NotFoundError
        If one of them is not the caller's.
    """
    found = []
    for each in ids[:MOST_SIDE_BY_SIDE]:
        row = generations.find(session, caller.tenant_id, each)
        if caller.account_id not in {None, row.account_id}:
            raise NotFoundError("generation", "of this id")
        view = generations.describe(session, row)
        take = take_nodes.of_generation(session, row.id)
        view["made"] = take_views.describe(service, session, take) if take else None
        view["waits"] = _waits(view)
        found.append(view)
    return found


def _waits(view: Mapping[str, Any]) -> bool:
    """Whether something still happens by itself."""
    if view["made"] is None:
        return bool(view["state"] == "queued")
    return str(view["made"]["clearance"]["state"]) in UNDER_WAY


def piano_roll(service: "Service", session: Session, caller: "Caller", take: Take) -> list[Lane]:
    """Draw the notes of each stem, from its MIDI; before the take is clear for its own maker alone."""
    own = caller.account_id is not None and caller.account_id == take.account_id
    if not own and not is_cleared(session.get_one(Track, take.track_id)):
        return []
    seconds = take.bars * take.bar_seconds
    lanes = []
    for stem in take_nodes.stems_of(session, take.id):
        if stem.midi_sha256 is None:
            continue
        with service.store.path_or_copy(take.tenant_id, stem.midi_sha256) as path:
            notes = _notes(path.read_bytes())
        if notes:
            lanes.append(_lane(stem.name, notes, seconds))
    return lanes


def _notes(content: bytes) -> list[tuple[float, float, int]]:
    """Start and end in seconds, and number, of every note of a MIDI file."""
    now, open_, found = 0.0, dict[tuple[int, int], float](), []
    for message in mido.MidiFile(file=io.BytesIO(content)):
        now += message.time
        if message.type not in {"note_on", "note_off"}:
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity:
            open_[key] = now
        elif key in open_:
            found.append((open_.pop(key), now, message.note))
    return found


def _lane(name: str, notes: Sequence[tuple[float, float, int]], seconds: float) -> Lane:
    low, high = min(note[2] for note in notes), max(note[2] for note in notes)
    step = (LANE_HEIGHT - 8) / max(12, high - low + 1)
    scale = ROLL_WIDTH / max(seconds, 0.1)
    drawn = tuple(
        Drawn(
            round(start * scale, 1),
            round(4 + (high - pitch) * step, 1),
            round(max(2.0, (end - start) * scale - 0.5), 1),
            round(max(2.0, step), 1),
        )
        for start, end, pitch in notes
    )
    return Lane(name, drawn, low, high)


def branches(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the nodes of a tree in the order of its branches, each with how deep it lies."""
    known = {node["id"] for node in tree["nodes"]}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for number, node in enumerate(tree["nodes"], 1):
        parent = node["parent_id"] if node["parent_id"] in known else None
        children.setdefault(parent, []).append({**node, "number": number})
    found: list[dict[str, Any]] = []
    waiting = [(node, 0) for node in reversed(children.get(None, []))]
    while waiting:
        node, depth = waiting.pop()
        found.append({**node, "depth": min(depth, 6)})
        waiting += [(each, depth + 1) for each in reversed(children.get(node["id"], []))]
    return found


def account_of(session: Session, caller: "Caller") -> str | None:
    """Return the platform's name of the creator who is here; None for a login of the platform."""
    row = session.get(Account, caller.account_id) if caller.account_id else None
    return row.external_id if row else None
