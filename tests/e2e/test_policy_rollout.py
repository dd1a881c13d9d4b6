"""A pack's whole way, by the installed program, on tracks that are really analysed."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.program import answer, clearance, initialised, lines
from tests.rollouts import pack_text
from tests.songs import song, write

ADA, BOB = "ada@example.org", "bob@example.org"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    initialised(folder)
    return folder


@pytest.fixture
def logins(home: Path) -> dict[str, str]:
    """Passwords of two policy leads, by their addresses."""
    made = (answer(home, "user", "add", email, "--role", "policy_lead") for email in (ADA, BOB))
    return {each["email"]: each["password"] for each in made}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "patient.yaml"
    path.write_text(pack_text(4))
    return path


@pytest.fixture
def songs(tmp_path: Path) -> Iterator[Path]:
    """Distinct songs of 5 s, which the candidate sends to a person."""
    return (write(tmp_path / f"song-{n}.wav", song(500 + n, 5)) for n in range(99))


@dataclass(frozen=True)
class Lead:
    """A policy lead at the command line."""

    home: Path
    email: str
    password: str

    @property
    def environment(self) -> dict[str, str]:
        return {"CLEARANCE_LOGIN": self.email, "CLEARANCE_PASSWORD": self.password}

    def does(self, *arguments: str | Path) -> dict[str, Any]:
        # So few tracks must not stop the canary.
        limits = {"CLEARANCE_CANARY_MINIMUM": "1000"}
        return answer(self.home, "policy", *arguments, **self.environment, **limits)


def scanned(home: Path, *paths: Path) -> list[dict[str, Any]]:
    return lines(clearance(home, "scan", *paths, "--json", "--jobs", "1", status=None))


@pytest.mark.timeout(600)  # some twenty runs of the program
def test_a_pack_is_proposed_approved_rehearsed_put_in_force_and_rolled_back(
    home: Path, logins: dict[str, str], pack: Path, songs: Iterator[Path]
) -> None:
    ada, bob = (Lead(home, email, password) for email, password in logins.items())
    proposed = ada.does("propose", pack)
    refused = clearance(home, "policy", "approve", pack, status=2, **ada.environment)
    assert "another login or key" in refused.stderr
    assert bob.does("approve", pack)["approved_by"] != proposed["proposed_by"]

    bob.does("shadow", pack)
    live = scanned(home, next(songs), next(songs))
    shown = answer(home, "policy", "show", pack)
    assert {each["decision"] for each in live} == {"clear"}
    assert (shown["activations"][0]["compared"], shown["activations"][0]["differing"]) == (2, 2)
    assert {each["track_id"] for each in shown["differences"]} == {
        each["track_id"] for each in live
    }

    bob.does("activate", pack, "--share", "0.5")
    shared: list[dict[str, Any]] = []
    while {each["decision"] for each in shared} != {"clear", "review"}:
        shared += scanned(home, *itertools.islice(songs, 6))
        assert len(shared) < 25, "one in 8 million, if the halves are halves"
    for each in shared:
        assert (each["decision"] == "review") == (each["pack"] == proposed["id"])

    bob.does("activate", pack)
    (whole,) = scanned(home, next(songs))
    assert (whole["decision"], whole["pack"]) == ("review", proposed["id"])
    back = bob.does("rollback", "--reason", "too many reviews")
    (after,) = scanned(home, next(songs))
    assert back["name"] == "default"
    assert (after["decision"], after["pack"]) == ("clear", back["id"])

    rules = answer(home, "policy", "diff", pack)
    assert rules["rules_added"] == ["long-track"]
    replayed = answer(home, "policy", "backtest", pack, "--since", "2026-01-01")
    assert replayed["table"]["clear"]["review"] == replayed["differing"] > 0
    states = [each["state"] for each in lines(clearance(home, "policy", "list", "--json"))]
    assert sorted(states) == ["active", "retired"]
    assert answer(home, "audit", "verify")["whole"]


def test_a_refused_pack_ends_with_1_and_names_what_to_mend(home: Path, pack: Path) -> None:
    pack.write_text(pack_text(4).replace("expect: {decision: clear}", "expect: {decision: block}"))

    done = clearance(home, "policy", "propose", pack, status=1)

    assert "a short one is clear" in done.stderr


def test_one_operator_alone_needs_the_setting(
    home: Path, pack: Path, songs: Iterator[Path]
) -> None:
    answer(home, "policy", "propose", pack)
    clearance(home, "policy", "approve", pack, status=2)

    done = answer(home, "policy", "approve", pack, CLEARANCE_SINGLE_OPERATOR="1")
    answer(home, "policy", "activate", pack)

    assert done["single_operator"]
    (track,) = scanned(home, next(songs))
    assert track["decision"] == "review"
    assert "single operator" in clearance(home, "policy", "list").stdout


def test_a_login_that_is_no_policy_lead_is_refused(home: Path, pack: Path) -> None:
    made = answer(home, "user", "add", "eve@example.org", "--role", "reviewer")
    for password, words in ((made["password"], "policy_lead"), ("wrong", "password is wrong")):
        done = clearance(
            home, "policy", "propose", pack, status=2,
            CLEARANCE_LOGIN="eve@example.org", CLEARANCE_PASSWORD=password,
        )  # fmt: skip
        assert words in done.stderr
