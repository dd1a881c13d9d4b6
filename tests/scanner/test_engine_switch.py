"""A switched-off engine stays off, whatever version is installed next."""

import pytest

from scanner import generation_engines, keys
from scanner.clock import new_id
from scanner.generation_engines import EngineState
from scanner.tables import GeneratorEngine


def test_a_new_version_of_an_engine_that_is_switched_off_does_not_come_back_by_itself(
    service,
) -> None:
    now = service.now()
    with service.database.transaction() as session:
        session.add(
            GeneratorEngine(
                id=new_id(),
                name="clearance",
                engine_version="0",
                state=EngineState.ENABLED,
                manifest={},
                created_at=now,
                updated_at=now,
            )
        )
    assert generation_engines.stopped(service, "clearance") is None

    rows = generation_engines.disable(service, keys.OPERATOR, "clearance", "it swears")

    assert len(rows) == 2
    (new,) = (row for row in rows if row.engine_version != "0")
    with service.database.transaction() as session:
        session.delete(session.get_one(GeneratorEngine, new.id))  # as if it came only now
    why = generation_engines.stopped(service, "clearance")
    assert why is not None
    assert "another version" in why


def test_the_switch_works_before_anything_was_made(service) -> None:
    (row,) = generation_engines.disable(service, keys.OPERATOR, "clearance", "not here")
    assert (row.state, row.reason) == (EngineState.DISABLED, "not here")
    with (
        service.database.reading() as session,
        pytest.raises(generation_engines.EngineDisabledError, match="not here"),
    ):
        generation_engines.require(session, "clearance", row.engine_version)
