"""A process whose threads are all taken refuses more at once, and takes it again later."""

import threading

import anyio
import httpx
import pytest

from scanner import keys, limits
from scanner.api import create_app
from scanner.streams import records
from tests.scanner.api.conftest import problem


async def _take_thread(holding: anyio.abc.TaskGroup, held: threading.Event, waiting: int) -> None:
    """Keep the only thread until the event, and let so many wait for it."""
    for _ in range(1 + waiting):
        holding.start_soon(anyio.to_thread.run_sync, held.wait)
    await anyio.wait_all_tasks_blocked()


def test_more_requests_than_may_wait_are_refused_until_there_are_fewer(make_service) -> None:
    service = make_service(request_limit=3)
    app = create_app(service.settings, service)

    async def ask() -> list[httpx.Response]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        held = threading.Event()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            async with anyio.create_task_group() as holding:
                await _take_thread(holding, held, waiting=3)
                busy = [await client.get(path) for path in ("/v1/tracks", "/login", "/healthz")]
                held.set()
            return [*busy, await client.get("/v1/tracks")]

    api, page, probe, later = anyio.run(ask)

    assert problem(api) == "busy"
    assert page.status_code == 503
    assert "3 requests wait already" in page.text
    assert [each.headers["Retry-After"] for each in (api, page)] == ["2", "2"]
    assert probe.json() == {"status": "ok"}
    assert problem(later) == "unauthorised"


def test_requests_are_refused_while_those_before_them_wait_too_long(make_service) -> None:
    service = make_service(thread_wait_seconds=1e-9)
    app = create_app(service.settings, service)

    async def ask() -> list[int]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        held, statuses = threading.Event(), []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def get() -> None:
                statuses.append((await client.get("/v1/tracks")).status_code)

            async with anyio.create_task_group() as holding:
                await _take_thread(holding, held, waiting=1)
                holding.start_soon(get)
                await anyio.wait_all_tasks_blocked()
                await get()
                held.set()
            await get()
            return statuses

    assert anyio.run(ask) == [503, 401, 401]


def test_reads_beyond_those_worked_on_wait_and_are_refused_without_holding_up_what_is_sent(
    make_service,
) -> None:
    service = make_service(read_slots=1, request_limit=3, thread_wait_seconds=60)
    app = create_app(service.settings, service)

    async def ask() -> list[tuple[str, int]]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        held, answers = threading.Event(), []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def send(method: str) -> None:
                answers.append((method, (await client.request(method, "/v1/banks")).status_code))

            async with anyio.create_task_group() as holding:
                holding.start_soon(anyio.to_thread.run_sync, held.wait)
                # One read waits for the thread, two for their turn, and who asks how long that takes.
                for method in ("GET", "GET", "GET", "GET", "POST"):
                    await anyio.wait_all_tasks_blocked()
                    holding.start_soon(send, method)
                with anyio.fail_after(30):
                    while not answers:
                        await anyio.sleep(0.01)
                held.set()
            return answers

    refused, *later = anyio.run(ask)

    assert refused == ("GET", 503)
    assert sorted(later) == [("GET", 401), ("GET", 401), ("GET", 401), ("POST", 401)]


@pytest.mark.parametrize(("seconds", "comes"), [(0.01, True), (3600, False)])
def test_a_read_that_takes_long_keeps_no_other_from_its_turn(
    make_service, monkeypatch, seconds, comes
) -> None:
    monkeypatch.setattr(limits, "TURN_SECONDS", seconds)
    crowd = limits.Crowd(make_service(read_slots=1).settings)

    async def ask() -> bool:
        came = False
        async with crowd.reading():
            with anyio.move_on_after(30 if comes else 0.1):
                async with crowd.reading():
                    came = True
        async with crowd.reading():  # each turn ended once
            return came

    assert anyio.run(ask) is comes


