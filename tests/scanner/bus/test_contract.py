"""One contract for both transports: once, in order, retried, buried, replayed, drained."""

import time

import pytest

from scanner.bus import dead_letters
from scanner.bus.dispatch import Finished, dispatch
from scanner.clock import utc_now
from scanner.errors import NotFoundError, PoisonError, TransientError
from scanner.tables import DeadLetter, Handled
from tests.recording import RecordingService, handled, happen, letters, unique
from tests.running import working
from tests.servers import wait_until


def test_every_event_is_handled_once_and_in_order_for_its_subject(bus: RecordingService) -> None:
    subjects = [unique("s") for _ in range(4)]
    with working(bus):
        for version in range(1, 6):
            for subject in subjects:
                happen(bus, subject, version)
        wait_until(lambda: handled(bus) == 20, 60, "handling")

    seen = bus.recorder.seen
    assert len(seen) == len(set(seen)) == 20
    for subject in subjects:
        assert [version for each, version in seen if each == subject] == [1, 2, 3, 4, 5]


def test_a_failing_event_is_retried_and_holds_back_only_its_own_subject(bus) -> None:
    slow, quick = unique("slow"), unique("quick")
    bus.recorder.failures[slow, 1] = [TransientError("not now"), TransientError("not yet")]
    with working(bus):
        happen(bus, slow, 1)
        happen(bus, slow, 2)
        happen(bus, quick, 1)
        wait_until(lambda: handled(bus) == 3, 60, "handling")

    seen = bus.recorder.seen
    assert seen.index((slow, 1)) < seen.index((slow, 2))
    assert seen[0] == (quick, 1)


def test_poison_is_buried_at_once_kept_whole_and_replayed_under_its_old_id(bus) -> None:
    bad = unique("bad")
    bus.recorder.failures[bad, 1] = [PoisonError("no good"), PoisonError("still no good")]
    with working(bus):
        event = happen(bus, bad, 1)
        happen(bus, bad, 2)
        wait_until(lambda: handled(bus) == 1, 60, "handling what follows")
        assert bus.recorder.seen == [(bad, 2)]
        assert bus.recorder.gave_up == [bad]
        (letter,) = letters(bus)
        assert (letter.error, letter.attempts, letter.subject) == ("PoisonError", 1, bad)
        payload = dead_letters.payload_of(letter)
        assert payload is not None
        assert (payload["id"], payload["tenant"]) == (event.id, "tenant")

        dead_letters.replay(bus, letter.id, "tenant")  # fails again: another letter
        wait_until(lambda: len(letters(bus)) == 2, 60, "the second burial")
        dead_letters.replay(bus, letters(bus)[1].id, None)
        wait_until(lambda: handled(bus) == 2, 60, "the replay")

    assert bus.recorder.seen == [(bad, 2), (bad, 1)]
    assert [each.state for each in letters(bus)] == ["replayed", "replayed"]
    with bus.database.reading() as session:
        assert session.get_one(Handled, (bus.recorder.name, event.id)).outcome == "done"


def test_what_keeps_failing_is_buried_after_its_retries(bus) -> None:
    bad = unique("bad")
    bus.recorder.failures[bad, 1] = [TransientError("never")] * 10
    bus.recorder.giving_up_fails = [RuntimeError("the database is away")]
    with working(bus):
        happen(bus, bad, 1)
        wait_until(lambda: bus.recorder.gave_up, 60, "giving up, which is tried twice")

    (letter,) = letters(bus)
    assert letter.attempts == bus.settings.retries + 1


def test_an_event_delivered_again_has_its_effect_once(bus) -> None:
    subject, last = unique("twice"), unique("last")
    with working(bus):
        event = happen(bus, subject, 1)
        wait_until(lambda: handled(bus) == 1, 60, "handling")
        bus.transport.redeliver(bus.recorder.name, event)
        happen(bus, last, 1)
        wait_until(lambda: handled(bus) == 2, 60, "handling")
        time.sleep(0.5)

    assert bus.recorder.seen == [(subject, 1), (last, 1)]


