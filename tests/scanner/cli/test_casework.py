"""``case`` as a reviewer runs it: list, take, decide, take back."""

import json
from pathlib import Path
from typing import Any

from sqlmodel import select

from scanner import keys
from scanner.callers import SCOPES, Caller
from scanner.journal import Actor
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Tenant
from tests import reviewing
from tests.program import answer, clearance, initialised, lines

RITA = {"CLEARANCE_LOGIN": "rita@example.org", "CLEARANCE_PASSWORD": "a long password of hers"}


def rita(home: Path, *arguments: str) -> dict[str, Any]:
    """What a command answers that she gives."""
    return dict(json.loads(clearance(home, "case", *arguments, "--json", **RITA).stdout))


def test_a_reviewer_takes_decides_and_takes_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    initialised(home)
    with Service(Settings(home=home)) as service:
        keys.create_user(service, RITA["CLEARANCE_LOGIN"], "reviewer", RITA["CLEARANCE_PASSWORD"])
        with service.database.reading() as session:
            tenant = session.exec(select(Tenant)).one()
        caller = Caller(tenant.id, Actor("cli", "admin"), frozenset(SCOPES))
        case = reviewing.about_track(service, caller)

    skills = answer(home, "case", "skills", "rita@example.org", "--skill", "review")
    assert skills["skills"] == ["review"]
    (listed,) = lines(clearance(home, "case", "list", "--json"))
    assert (listed["id"], listed["state"]) == (case.id, "queued")
    assert rita(home, "lease")["mine"]
    clearance(home, "case", "lease", status=1, **RITA)
    wrong = clearance(home, "case", "verdict", case.id, "retire", "--reason", "x", status=2, **RITA)
    assert "release, restrict, block" in wrong.stderr
    block = ("verdict", case.id, "block", "--reason", "human.copy-confirmed")
    assert rita(home, *block, "--territory", "DE")["state"] == "decided"
    assert rita(home, "undo", case.id)["state"] == "leased"
    limits = ("--restrict", "age=18")
    restrict = ("verdict", case.id, "restrict", "--reason", "human.rules-broken")
    assert rita(home, *restrict, *limits)["state"] == "decided"
    rita(home, "undo", case.id)
    assert rita(home, "escalate", case.id, "--text", "A famous band.")["state"] == "escalated"
    assert answer(home, "case", "show", case.id)["reasons"]
    assert "human.copy-confirmed" in clearance(home, "case", "reasons").stdout
    assert "Kappa" in clearance(home, "case", "quality").stdout
