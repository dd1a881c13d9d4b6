"""``bank`` and what ``reference`` does to references that are there, as the operator runs them."""

from pathlib import Path

import pytest

from tests.program import answer, clearance, initialised, lines
from tests.songs import RATE, song, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    initialised(folder)
    return folder


def decision(home: Path, path: Path) -> str:
    return str(lines(clearance(home, "scan", path, "--json", status=None))[0]["decision"])


def test_a_bank_is_made_filled_and_switched(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    made = answer(home, "bank", "add", "label")
    assert (made["kind"], made["enabled"], made["rollout"]) == ("rights", True, 1.0)
    added = answer(home, "reference", "add", path, "--bank", "label")
    assert added.keys() == {"path", "reference_id"}
    assert decision(home, path) == "block"
    assert not answer(home, "bank", "off", "label")["enabled"]
    assert decision(home, path) == "clear"
    answer(home, "bank", "on", "label")
    assert answer(home, "bank", "rollout", "label", "0.0")["rollout"] == 0
    assert decision(home, path) == "clear"
    answer(home, "bank", "rename", "label", "a label")
    moved = answer(home, "reference", "move", added["reference_id"], "--bank", "a label")
    assert moved["bank"]["name"] == "a label"
    changed = answer(
        home, "reference", "change", added["reference_id"], "--policy", "track", "--title", "New"
    )
    assert (changed["policy"], changed["title"]) == ("track", "New")
    assert clearance(home, "reference", "change", added["reference_id"], status=2).stdout == ""
    clearance(home, "reference", "change", added["reference_id"], "--policy", "burn", status=2)
    listed = lines(clearance(home, "bank", "list", "--json"))
    assert [(each["name"], each["references"]) for each in listed] == [("a label", 1)]
    for wrong in (["on", "nobody"], ["rollout", "a label", "2"], ["add", "x", "--kind", "good"]):
        assert clearance(home, "bank", *wrong, "--json", status=2).stdout == ""


def test_an_operator_sees_conflicts_and_decides(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "song.wav", song(1, 12))
    other = write(tmp_path / "again.flac", song(1, 12))
    answer(home, "reference", "add", path, "--holder", "One label")
    done = clearance(home, "reference", "add", other, "--holder", "Another", "--json", status=1)
    (kept,) = lines(done)
    assert kept["status"] == "quarantined"
    assert [each["kind"] for each in kept["conflicts"]] == ["other-holder"]
    told = clearance(home, "reference", "add", other, "--holder", "Another", status=1)
    assert "One label" in told.stderr
    assert "--despite-conflicts" in told.stderr
    settled = answer(
        home, "reference", "settle", kept["reference_id"],
        "--verdict", "active", "--reason", "they share it",
    )  # fmt: skip
    assert settled["status"] == "active"
    third = answer(home, "reference", "add", path, "--holder", "A third", "--despite-conflicts")
    assert third["status"] == "active"
    assert len(third["conflicts"]) == 2


def test_a_part_is_excluded_and_a_reference_sleeps(home: Path, tmp_path: Path) -> None:
    samples = song(1, 30)
    path = write(tmp_path / "song.wav", samples)
    excerpt = write(tmp_path / "excerpt.wav", samples[5 * RATE : 17 * RATE])
    reference = answer(home, "reference", "add", path)["reference_id"]
    part = answer(home, "reference", "exclude", reference, "--start", "4", "--end", "18")
    assert decision(home, excerpt) == "clear"
    answer(home, "reference", "include", reference, part["id"])
    assert decision(home, excerpt) == "block"
    slept = answer(home, "reference", "snooze", reference, "--until", "2199-01-01")
    assert slept["snoozed_until"] == "2199-01-01T00:00:00+00:00"
    assert decision(home, excerpt) == "clear"
    assert answer(home, "reference", "wake", reference)["status"] == "active"
    assert answer(home, "reference", "rematch")["found"] == 1  # by the scan while it slept
    clearance(home, "reference", "confirm", reference, status=2)
    clearance(home, "reference", "deconfirm", reference, status=2)
    clearance(home, "reference", "snooze", reference, "--until", "2001-01-01", status=2)


def test_two_installations_share_references(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    answer(other, "init")
    path = write(tmp_path / "song.wav", song(1, 12))
    answer(home, "reference", "add", path)
    bundle, back = tmp_path / "bundle.jsonl", tmp_path / "back.jsonl"
    key = answer(home, "bank", "key")["key"]
    assert answer(home, "reference", "export", bundle, "--bank", "default")["key"] == key

    (taken,) = lines(
        clearance(other, "reference", "import", bundle, "--trust", key, "--bank", "peer", "--json")
    )
    assert decision(other, path) == "review"
    answer(other, "reference", "deconfirm", taken["reference_id"], "--reason", "wrong")
    assert decision(other, path) == "clear"
    theirs = answer(other, "reference", "export-opinions", back, "--bank", "peer")["key"]

    counts = answer(home, "reference", "import-opinions", back, "--trust", theirs)
    assert counts == {"taken": 1, "known": 0, "unknown": 0}
    shown = answer(home, "reference", "show", taken["origin_id"])
    assert shown["opinions"] == {"confirmed": 0, "deconfirmed": 1}
    done = clearance(home, "reference", "import", bundle, "--trust", theirs, status=2)
    assert "another key" in done.stderr
