"""Engines of others by one interface: what they need, what they support, what they leave out."""

import pytest

from generator import BUILTIN, ENGINES, Access, UnknownEngineError, engine
from generator.request import Request


def test_the_built_in_engine_states_what_it_supports() -> None:
    own = engine(BUILTIN).supports
    assert own.stems
    assert own.midi
    assert own.repeatable
    assert own.controls <= set(Request.model_fields)


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownEngineError, match=f"choose among {', '.join(ENGINES)}"):
        engine("nobody")


def test_a_key_is_not_told_when_access_is_written_to_a_log() -> None:
    assert "sesame" not in repr(Access(key="sesame"))
