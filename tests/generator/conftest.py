"""One short take and a variation of it, made once."""

import pytest

from generator import Take, engine, request_of, vary


@pytest.fixture(scope="session")
def take() -> Take:
    fields = {"prompt": "jazz, 120 bpm, D minor, 4 bars, saxophone, piano, double bass and drums"}
    return engine().generate(request_of({**fields, "seed": 7}))


@pytest.fixture(scope="session")
def varied(take: Take) -> Take:
    return vary(take, keep=["piano", "drums"])