def test_a_handler_longer_than_the_poll_interval_keeps_its_event(bus) -> None:
    long, after = unique("long"), unique("after")
    bus.recorder.seconds[long, 1] = 3.0  # lease 2 s, max.poll.interval 2 s
    with working(bus), working(bus):  # somebody who would take it
        happen(bus, long, 1)
        assert bus.recorder.running.wait(60)
        happen(bus, after, 1)
        wait_until(lambda: handled(bus) == 2, 60, "handling")

    assert sorted(bus.recorder.seen) == sorted([(long, 1), (after, 1)])


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand_and_no_more(bus) -> None:
    subject = unique("drain")
    bus.recorder.seconds[subject, 1] = 1.0
    with working(bus) as stopping:
        happen(bus, subject, 1)
        happen(bus, subject, 2)
        assert bus.recorder.running.wait(60)
        stopping.set()

    assert bus.recorder.seen == [(subject, 1)]
    assert handled(bus) == 1


def test_depth_counts_what_waits(bus) -> None:
    with working(bus, stages=[]):
        for n in range(3):
            happen(bus, unique(f"waits{n}"), 1)
        wait_until(lambda: bus.transport.depth(bus.recorder.name) == 3, 30, "the queue")


# --- what needs no transport running


def test_a_burial_that_was_cut_short_is_completed_and_not_repeated(make_recording) -> None:
    bus = make_recording()
    event = happen(bus, unique("half"), 1)
    dead_letters.bury(bus, bus.recorder.name, event, PoisonError("no"), 1)  # then the worker died

    with working(bus):
        wait_until(lambda: bus.recorder.gave_up == [event.subject], 30, "giving up")

    assert bus.recorder.seen == []
    assert len(letters(bus)) == 1


def test_who_was_given_up_is_not_given_up_again_by_a_late_delivery(make_recording) -> None:
    """In between a person may have asked for another look."""
    bus = make_recording(retries=0)
    event = happen(bus, unique("late"), 1)
    bus.recorder.failures[event.subject, 1] = [PoisonError("no")]
    (group,) = bus.groups

    assert dispatch(bus, group, event, 0) == Finished("dead")
    assert dispatch(bus, group, event, 0) == Finished("duplicate")
    assert dead_letters.bury(bus, group.name, event, PoisonError("no"), 1) is None
    assert bus.recorder.gave_up == [event.subject]
    assert len(letters(bus)) == 1

    dead_letters.replay(bus, letters(bus)[0].id, None)
    assert dispatch(bus, group, event, 0) == Finished("done")


def test_a_dead_letter_of_another_tenant_does_not_exist(make_recording) -> None:
    bus = make_recording()
    event = happen(bus, unique("mine"), 1)
    letter = dead_letters.bury(bus, bus.recorder.name, event, PoisonError("no"), 1)

    with bus.database.reading() as session:
        assert [each.id for each in dead_letters.listed(session, "tenant")] == [letter.id]
        assert dead_letters.listed(session, "another") == []
        with pytest.raises(NotFoundError):
            dead_letters.find(session, letter.id, "another")
    with pytest.raises(NotFoundError):
        dead_letters.replay(bus, letter.id, "another")
    assert letters(bus)[0].state == "dead"


def test_a_dead_letter_that_only_quotes_a_journal_row_cannot_bring_it_back(make_recording) -> None:
    bus = make_recording()
    event = happen(bus, unique("theirs"), 1)
    forged = DeadLetter(
        id="forged",
        tenant_id="another",
        group="intake",
        topic="clearance.submissions",
        event_id=event.id,
        payload="{}",
        error="UnprovenError",
        detail="",
        attempts=1,
        created_at=utc_now(),
    )
    with bus.database.transaction() as session:
        session.add(forged)

    with pytest.raises(PoisonError):
        dead_letters.replay(bus, "forged", "another")
