"""``notice`` and ``flagger``, as the operator runs them."""

from pathlib import Path

from tests.program import answer, clearance, initialised, lines


def test_a_flagger_is_added_with_a_key_and_notices_are_listed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    initialised(home)

    added = answer(home, "flagger", "add", "Music Watch", "desk@watch.example")

    assert added["key"].startswith("clr_live_")
    (listed,) = lines(clearance(home, "flagger", "list", "--json"))
    assert (listed["state"], listed["decided"], listed["precision"]) == ("trusted", 0, None)
    assert "Music Watch" in clearance(home, "flagger", "list").stdout
    assert lines(clearance(home, "notice", "list", "--state", "valid", "--json")) == []
    reason = ("--reason", "They asked for it.")
    gone = answer(home, "flagger", "remove", added["id"], *reason)
    assert (gone["state"], bool(gone["lost_at"])) == ("lost", True)
    missing = clearance(home, "notice", "show", "nothing", "--json", status=2)
    assert "no notice" in missing.stderr
