"""``account`` and ``hold``, as an operator runs them."""

import zipfile
from pathlib import Path

import pytest

from scanner import keys, tracks
from scanner.callers import SCOPES, Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.journal import Actor
from scanner.service import Service
from scanner.settings import Settings
from tests.program import answer, clearance, initialised, lines


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with one track of an account."""
    initialised(tmp_path)
    with Service(Settings(home=tmp_path)) as service:
        with service.database.reading() as session:
            (tenant,) = keys.tenants(session)
        caller = Caller(tenant.id, Actor("test", "platform"), frozenset(SCOPES))
        blob = service.store.put_bytes(tenant.id, b"RIFF....WAVE")
        source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name="a.wav")
        declaration = Declaration.parse({"account": "alice", "lyrics": "la la"})
        tracks.submit(service, caller, source, declaration, entrance="test", key=new_id())
    return tmp_path


def test_an_account_is_shown_exported_held_and_erased(home: Path) -> None:
    shown = answer(home, "account", "show", "alice")
    assert (shown["tracks"], shown["holds"]) == (1, [])
    file = home / "alice.zip"
    assert answer(home, "account", "export", "alice", file)["bytes"] == file.stat().st_size
    with zipfile.ZipFile(file) as archive:
        assert b"la la" in archive.read("tables/submission.json")
    clearance(home, "account", "export", "alice", file, status=3)  # it is there already
    hold = answer(home, "hold", "place", "account", shown["id"], "--basis", "a claim")
    refused = clearance(home, "account", "erase", "alice", "--yes", status=1)
    assert "a claim" in refused.stderr
    assert "until it is lifted" in refused.stderr
    (listed,) = lines(clearance(home, "hold", "list", "--json"))
    assert (listed["id"], listed["lifted_at"]) == (hold["id"], None)
    assert answer(home, "hold", "lift", hold["id"])["lifted_at"]
    assert "--yes" in clearance(home, "account", "erase", "alice", status=1).stderr
    assert answer(home, "account", "erase", "alice", "--yes")["id"] == shown["id"]
    clearance(home, "account", "show", "alice", status=2)
    assert answer(home, "audit", "verify")["whole"]
    assert answer(home, "account", "sweep")["rows"] == {}


def test_a_hold_for_no_reason_or_for_nothing_is_bad_usage(home: Path) -> None:
    account = answer(home, "account", "show", "alice")["id"]
    for wrong in (("song", account, "x"), ("account", account, " "), ("account", "nobody", "x")):
        kind, object_id, basis = wrong
        clearance(home, "hold", "place", kind, object_id, "--basis", basis, status=2)
    clearance(home, "hold", "lift", "no-such-hold", status=2)
