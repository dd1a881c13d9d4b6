"""Every address is asked what its description allows and what it forbids, and must answer as it says."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scanner import keys
from tests.scanner.api.conftest import Api, Platform, sound
from tests.taken import add_take

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 8
ENDLESS = {"/v1/tracks/{track_id}/events", "/v1/streams/{stream_id}/events"}
NO_FORM = {"/v1/streams/{stream_id}/audio"}
"""Takes bytes of any audio format, of which none can be made up."""


@pytest.fixture
def real(platform: Platform) -> dict[str, list[Any]]:
    """What may stand in a path and is there, by the name of the parameter."""
    http = platform.http
    recording = sound(51, 6)
    reference = platform.reference(recording)
    track = platform.decided(recording)
    hook = http.post("/v1/webhooks", json={"url": "https://a.example.com/", "events": ["*"]})
    made = http.post("/v1/generations", json={"prompt": "a waltz", "account": "kid"})
    take = add_take(platform.service, platform.tenant.id, "kid")
    cases = http.get("/v1/cases").json()["items"]
    policies = http.get("/v1/policies").json()["items"]
    return {
        "account": ["kid"],
        "track_id": [track],
        "reference_id": [reference["id"]],
        "webhook_id": [hook.json()["id"]],
        "generation_id": [made.json()["id"]],
        "take_id": [take.id],
        "case_id": [each["id"] for each in cases],
        "policy_id": [each["id"] for each in policies],
    }


@pytest.fixture
def sessions(api: Api, platform: Platform) -> list[requests.Session]:
    """A platform's key and one of each kind of people who decide."""
    tokens = [platform.token]
    for role in ("reviewer", "appeals_officer", "policy_lead"):
        user, _ = keys.create_user(
            api.service, f"{role}@example.org", role, tenant_id=platform.tenant.id
        )
        tokens.append(keys.create_key(api.service, platform.tenant.id, role, user=user.email)[1])
    made = [requests.Session() for _ in tokens]
    for session, token in zip(made, tokens, strict=True):
        session.headers["Authorization"] = f"Bearer {token}"
    return made


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_address_answers_as_its_description_says(api: Api, real, sessions) -> None:
    document = api.client().get("/openapi.json").json()
    wrong: dict[str, str] = {}
    asked = 0

    def ask(case: schemathesis.Case, session: requests.Session, *, is_real: bool) -> None:
        nonlocal asked
        asked += 1
        if is_real:
            case.path_parameters |= {
                name: real[name][0] for name in case.path_parameters if real.get(name)
            }
        response = case.call(base_url=api.url, session=session, timeout=60)
        try:
            case.validate_response(response, checks=CHECKS)
        except BaseExceptionGroup as group:
            for each in group.exceptions:
                place = f"{case.method} {case.operation.path}: {each.title}"
                wrong.setdefault(place, f"{each}\n{case.as_curl_command()}\n{response.text[:500]}")

    for operation in _operations(document):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=mode)
            _try(strategy, sessions, ask)

    assert asked > EXAMPLES * len(document["paths"])
    assert not wrong, "\n\n".join(f"{place}\n{what}" for place, what in wrong.items())


def _operations(document: dict[str, Any]) -> list[Any]:
    schema = schemathesis.openapi.from_dict(document)
    found = [each.ok() for each in schema.get_all_operations()]
    return [each for each in found if each.path not in ENDLESS | NO_FORM]


def _try(
    strategy: st.SearchStrategy[Any], sessions: list[requests.Session], ask: Callable[..., None]
) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, st.sampled_from(sessions), st.booleans())
    def run(case: schemathesis.Case, session: requests.Session, is_real: bool) -> None:
        ask(case, session, is_real=is_real)

    try:
        run()
    except Unsatisfiable:  # nothing is forbidden there: no parameter, no body
        return
