"""Engines of others by one interface: what they need, what they support, what they leave out."""

from importlib.util import find_spec

import pytest

from generator import BUILTIN, ENGINES, Access, MissingPartError, UnknownEngineError, engine
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


@pytest.mark.parametrize(
    ("name", "module", "told"),
    [
        ("lyria", "google.genai", "install the extra `lyria`"),
        ("stable-audio", "diffusers", "install the extra `diffusion`"),
        ("ace-step", "diffusers", "install the extra `diffusion`"),
        ("musicgen", "transformers", "install the extra `musicgen`"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(name: str, module: str, told: str) -> None:
    try:
        installed = find_spec(module) is not None
    except ModuleNotFoundError:
        installed = False
    if installed:
        pytest.skip(f"{module} is installed")
    with pytest.raises(MissingPartError, match=told):
        engine(name, Access(key="k"))


@pytest.mark.parametrize(
    ("access", "told"), [(Access(), "an address"), (Access(url="http://127.0.0.1:9"), "a key")]
)
def test_what_a_hosted_engine_needs_is_named(access: Access, told: str) -> None:
    with pytest.raises(MissingPartError, match=told):
        engine("model-x", access)
