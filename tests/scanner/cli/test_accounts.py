"""``account`` as an operator runs it: age, a parent's consent, controls, gates."""

from pathlib import Path

import pytest

from tests.program import answer, clearance, initialised, lines


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    initialised(folder)
    return folder


def test_a_child_is_known_by_a_band_and_may_what_a_parent_allows(home: Path) -> None:
    age = answer(
        home, "account", "age", "kid",
        "--birth-date", "2016-03-01", "--country", "DE", "--method", "document",
    )  # fmt: skip
    assert (age["band"], age["level"], age["law"]) == ("child", "high", "GDPR-8")
    asked = answer(
        home, "account", "consent", "request", "kid", "--guardian", "mother",
        "--scope", "generate", "--text", "May they?", "--text-version", "1",
    )  # fmt: skip
    assert asked["token"].startswith("clr_parent_")
    granted = answer(
        home, "account", "consent", "grant", "kid", asked["id"], "--method", "signed-form"
    )
    assert (granted["state"], granted["scopes"]) == ("granted", ["generate"])
    set_ = answer(home, "account", "controls", "kid", "--daily-generations", "3", "--no-explicit")
    assert (set_["daily_generations"], set_["explicit"]) == (3, False)
    assert answer(home, "account", "controls", "kid", "--show") == set_

    gates = lines(clearance(home, "account", "gates", "kid", "--json"))
    outcomes = {each["act"]: each["outcome"] for each in gates}
    assert (outcomes["generate"], outcomes["publish"]) == ("allowed", "needs-consent")
    assert "Somebody under 16" in clearance(home, "account", "gates", "kid").stdout

    answer(home, "account", "consent", "withdraw", "kid", asked["id"])
    (listed,) = lines(clearance(home, "account", "consent", "list", "kid", "--json"))
    assert listed["state"] == "withdrawn"
    assert answer(home, "account", "age", "kid") == age


WRONG = [
    (["age", "nobody"], "no account"),
    (["age", "kid", "--band", "old"], "band"),
    (["age", "kid", "--birth-date", "2999-01-01"], "birth date"),
    (["controls", "kid", "--opens", "08:00"], "opens"),
    (["consent", "grant", "kid", "none", "--method", "phone"], "no account"),
]


def test_what_can_not_be_so_is_bad_usage(home: Path) -> None:
    for arguments, told in WRONG:
        done = clearance(home, "account", *arguments, "--json", status=2)

        assert done.stdout == ""
        assert told in done.stderr, arguments
        assert "CLEARANCE_" not in done.stderr
