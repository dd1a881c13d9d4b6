"""Shards as processes and on their machines: filled, killed, damaged, looked after."""

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import fingerprint
from scanner import errors, references
from scanner.backup.taking import take
from scanner.callers import Caller
from scanner.errors import BadOptionError
from scanner.health import Health
from scanner.installation import examine
from scanner.metrics import EVENTS
from scanner.service import Service
from scanner.shards import server
from scanner.shards.placement import Shard
from tests.program import PROGRAM, answer, clearance
from tests.program import environment as program_environment
from tests.running import add_tenant, working
from tests.servers import free_port, wait_until
from tests.sharding import SONGS, added, give_secret, medley, shard_of, sharded, shards_of, whole
from tests.songs import song, write
from tests.submitting import submit, view


def test_a_shard_that_is_damaged_is_built_anew(
    service: Service, caller: Caller, make_service, two: tuple[str, ...]
) -> None:
    known = [added(service, caller, whole(n), f"Song {n}").id for n in range(SONGS)]
    asking = sharded(make_service, service, *two)
    assert asking.catalogue.compare(caller.tenant_id) == SONGS
    for each in service.settings.shard_folder.glob("*/*/*.segment"):
        each.unlink()
    found = asking.catalogue.search(caller.tenant_id, medley()).matches
    assert {match.reference_id for match in found} == set(known)


def tries(logs: list) -> int:
    return sum(each["event"] == "shard_not_filled" for each in logs)


