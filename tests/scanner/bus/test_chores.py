"""What workers do now and then: dead letters reach a person, strangers' messages do not pile up."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from scanner import events, tracks
from scanner.bus import chores, dead_letter_ends, dead_letters
from scanner.bus.relay import seal_batch
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import ConflictError, PoisonError
from scanner.journal import event_of
from scanner.metrics import DEAD_LETTERS, QUEUE_DEPTH, UNSEALED
from scanner.privacy import holds
from scanner.service import Service
from scanner.tables import Case, DeadLetter, IdempotencyKey, JournalRow


def buried_track(service: Service, caller) -> str:
    """Submit a track whose first event is then buried."""
    track_id = tracks.submit(
        service,
        caller,
        tracks.Source(url="https://music.example/a.flac"),
        Declaration(),
        entrance="http",
        key=new_id(),
    )
    with service.database.reading() as session:
        (row,) = session.exec(select(JournalRow).where(JournalRow.subject == track_id))
        event = event_of(row)
    dead_letters.bury(service, "analyse", event, PoisonError("no good"), 1)
    return track_id


def cases(service: Service) -> list[Case]:
    with service.database.reading() as session:
        return list(session.exec(select(Case)))


def test_what_a_killed_process_left_in_the_temporary_folder_is_removed_after_a_day(
    service,
) -> None:
    folder = service.settings.temporary_folder
    (folder / "clearance-copy").mkdir(parents=True)
    (folder / "clearance-copy" / "audio").write_bytes(b"sound")
    (folder / "upload-1").write_bytes(b"sound")
    start = service.now()

    chores.Chores(service).run_due()
    assert len(list(folder.iterdir())) == 2

    at(service, start + timedelta(days=1, seconds=5))
    chores.Chores(service).run_due()
    assert list(folder.iterdir()) == []


def at(service: Service, moment: datetime) -> None:
    service.now = lambda: moment


def test_a_dead_letter_that_nobody_replays_opens_one_case(service, caller) -> None:
    track_id = buried_track(service, caller)
    start = service.now()
    chores.open_overdue_cases(service)
    assert cases(service) == []

    at(service, start + dead_letters.CASE_AFTER + timedelta(seconds=1))
    chores.open_overdue_cases(service)
    chores.open_overdue_cases(service)

    (case,) = cases(service)
    assert (case.track_id, case.tenant_id, case.kind) == (track_id, caller.tenant_id, "dead_letter")
    assert "no good" in case.reasons[0]["text"]
    with service.database.reading() as session:
        opened = select(JournalRow).where(JournalRow.type == events.CaseOpened.type)
        (row,) = session.exec(opened)
    assert row.subject == case.id


def test_a_dead_letter_about_a_case_reaches_a_person_too(service, caller) -> None:
    track_id = buried_track(service, caller)
    at(service, service.now() + dead_letters.CASE_AFTER + timedelta(seconds=1))
    chores.open_overdue_cases(service)
    with service.database.transaction() as session:
        (case,) = session.exec(select(Case))
        case.state, case.closed_at = "closed", service.now()
        opened = select(JournalRow).where(JournalRow.type == events.CaseOpened.type)
        event = event_of(session.exec(opened).one())
    dead_letters.bury(service, "notify", event, PoisonError("nobody was told"), 1)

    at(service, service.now() + dead_letters.CASE_AFTER + timedelta(seconds=1))
    chores.open_overdue_cases(service)

    assert sorted(each.track_id for each in cases(service)) == [track_id, track_id]


def test_a_dead_letter_that_was_replayed_opens_none(service, caller) -> None:
    buried_track(service, caller)
    with service.database.reading() as session:
        (letter,) = session.exec(select(DeadLetter))
    seal_batch(service.database)
    dead_letters.replay(service, letter.id, caller.tenant_id)

    at(service, service.now() + dead_letters.CASE_AFTER * 2)
    chores.open_overdue_cases(service)

    assert cases(service) == []


def test_messages_of_nobody_go_after_a_month_and_beyond_a_number(
    service, caller, monkeypatch
) -> None:
    def strange(text: str) -> None:
        dead_letters.bury_foreign(
            service, topic="t", key=None, payload=text.encode(), error=PoisonError("x")
        )

    buried_track(service, caller)
    start = service.now()
    strange("old")
    at(service, start + chores.FOREIGN_KEPT + timedelta(hours=1))
    for n in range(5):
        strange(f"new {n}")
    monkeypatch.setattr(chores, "FOREIGN_CAP", 3)

    chores.expire_foreign(service)

    with service.database.reading() as session:
        left = list(session.exec(select(DeadLetter).order_by(DeadLetter.id)))
    assert [each.payload for each in left if each.tenant_id is None] == ["new 2", "new 3", "new 4"]
    assert sum(each.tenant_id is not None for each in left) == 1


def test_idempotency_keys_are_kept_for_their_time_and_no_longer(service, caller) -> None:
    buried_track(service, caller)
    start = service.now()
    kept = timedelta(days=service.settings.idempotency_days)

    at(service, start + kept - timedelta(minutes=1))
    chores.expire_idempotency_keys(service)
    assert len(keys(service)) == 1

    at(service, start + kept + timedelta(minutes=1))
    chores.expire_idempotency_keys(service)
    assert keys(service) == []


def keys(service: Service) -> list[IdempotencyKey]:
    with service.database.reading() as session:
        return list(session.exec(select(IdempotencyKey)))


def test_the_gauges_show_what_waits(service, caller) -> None:
    buried_track(service, caller)

    chores.Chores(service).run_due()

    assert DEAD_LETTERS._value.get() == 1
    assert UNSEALED._value.get() == 1
    assert QUEUE_DEPTH.labels("analyse")._value.get() == 0


def test_a_dead_letter_that_nobody_replays_goes_after_a_year_but_not_what_is_held(
    service, caller
) -> None:
    start = service.now()
    gone, kept = (buried_track(service, caller) for _ in range(2))
    holds.place(service, caller, "track", kept, "a suit")
    at(service, start + timedelta(days=364))
    dead_letter_ends.drop_old(service)
    with service.database.reading() as session:
        assert {each.subject for each in dead_letters.listed(session, None)} == {gone, kept}

    at(service, start + timedelta(days=366))
    dead_letter_ends.drop_old(service)

    with service.database.reading() as session:
        (left,) = dead_letters.listed(session, None)
        told = select(JournalRow.data).where(JournalRow.type == "clearance.operations.changed")
        dropped = [
            each["detail"]
            for each in session.exec(told)
            if each["action"] == dead_letter_ends.DROPPED
        ]
    assert left.subject == kept
    assert [(each["subject"], each["stage"]) for each in dropped] == [(gone, "analyse")]
    with pytest.raises(ConflictError, match="hold"):
        dead_letter_ends.drop(service, left.id, caller.tenant_id, "no need", caller.actor)
