"""The OpenAPI document is valid, whole, and true of what is answered."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.scanner.api.conftest import Api, Platform, sound
from tests.taken import add_take

KEYLESS = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/schemas/{type}/{version}",
    "/problems/{name}",
}


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    return dict(api.client().get("/openapi.json").json())


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_says_what_it_needs_takes_and_answers(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    ids = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            assert operation["operationId"] not in ids
            ids.add(operation["operationId"])
            assert operation["description"] or operation["summary"], place
            assert bool(operation.get("security")) == (path not in KEYLESS), place
            if method == "post" and "{" not in path:
                assert operation["requestBody"]["required"], place
            answers = operation["responses"]
            assert any(status.startswith("2") for status in answers), place
            for status, answer in answers.items():
                if status[0] in "45" and not path.startswith("/readyz"):
                    assert list(answer["content"]) == ["application/problem+json"], place
            if path not in KEYLESS:
                assert {"400", "401", "403", "429", "500", "503"} <= set(answers), place


def test_the_routes_of_the_contract_are_there(document: dict[str, Any]) -> None:
    expected = {
        "/v1/tracks": {"get", "post"},
        "/v1/tracks/{track_id}": {"get", "delete"},
        "/v1/tracks/{track_id}/analysis": {"get"},
        "/v1/tracks/{track_id}/decision": {"get"},
        "/v1/tracks/{track_id}/explanation": {"get"},
        "/v1/tracks/{track_id}/explanation.png": {"get"},
        "/v1/tracks/{track_id}/explanation.svg": {"get"},
        "/v1/tracks/{track_id}/audio": {"get"},
        "/v1/tracks/{track_id}/events": {"get"},
        "/v1/tracks/{track_id}/rescan": {"post"},
        "/v1/references": {"get", "post"},
        "/v1/references/{reference_id}": {"get", "patch", "delete"},
        "/v1/webhooks": {"get", "post"},
        "/v1/webhooks/{webhook_id}/deliveries": {"get"},
        "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": {"post"},
        "/v1/dead": {"get"},
        "/v1/dead/{letter_id}/replay": {"post"},
        "/v1/cases": {"get"},
        "/v1/cases/{case_id}": {"get"},
        "/v1/audit": {"get"},
        "/v1/audit/verify": {"get"},
        "/v1/keys": {"get", "post"},
        "/v1/keys/{key_id}": {"get", "delete"},
        "/v1/accounts/{account}/age": {"get", "put"},
        "/v1/accounts/{account}/consents": {"get", "post"},
        "/v1/accounts/{account}/controls": {"get", "put"},
        "/v1/generations": {"post"},
        "/v1/generations/{generation_id}": {"get"},
        "/v1/generations/quota": {"get"},
        "/v1/takes": {"get"},
        "/v1/takes/{take_id}": {"get"},
        "/v1/takes/{take_id}/tree": {"get"},
        "/v1/takes/{take_id}/variations": {"post"},
        "/v1/policies": {"get", "post"},
        "/v1/policies/{policy_id}": {"get"},
        **{
            f"/v1/policies/{{policy_id}}/{move}": {"post"}
            for move in ("test", "backtest", "propose", "approve", "reject", "shadow", "activate")
        },
    }
    for path, methods in expected.items():
        assert methods <= set(document["paths"][path]), path


def test_an_engine_that_is_not_there_is_told_of(
    document: dict[str, Any], platform: Platform
) -> None:
    asked = platform.http.post("/v1/generations", json={"prompt": "a waltz", "engine": "none"})

    assert str(asked.status_code) in document["paths"]["/v1/generations"]["post"]["responses"]
    assert asked.json()["type"] == "/problems/not-found"


def test_every_list_takes_a_limit_and_a_cursor(document: dict[str, Any]) -> None:
    lists = [
        operations["get"]["parameters"]
        for operations in document["paths"].values()
        if "cursor" in {each["name"] for each in operations.get("get", {}).get("parameters", [])}
    ]

    assert len(lists) >= 8
    for parameters in lists:
        assert "limit" in {each["name"] for each in parameters}


def test_answers_fit_what_the_document_says_of_them(
    document: dict[str, Any], platform: Platform
) -> None:
    recording = sound(51, 8)
    reference = platform.reference(recording)
    track = platform.decided(recording)
    hook = platform.http.post(
        "/v1/webhooks", json={"url": "https://a.example.com/", "events": ["*"]}
    ).json()
    account = "/v1/accounts/kid"
    asked = {"guardian": "p", "scopes": ["publish"], "text": "May they?", "text_version": "1"}
    consent = platform.http.post(f"{account}/consents", json=asked).json()["id"]
    platform.http.post(f"{account}/consents/{consent}/grant", json={"method": "signed-form"})
    platform.http.put(f"{account}/age", json={"method": "document", "band": "child"})
    made = platform.http.post(
        "/v1/generations", json={"prompt": "a waltz", "account": "kid"}
    ).json()
    take = add_take(platform.service, platform.tenant.id, "kid").id
    addresses = {
        "/v1/accounts/{account}/age": f"{account}/age",
        "/v1/accounts/{account}/controls": f"{account}/controls",
        "/v1/accounts/{account}/gates": f"{account}/gates",
        "/v1/accounts/{account}/consents": f"{account}/consents",
        "/v1/accounts/{account}/consents/{consent_id}": f"{account}/consents/{consent}",
        "/v1/generations/{generation_id}": f"/v1/generations/{made['id']}",
        "/v1/generations/quota": "/v1/generations/quota?account=kid",
        "/v1/takes": "/v1/takes",
        "/v1/takes/{take_id}": f"/v1/takes/{take}",
        "/v1/takes/{take_id}/tree": f"/v1/takes/{take}/tree",
        "/v1/tracks": "/v1/tracks",
        "/v1/tracks/{track_id}": f"/v1/tracks/{track}",
        "/v1/tracks/{track_id}/analysis": f"/v1/tracks/{track}/analysis",
        "/v1/tracks/{track_id}/decision": f"/v1/tracks/{track}/decision",
        "/v1/tracks/{track_id}/explanation": f"/v1/tracks/{track}/explanation?threshold=0.3",
        "/v1/references": "/v1/references",
        "/v1/references/{reference_id}": f"/v1/references/{reference['id']}",
        "/v1/webhooks/{webhook_id}": f"/v1/webhooks/{hook['id']}",
        "/v1/cases": "/v1/cases",
        "/v1/audit": "/v1/audit",
        "/v1/audit/verify": "/v1/audit/verify",
        "/v1/keys": "/v1/keys",
        "/v1/policies": "/v1/policies",
        "/v1/dead": "/v1/dead",
        "/readyz": "/readyz",
    }
    for path, address in addresses.items():
        answer = platform.http.get(address)
        assert answer.status_code == 200, address
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())
    missing = platform.http.get("/v1/tracks/none").json()
    problem = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    Draft202012Validator(problem).validate(missing)
