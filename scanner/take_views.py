"""Takes as JSON: what was asked, what was made and why, who made which bars, what became of it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import (
    marking,
    take_credits,
    take_invitations,
    take_nodes,
    take_projects,
    take_variations,
    track_views,
)
from scanner.marking import MarkState
from scanner.tables import Generation, Take, TakeProject, TakeStem, Track

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

_SAID: Final = ("understood", "not_understood", "ignored_controls", "reasons")
_NODE: Final = ("id", "parent_id", "engine", "engine_version", "locked", "locked_bars", "amount", "seed")  # fmt: skip


def describe(service: "Service", session: Session, take: Take) -> dict[str, Any]:
    """Return a take as JSON."""
    row = session.get_one(Generation, take.generation_id)
    track = session.get_one(Track, take.track_id)
    judged = track_views.describe(session, [track])[0]
    stems = take_nodes.stems_of(session, take.id)
    said = row.take or {}
    names = take_credits.shown(session, _named([take], stems))
    return {
        **_node(take, track, names),
        "project_id": take.project_id,
        "generation_id": take.generation_id,
        "digest": take.digest,
        "prompt": row.prompt,
        "asked": row.parameters,
        **{name: said.get(name, []) for name in _SAID},
        "bars": take.bars,
        "seconds": said.get("seconds"),
        "stems": [_stem(stem, names) for stem in stems],
        "credits": take_credits.names_of(session, take_credits.credited(take)),
        "clearance": _clearance(track, judged),
        "resembles": _resembles(take, judged),
        "tries_left": take_variations.tries_left(service, session, row)
        if take_variations.is_refused(session, row)
        else None,
        "downloads": _downloads(session, take, track, stems),
        "version": take.version,
    }


def lines(session: Session, takes: Sequence[Take]) -> list[dict[str, Any]]:
    """Return takes as lines of a list."""
    nodes = _nodes(session, takes)
    return [node | {"project_id": take.project_id} for node, take in zip(nodes, takes, strict=True)]


def tree(session: Session, caller: "Caller", take: Take) -> dict[str, Any]:
    """Return the project of a take as JSON: all its nodes that the caller may see, parents before children.

    Who works on it is told to those who do, and to the platform; who is asked to, to whose project it is.
    """
    project = session.get(TakeProject, take.project_id)
    nodes = take_nodes.nodes_of(session, caller, take.project_id)
    owner = project.account_id if project else None
    inside = caller.account_id is None or take_nodes.works_on(
        session, take.project_id, caller.account_id
    )
    return {
        "project_id": take.project_id,
        "account": take_credits.shown(session, [owner]).get(owner),
        "current": project.current_take_id if project else None,
        "contributors": take_projects.contributors(session, take.project_id) if inside else [],
        "invited": take_invitations.invited(session, caller, project) if project else [],
        "nodes": _nodes(session, nodes),
    }


def _nodes(session: Session, takes: Sequence[Take]) -> list[dict[str, Any]]:
    heard = select(Track).where(col(Track.id).in_({take.track_id for take in takes}))
    tracks = {track.id: track for track in session.exec(heard)}
    names = take_credits.shown(session, _named(takes))
    return [_node(take, tracks[take.track_id], names) for take in takes]


def _named(takes: Sequence[Take], stems: Sequence[TakeStem] = ()) -> set[str | None]:
    """Return the accounts that are told of with takes and stems."""
    makers = {each["account_id"] for stem in stems for each in stem.segments}
    return {take.account_id for take in takes} | makers


def _node(take: Take, track: Track, names: Mapping[str | None, str]) -> dict[str, Any]:
    return {
        **{name: getattr(take, name) for name in _NODE},
        "account": names.get(take.account_id),
        "track_id": take.track_id,
        "state": track.state,
        "cleared": take_variations.is_cleared(track),
        "shared": take.shared_at is not None,
        "created_at": take.created_at.isoformat(),
    }


def _stem(stem: TakeStem, names: Mapping[str | None, str]) -> dict[str, Any]:
    return {
        "name": stem.name,
        "instrument": stem.instrument,
        "made_by": stem.made_by,
        "midi": stem.midi_sha256 is not None,
        "segments": [
            {
                "bars": each["bars"],
                "made_by": each["made_by"],
                "take_id": each["take_id"],
                "account": names.get(each["account_id"]),
            }
            for each in stem.segments
        ],
    }


def _clearance(track: Track, judged: dict[str, Any]) -> dict[str, Any]:
    """Each take is cleared by its own track: none has it from its parent."""
    return {
        "track_id": track.id,
        "state": track.state,
        "decision": judged["decision"],
        "cleared": take_variations.is_cleared(track),
        "reasons": judged["reasons"],
        "problem": track.problem,
    }


def _resembles(take: Take, judged: dict[str, Any]) -> list[dict[str, Any]]:
    """Say what of the catalogue a take resembles, in which stem and bars; the mix has no stem."""
    return [
        {
            "kind": match["kind"],
            "title": match["title"],
            "reference_id": match["reference_id"],
            "score": match["score"],
            "stem": segment.get("stem"),
            "bars": [
                _bar(take, segment["query_start"]),
                _bar(take, segment["query_end"], last=True),
            ],
        }
        for match in judged["matches"]
        for segment in match["segments"]
    ]


def _bar(take: Take, seconds: float, *, last: bool = False) -> int:
    exact = seconds / take.bar_seconds
    number = math.ceil(exact) if last else math.floor(exact) + 1
    return max(1, min(take.bars, number))


def _downloads(
    session: Session, take: Take, track: Track, stems: list[TakeStem]
) -> list[dict[str, str]]:
    """Name the files of a cleared take; of any other there are none."""
    if not take_variations.is_cleared(track):
        return []
    marked = {each.name for each in marking.stems_of(session, track.id) if each.state == MarkState.MARKED}  # fmt: skip
    names = ["take.zip", "mix.flac", "mix.wav", "mix.mp3"]
    names += [f"{stem.name}.{form}" for stem in stems if stem.name in marked for form in ("flac", "wav")]  # fmt: skip
    names += [f"{stem.name}.mid" for stem in stems if stem.midi_sha256]
    names += ["score.mid", "score.musicxml"] if any(stem.midi_sha256 for stem in stems) else []
    if marking.stems_of(session, track.id):
        names.append("project.dawproject")
    return [{"name": name, "href": f"/v1/takes/{take.id}/files/{name}"} for name in names]
