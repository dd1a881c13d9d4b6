"""Engines: what repeats its training pieces is stopped, what was not tested makes nothing, what is switched off stops."""

import pytest
from sqlmodel import select

from scanner import (
    generation_engines,
    generations,
    inline,
    keys,
    take_nodes,
    take_variations,
    tracks,
    watermark_keys,
)
from scanner.callers import Caller
from scanner.errors import IllegalTransitionError
from scanner.generation_engines import EngineDisabledError, EngineState
from scanner.generations import GenerationAsked
from scanner.service import Service
from scanner.tables import Case, Generation, GeneratorEngine, JournalRow, PolicyDecision, Track
from tests.running import add_tenant

ENGINE = "memorising"
PROMPT = "calm, 120 bpm, G major, 8 bars, 4/4, flute and cello"


@pytest.fixture
def service(make_service) -> Service:
    """One whose operator has added an engine of their own."""
    return make_service(
        generation_engines={ENGINE: "tests.generator.memorising"}, generation_tries=1
    )


@pytest.fixture
def caller(service) -> Caller:
    watermark_keys.rotate(service, keys.OPERATOR)
    return add_tenant(service)


def passed(service: Service, name: str) -> None:
    """Let an engine through its test that would not pass it."""
    row = generation_engines.ensure(service, name)
    with service.database.transaction() as session:
        row = session.get_one(GeneratorEngine, row.id)
        row.state, row.test = EngineState.ENABLED, {"passed": True, "takes": 0, "repeating": 0}


def asked(service: Service, caller: Caller, **parameters: object) -> dict:
    return generations.request(service, caller, GenerationAsked(PROMPT, None, parameters))


def generation(service: Service, generation_id: str) -> Generation:
    with service.database.reading() as session:
        return session.get_one(Generation, generation_id)


def test_an_engine_that_was_not_tested_makes_nothing_and_cannot_be_enabled(service, caller) -> None:
    with pytest.raises(EngineDisabledError, match="engines test memorising"):
        asked(service, caller, engine=ENGINE)
    with pytest.raises(IllegalTransitionError, match="once its test passes"):
        generation_engines.enable(service, keys.OPERATOR, ENGINE, "it sounds well")


def test_a_take_that_repeats_a_training_piece_is_stopped_and_says_which_where(
    service, caller
) -> None:
    """Even if it slipped through its engine's test."""
    passed(service, ENGINE)
    view = asked(service, caller, engine=ENGINE, seed=1)

    inline.drive_generation(service, view["id"])

    row = generation(service, view["id"])
    assert (row.state, row.track_id) == ("refused", None)
    (reason, *_) = row.reasons
    assert reason["rule"] == generations.TRAINING_PIECE
    assert "flute, bars 1 to " in reason["text"]
    assert "airdsAirs/book1/100" in reason["text"]
    assert "wiederholt" in reason["texts"]["de"]
    with service.database.reading() as session:
        assert session.exec(select(Track)).all() == []
        assert take_nodes.of_generation(session, row.id) is None
    again = take_variations.away(service, caller, row.id)
    assert (again["state"], again["parameters"]["away_from"]) == ("queued", [row.id])
    with service.database.transaction() as session:
        second = session.get_one(Generation, again["id"])
        second.state, second.reasons = row.state, row.reasons
    with pytest.raises(IllegalTransitionError, match="1 takes were made away"):
        take_variations.away(service, caller, again["id"])


def test_switching_an_engine_off_stops_what_is_queued_and_holds_what_is_not_out(
    service, caller
) -> None:
    waiting, queued = (asked(service, caller, seed=seed) for seed in (1, 2))
    inline.drive_generation(service, waiting["id"])

    generation_engines.disable(service, keys.OPERATOR, "clearance", "it swears")

    with pytest.raises(EngineDisabledError, match="it swears"):
        asked(service, caller)
    inline.drive_generation(service, queued["id"])
    row = generation(service, queued["id"])
    assert (row.state, row.reasons[0]["rule"]) == ("refused", "generator.engine-disabled")
    track_id = generation(service, waiting["id"]).track_id
    assert inline.drive(service, track_id) == "quarantined"
    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, track_id)
        decision = session.get_one(PolicyDecision, track.decision_id)
        assert "core.engine-disabled" in {each["rule"] for each in decision.reasons}
        assert session.exec(select(Case.track_id)).all() == [track_id]
        told = session.exec(
            select(JournalRow).where(JournalRow.type == "clearance.operations.changed")
        ).all()
    assert "engine.disabled" in {each.data["action"] for each in told}
