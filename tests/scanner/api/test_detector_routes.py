"""Drift and rescans over HTTP, for operators of the own platform."""

from datetime import UTC, datetime, time

from scanner import drift
from scanner.callers import Caller
from scanner.journal import Actor
from tests.casework import at
from tests.scanner.api.conftest import Api, problem, sound
from tests.scanner.test_drift import LOW, SPREAD, analysed, day

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_baseline_is_frozen_and_the_days_after_it_are_told(make_api) -> None:
    api: Api = make_api(drift_minimum=20)
    platform = api.platform()
    caller = Caller(platform.tenant.id, Actor("ops", "operator"), frozenset())
    at(api.service, datetime.combine(day(10), time(12), UTC))
    for n in (1, 2):
        analysed(api.service, caller, day(n), SPREAD)
    days = {"first_day": day(1).isoformat(), "last_day": day(2).isoformat()}

    frozen = platform.http.post("/v1/drift/baselines", json=days)
    assert frozen.status_code == 201
    by_kind = {each["kind"]: each for each in frozen.json()["items"]}
    assert by_kind["recording"] == {"kind": "recording", "tracks": 100, "frozen": True}
    analysed(api.service, caller, day(9), LOW)
    drift.judge_due(api.service)
    (recording,) = [
        each
        for each in platform.http.get("/v1/drift").json()["items"]
        if each["kind"] == "recording"
    ]
    assert (recording["tracks"], recording["found"]) == (100, 100)
    assert recording["days"][-1] | {"psi": None} == {
        "day": day(9).isoformat(), "tracks": 50, "psi": None, "state": "drifted",
    }  # fmt: skip
    assert api.platform("two").http.get("/v1/drift").json() == {"items": []}

    backwards = {"first_day": days["last_day"], "last_day": days["first_day"]}
    assert problem(platform.http.post("/v1/drift/baselines", json=backwards)) == "conflict"


def test_a_rescan_is_begun_watched_and_stopped(api: Api) -> None:
    platform, other = api.platform(), api.platform("two")
    platform.decided(sound(3))

    assert problem(platform.http.post("/v1/rescans", json={"detectors": ["ears"]})) == "bad-fields"
    begun = platform.http.post("/v1/rescans", json={})
    address = begun.headers["location"]
    assert begun.status_code == 201
    assert begun.json()["state"] == "running"
    assert problem(platform.http.post("/v1/rescans", json={})) == "conflict"
    assert platform.http.get("/v1/rescans").json()["items"] == [begun.json()]
    for client, path in ((other.http, address), (platform.http, f"/v1/rescans/{NOBODY}")):
        assert problem(client.get(path)) == "not-found"
        assert problem(client.post(f"{path}/stop")) == "not-found"
    assert platform.http.get(address).json()["ended_at"] is None

    assert platform.http.post(f"{address}/stop").json()["state"] == "stopped"
    assert problem(platform.http.post(f"{address}/stop")) == "conflict"
    again = platform.http.post("/v1/rescans", json={}).json()
    page = platform.http.get("/v1/rescans", params={"limit": 1}).json()
    assert page["items"] == [again]
    rest = {"limit": 1, "cursor": page["next_cursor"]}
    assert [
        each["state"] for each in platform.http.get("/v1/rescans", params=rest).json()["items"]
    ] == ["stopped"]
