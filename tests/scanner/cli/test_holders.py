"""``holder``, as the operator runs it."""

from pathlib import Path

from tests.program import answer, clearance, lines
from tests.songs import song, write


def test_the_operator_vouches_for_a_holder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    answer(home, "init")
    path = write(tmp_path / "song.wav", song(1, 8))
    answer(home, "reference", "add", path, "--holder", "Label")
    (label,) = lines(clearance(home, "holder", "list", "--json"))
    assert (label["name"], label["verified"], label["precision"]) == ("Label", False, None)

    assert answer(home, "holder", "verify", label["id"])["verified"]
    assert "yes" in clearance(home, "holder", "list").stdout
    assert not answer(home, "holder", "verify", label["id"], "--no")["verified"]
    assert clearance(home, "holder", "verify", "nobody", status=2).stdout == ""
