"""``holder``, as the operator runs it."""

from pathlib import Path

from tests import cataloguing
from tests.program import answer, clearance, initialised, lines
from tests.songs import song, write


def test_the_operator_vouches_for_a_holder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    initialised(home)
    path = write(tmp_path / "song.wav", song(1, 8))
    answer(home, "reference", "add", path, "--holder", "Label")
    (label,) = lines(clearance(home, "holder", "list", "--json"))
    assert (label["name"], label["verified"], label["precision"]) == ("Label", False, None)

    assert answer(home, "holder", "verify", label["id"])["verified"]
    assert "yes" in clearance(home, "holder", "list").stdout
    assert not answer(home, "holder", "verify", label["id"], "--no")["verified"]
    assert clearance(home, "holder", "verify", "nobody", status=2).stdout == ""


def test_a_catalogue_is_taken_in_and_its_report_names_what_is_wrong(tmp_path: Path) -> None:
    home, file, report = tmp_path / "home", tmp_path / "list.zip", tmp_path / "report.csv"
    initialised(home)
    path = write(tmp_path / "song.wav", song(1, 8))
    answer(home, "reference", "add", write(tmp_path / "other.wav", song(2, 8)), "--holder", "Label")
    (label,) = lines(clearance(home, "holder", "list", "--json"))
    listed = "key,title,policy,file\na,Song,block,song.wav\nb,Song,sell,song.wav\n"
    file.write_bytes(cataloguing.zipped(list_csv=listed, song_wav=path.read_bytes()))

    told = ["holder", "catalogue", "import", file, "--holder", label["id"], "--report", report]
    assert answer(home, *told, "--dry-run", status=1)["counts"]["added"] == 1
    view = answer(home, *told, status=1)
    assert (view["counts"]["added"], view["counts"]["refused"]) == (1, 1)
    assert "3,b,Song,refused,,policy," in report.read_text()
    assert len(lines(clearance(home, "reference", "list", "--json"))) == 2
    password = answer(
        home,
        "user",
        "add",
        "desk@label.example",
        "--role",
        "rights_holder",
        "--holder",
        label["id"],
    )["password"]
    assert password
    clearance(home, "user", "add", "x@label.example", "--holder", label["id"], status=2)