def test_refusals_are_held_back_but_only_so_many(make_service, monkeypatch) -> None:
    monkeypatch.setattr(limits, "HELD_SECONDS", 3600)
    monkeypatch.setattr(limits, "MOST_HELD", 1)
    service = make_service(request_limit=1)
    app = create_app(service.settings, service)

    async def ask() -> tuple[list[httpx.Response], httpx.Response]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        held, answers = threading.Event(), []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def get() -> None:
                answers.append(await client.get("/v1/tracks"))

            async with anyio.create_task_group() as holding:
                await _take_thread(holding, held, waiting=1)
                holding.start_soon(get)
                await anyio.wait_all_tasks_blocked()
                with anyio.fail_after(30):
                    second = await client.get("/v1/tracks")
                held.set()
                holding.cancel_scope.cancel()
            return answers, second

    first, second = anyio.run(ask)

    assert first == []
    assert problem(second) == "busy"


def test_a_pause_of_the_process_is_no_wait_for_a_thread(make_service) -> None:
    service = make_service(thread_wait_seconds=0.02)
    app = create_app(service.settings, service)

    async def ask() -> list[int]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        held, statuses = threading.Event(), []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def get() -> None:
                statuses.append((await client.get("/v1/tracks")).status_code)

            async with anyio.create_task_group() as holding:
                for _ in range(2):  # one has the thread, one waits
                    holding.start_soon(anyio.to_thread.run_sync, held.wait)
                await anyio.lowlevel.checkpoint()
                holding.start_soon(get)
                for _ in range(3):  # it has asked for a thread by now
                    await anyio.lowlevel.checkpoint()
                threading.Event().wait(0.05)  # on the event loop: nothing can run
                held.set()
                await get()
            return statuses

    assert anyio.run(ask) == [401, 401]


def test_probes_are_answered_while_no_thread_is_left_for_requests(make_service) -> None:
    service = make_service()
    app = create_app(service.settings, service)

    async def ask() -> list[httpx.Response]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        held = threading.Event()
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
            anyio.create_task_group() as holding,
        ):
            holding.start_soon(anyio.to_thread.run_sync, held.wait)
            await anyio.wait_all_tasks_blocked()
            try:
                with anyio.fail_after(30):
                    return [await client.get(path) for path in ("/readyz", "/metrics")]
            finally:
                held.set()

    ready, metrics = anyio.run(ask)

    assert set(ready.json()["checks"]) == {"database", "bus", "index", "store"}
    assert "clearance_" in metrics.text


@pytest.mark.parametrize("path", ["/v1/tracks", "/v1/schemas/{type}/{version}", "/problems/{name}"])
def test_the_document_says_that_a_busy_service_refuses(make_service, path) -> None:
    service = make_service()

    answers = create_app(service.settings, service).openapi()["paths"][path]["get"]["responses"]

    assert "busy" in answers["503"]["content"]["application/problem+json"]["examples"]


def test_who_waits_for_the_end_of_a_stream_keeps_no_thread(make_service) -> None:
    """Its listener is behind: each of these requests waits up to 5 s, and all of them can be of one tenant."""
    service = make_service()
    tenant = keys.create_tenant(service, "one")
    _, token = keys.create_key(service, tenant.id, "key")
    row = records.add(service, keys.authenticate(service, token), "Radio", None)
    connection = records.connect(service, row.id)
    records.note_heard(service, connection, 5.0, silent=1.0)
    app = create_app(service.settings, service)
    address, headers = f"/v1/streams/{row.id}", {"Authorization": f"Bearer {token}"}

    async def ask() -> tuple[list[str], list[dict]]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        sheets: list[dict] = []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:

            async def end() -> None:
                sheets.append((await client.post(f"{address}/end")).json())

            async with anyio.create_task_group() as ending:
                for _ in range(2):
                    ending.start_soon(end)
                states = [(await client.get(address)).json()["state"] for _ in range(10)]
                records.note_heard(service, connection, 10.0)
            return states, sheets

    states, sheets = anyio.run(ask)
    assert states == ["listening"] * 10
    assert [(each["is_final"], each["heard_seconds"]) for each in sheets] == [(True, 10.0)] * 2
