"""What must hold after bad weather."""

from collections import Counter
from typing import Any, Final

from sqlmodel import Session, col, func, select

from scanner import audit, events
from scanner.service import Service
from scanner.tables import (
    Analysis,
    DeadLetter,
    Delivery,
    Handled,
    JournalPending,
    JournalRow,
    PolicyDecision,
    StatementOfReasons,
    Track,
)
from scanner.track_states import FINAL, State

EFFECTS: Final = (
    events.TrackReleased.type,
    events.TrackBlocked.type,
    events.TrackQuarantined.type,
    events.TrackConditioned.type,
)
DECIDED: Final = FINAL - {State.HELD}


def at_rest(service: Service, keys: set[str]) -> bool:
    """Tell whether every submission is a track that waits for nothing, and no event is under way."""
    with service.database.reading() as session:
        states = dict(session.exec(select(Track.external_id, Track.state)).all())
        if not keys <= set(states) or not set(states.values()) <= set(FINAL):
            return False
        waiting = (Delivery, JournalPending)
        if any(session.exec(select(func.count()).select_from(each)).one() for each in waiting):
            return False
        return not unhandled(session, service)


def violations(
    service: Service, accepted: set[str], ids: dict[str, str], damaged: set[str]
) -> list[str]:
    """Name everything that was lost, done twice or changed.

    Parameters
    ----------
    damaged : set of str
        The platform's names of those that no one can decode: held, not decided, and they alone.
    accepted : set of str
        The platform's names of what was accepted, or sent until it was.
    ids : dict
        The track's id that was answered, by that name, where there was an answer.
    """
    found: list[str] = []
    with service.database.reading() as session:
        tracks = session.exec(select(Track)).all()
        kept = Counter(str(each.external_id) for each in tracks)
        found += [f"lost: {key}" for key in sorted(accepted - set(kept))]
        found += [f"taken twice: {key}" for key, count in kept.items() if count > 1]
        named = {each.id for each in tracks}
        found += [f"answered and lost: {key}" for key, id_ in ids.items() if id_ not in named]
        per_track = Counter(
            (row.subject, row.type)
            for row in session.exec(select(JournalRow).where(JournalRow.topic == events.TRACKS))
        )
        for track in tracks:
            if (track.state == State.HELD) != (track.external_id in damaged):
                found.append(f"{track.external_id} is {track.state}")
            found += _of_track(track, per_track)
        blocked = [each.id for each in tracks if each.state == "blocked"]
        stated = list(session.exec(select(StatementOfReasons.track_id)))
        if sorted(map(str, stated)) != sorted(blocked):
            found.append(f"{len(blocked)} blocked, {len(stated)} statements")
        for table in (Analysis, PolicyDecision):
            count = session.exec(select(func.count()).select_from(table)).one()
            judged = len([each for each in tracks if each.state in DECIDED])
            if count < judged:
                found.append(f"{count} rows of {table.__tablename__} for {judged} tracks")
        own = select(DeadLetter).where(col(DeadLetter.tenant_id).is_not(None))
        found += [
            f"given up: {letter.group} {letter.error} {letter.detail}"
            for letter in session.exec(own)
        ]
        found += [
            f"{count} events that {name} never handled"
            for name, count in unhandled(session, service).items()
        ]
        verified = audit.verify(session)
        if not verified.whole:
            found.append(f"the journal is not whole: {verified}")
    return found


def _of_track(track: Track, per_track: Counter[tuple[str, str]]) -> list[str]:
    if track.state not in FINAL:
        return [f"{track.id} is still {track.state}"]
    if track.state == State.HELD:
        times = per_track[track.id, events.TrackHeld.type]
        return [] if times == 1 else [f"{track.id}: held {times} times"]
    found = []
    for kind in (events.TrackAnalysed.type, events.TrackDecided.type):
        if (count := per_track[track.id, kind]) != 1:
            found.append(f"{track.id}: {kind} {count} times")
    if (count := sum(per_track[track.id, effect] for effect in EFFECTS)) != 1:
        found.append(f"{track.id}: {count} effects")
    return found


def unhandled(session: Session, service: Service) -> dict[str, int]:
    """Return how many events each group never handled, of groups that have such."""
    found = {}
    for group in service.groups:
        done = select(Handled.event_id).where(Handled.group == group.name)
        due = (
            select(func.count())
            .select_from(JournalRow)
            .where(col(JournalRow.type).in_(list(group.handlers)), ~col(JournalRow.id).in_(done))
        )
        if count := session.exec(due).one():
            found[group.name] = count
    return found


def as_table(rounds: list[dict[str, Any]]) -> str:
    """Return what was done and what came of it, as Markdown."""
    counts: Counter[str] = Counter()
    for each in rounds:
        counts.update(each["faults"])
    tracks = sum(each["tracks"] for each in rounds)
    bad = [one for each in rounds for one in each["violations"]]
    lines = ["| fault | times |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in sorted(counts.items())]
    skipped = sorted({one for each in rounds for one in each["left_out"]})
    lines.append("")
    lines.append(f"{tracks} tracks in {len(rounds)} rounds; violations: {len(bad)}.")
    lines += [f"- {one}" for one in bad]
    if freed := [", ".join(each["freed"]) for each in rounds if each["freed"]]:
        lines.append(
            f"Broker emptied once more, since it let no newcomer into a group: {'; '.join(freed)}."
        )
    lines += [f"Left out: {one}." for one in skipped]
    return "\n".join(lines)