def test_a_shard_that_could_not_be_filled_does_not_say_that_it_is_full_until_it_is(
    service: Service, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REFILL_SECONDS", 0.05)
    made = added(service, caller, whole(0), "Song")
    held = service.store.path_or_copy(caller.tenant_id, made.fingerprint_sha256)
    app = server.create_app(service, Shard(1, 1))
    with held as path, capture_logs() as logs:
        away = path.rename(path.with_suffix(".away"))
        thread = threading.Thread(target=server._fill, args=(app,))
        thread.start()
        try:
            wait_until(lambda: tries(logs) > 1, 10, "another try")
            assert not app.state.filled.is_set()
            away.rename(path)
            wait_until(app.state.filled.is_set, 10, "the shard's filling")
        finally:
            app.state.stopping.set()
            thread.join(10)
    assert (logs[-1]["event"], logs[-1]["references"]) == ("shard_filled", 1)


def test_what_one_tenant_lost_keeps_no_other_from_a_shard(service: Service, caller: Caller) -> None:
    lost = added(service, caller, whole(0), "Song")
    other = add_tenant(service, "other")
    added(service, other, whole(1), "Other song")
    with service.store.path_or_copy(caller.tenant_id, lost.fingerprint_sha256) as path:
        path.unlink()
    app = server.create_app(service, Shard(1, 1))
    with capture_logs() as logs:
        server._fill(app)
    assert app.state.filled.is_set()
    told = {each["tenant"]: each["event"] for each in logs}
    assert told[caller.tenant_id] == "shard_not_filled"
    assert told[other.tenant_id] == "shard_filled"
    with pytest.raises(errors.ScannerError):
        service.shard_catalogue(Shard(1, 1)).state(caller.tenant_id)


def test_a_shard_that_lacks_a_reference_is_named(
    service: Service, caller: Caller, make_service, two: tuple[str, ...]
) -> None:
    known = [added(service, caller, whole(n), f"Song {n}").id for n in range(SONGS)]
    asking = sharded(make_service, service, *two)
    own = next(shard for shard in (Shard(1, 2), Shard(2, 2)) if shard.holds(known[0]))
    index = service.shard_catalogue(own).caught_up(caller.tenant_id)
    index.apply([], [known[0]], index.epoch)
    with pytest.raises(fingerprint.IndexCorruptError, match=f"rebuild --shard {own}"):
        asking.catalogue.compare(caller.tenant_id)
    service.shard_catalogue(own).rebuild(caller.tenant_id)
    assert asking.catalogue.compare(caller.tenant_id) == SONGS


def test_probe_and_doctor_name_each_shard(
    service: Service, make_service, two: tuple[str, ...]
) -> None:
    add_tenant(service)
    asking = sharded(make_service, service, two[0], "http://127.0.0.1:9")
    health = Health(asking)
    try:
        checks = health.report()["checks"]
    finally:
        health.close()
    assert {name for name, each in checks.items() if name.startswith("shard")} == {
        "shard 1/2",
        "shard 2/2",
    }
    assert [name for name, each in checks.items() if not each["ok"]] == ["shard 2/2"]
    found = {each.part: each for each in examine(asking)}
    assert found["shard 1/2"].well
    assert two[0] in found["shard 1/2"].detail
    assert not found["shard 2/2"].well
    assert not found["index"].well
    assert "at http://127.0.0.1:9: shard 2/2" in found["shard 2/2"].detail
    assert "shard 2/2 of the index does not answer" in found["index"].detail
    assert "127.0.0.1" not in found["index"].detail
    well = {each.part: each for each in examine(sharded(make_service, service, *two))}
    assert well["index"].well


def test_what_only_a_shards_own_machine_can_do_says_so(
    service: Service, caller: Caller, make_service, two: tuple[str, ...], tmp_path: Path
) -> None:
    asking = sharded(make_service, service, *two)
    with pytest.raises(BadOptionError, match="clearance shards compact"):
        asking.catalogue.compact(caller.tenant_id)
    with pytest.raises(BadOptionError, match="clearance shards rebuild"):
        asking.catalogue.rebuild(caller.tenant_id)
    added(asking, caller, whole(1), "Song 1")
    (asking.settings.index_folder / caller.tenant_id).mkdir(parents=True)
    (asking.settings.index_folder / caller.tenant_id / "manifest.json").write_text("of before")
    taken = take(asking, tmp_path / "backup")
    assert not any(each.path.startswith("index") for each in taken.manifest.written)


def test_both_databases_fill_shards(
    make_service: Callable[..., Service], database_url: str
) -> None:
    service = make_service(database_url=database_url)
    give_secret(service)
    caller = add_tenant(service)
    known = [added(service, caller, whole(n), f"Song {n}").id for n in range(3)]
    with shards_of(service, 2) as addresses:
        asking = sharded(make_service, service, *addresses)
        query = replace(medley(), embedding=None, tones=None)
        for gone in range(2):
            found = asking.catalogue.search(caller.tenant_id, query)
            assert {match.reference_id for match in found.matches} == set(known[gone:])
            references.remove(service, caller, known[gone])


def test_a_track_waits_for_a_shard_that_was_killed_and_is_decided_once_it_is_back(
    service: Service, caller: Caller, make_service, tmp_path: Path
) -> None:
    known = references.add(service, caller, path=write(tmp_path / "known.wav", song(1, 15)))
    number = next(number for number in (1, 2) if Shard(number, 2).holds(known.id))
    port = free_port()
    with shard_of(service, Shard(3 - number, 2)) as other, ExitStack() as stack:
        own = stack.enter_context(running_shard(service, f"{number}/2", port))
        addresses = (own, other) if number == 1 else (other, own)
        asking = make_service(index_shards=addresses, retries=50)
        wait_until(lambda: asking.catalogue.state(caller.tenant_id).stats.references, 30)
        stack.close()  # killed

        track = submit(asking, caller, tmp_path / "known.wav")
        before = retried()
        with working(asking):
            wait_until(lambda: retried() > before + 1, 30, "another try")
            assert view(asking, caller, track)["decision"] is None
            with running_shard(service, f"{number}/2", port):
                wait_until(lambda: view(asking, caller, track)["decision"], 30, "the decision")
    found = view(asking, caller, track)
    assert found["decision"] != "clear"
    assert [match["reference_id"] for match in found["matches"]] == [known.id]


def retried() -> float:
    return EVENTS.labels("analyse", "retried")._value.get()


@contextlib.contextmanager
def running_shard(service: Service, shard: str, port: int) -> Iterator[str]:
    """``clearance shards serve``; killed at the end."""
    process = subprocess.Popen(
        [PROGRAM, "shards", "serve", "--shard", shard, "--port", str(port), "--json"],
        env=program_environment(
            service.settings.home, CLEARANCE_DATABASE_URL=service.settings.database
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["shard"] == shard
            yield told["address"]
        finally:
            process.kill()


def test_commands_look_after_a_shard_on_its_own_machine(service: Service, caller: Caller) -> None:
    known = [added(service, caller, whole(n), f"Song {n}").id for n in range(SONGS)]
    number = 1 if Shard(1, 2).holds(known[0]) else 2  # of few songs the other may hold none
    own = sum(map(Shard(number, 2).holds, known))
    given = {"CLEARANCE_DATABASE_URL": service.settings.database}
    options = ("--shard", f"{number}/2", "--tenant", caller.tenant_id)
    for command in ("rebuild", "check"):
        told = answer(service.settings.home, "shards", command, *options, **given)
        assert told["references"] == own
    assert answer(service.settings.home, "shards", "compact", *options, **given)["bytes"] > 0
    refused = clearance(
        service.settings.home, "shards", "check", "--shard", "3/2", status=2, **given
    )
    assert "no shard 3/2" in refused.stderr
