"""Services whose pipeline is one recording handler, on each transport."""

import os
from collections.abc import Callable, Iterator

import pytest

from scanner.service import Service
from tests.recording import Recorder, RecordingService


@pytest.fixture
def make_recording(make_service: Callable[..., Service]) -> Iterator[Callable[..., object]]:
    """Make recording services; each has a group of its own."""
    made: list[RecordingService] = []

    def make(**changes: object) -> RecordingService:
        recorder = Recorder(f"recorder-{os.urandom(4).hex()}")
        service = RecordingService(make_service(**changes).settings, recorder)
        made.append(service)
        return service

    yield make
    for service in made:
        service.close()


@pytest.fixture(params=["embedded", "kafka"])
def bus(request: pytest.FixtureRequest, make_recording) -> RecordingService:
    """A recording service on each transport in turn."""
    if request.param == "embedded":
        return make_recording()
    return make_recording(
        kafka=request.getfixturevalue("broker"),
        kafka_max_poll_interval_ms=2000,
        republish_seconds=30.0,
    )
