"""What a group has not handled is sent again."""

import itertools
from datetime import timedelta

from scanner.bus import republisher
from scanner.bus.relay import seal_batch
from scanner.bus.republisher import Republisher
from scanner.clock import utc_now
from tests.recording import happen


def test_what_a_group_is_behind_with_is_sent_again_ever_less_often(
    make_recording, monkeypatch
) -> None:
    """Repeats are read by every group: sent at one pace, they would keep it behind."""
    service = make_recording(republish_seconds=1.0)
    late = happen(service, "late", at=utc_now() - timedelta(minutes=1))
    seal_batch(service.database)
    clock = 0.0
    monkeypatch.setattr(republisher.time, "monotonic", lambda: clock)
    sent: list[float] = []
    looking = Republisher(
        service,
        lambda events: sent.extend(clock for each in events if each == late),
        lambda _: True,
    )

    for step in range(200):
        clock = step / 2
        looking.run_once()

    waits = [then - before for before, then in itertools.pairwise(sent)]
    assert waits == [1, 2, 4, 8, 16, 32, 32]
