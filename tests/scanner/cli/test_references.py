"""``reference``: added, listed, shown, counted and removed."""

from pathlib import Path
from typing import Any

import soundfile

from tests.program import answer, clearance, lines
from tests.scanner.audio.recordings import encode, stereo
from tests.scanner.cli.conftest import Installation
from tests.songs import song, write


def test_a_reference_lives_from_add_to_remove(installation: Installation, tmp_path: Path) -> None:
    path = write(tmp_path / "work.flac", song(21, 20))
    added = answer(
        installation.home, "reference", "add", path,
        "--holder", "A. Composer", "--policy", "track", "--isrc", "US-RC1-76-07839",
    )  # fmt: skip
    assert added.keys() == {"path", "reference_id"}
    shown = answer(installation.home, "reference", "show", added["reference_id"])
    assert (shown["title"], shown["policy"]) == ("work", "track")
    assert shown["holder"]["name"] == "A. Composer"
    assert shown["isrc"] == "USRC17607839"
    listed = lines(clearance(installation.home, "reference", "list", "--json"))
    assert listed[0]["id"] == added["reference_id"]

    recorded = answer(installation.home, "scan", path)
    assert recorded["decision"] == "clear"  # a `track` reference is recorded, no more
    assert [each["reference_id"] for each in recorded["matches"]] == [added["reference_id"]]

    clearance(installation.home, "reference", "remove", added["reference_id"])
    assert answer(installation.home, "scan", path)["matches"] == []
    clearance(installation.home, "reference", "show", "no-such-reference", status=2)


def test_the_references_are_counted(installation: Installation) -> None:
    counted = answer(installation.home, "reference", "stats")
    assert counted["references"] >= 2
    assert counted["index_bytes"] > 0


def test_a_file_that_cannot_be_read_does_not_stop_the_rest(
    installation: Installation, tmp_path: Path
) -> None:
    folder = tmp_path / "works"
    folder.mkdir()
    write(folder / "a.wav", song(31, 15))
    soundfile.write(folder / "b.wav", song(32, 0.2), 22050)
    write(folder / "c.wav", song(33, 15))
    write(folder / "silent.wav", 0 * song(33, 15))
    done = clearance(
        installation.home, "reference", "add", folder, "--recursive", "--json", status=2
    )
    first, short, last, silent = lines(done)
    assert first["reference_id"] != last["reference_id"]
    assert short["error"]["type"] == "too-short"
    assert silent["error"]["type"] == "silent-audio"
    again = lines(clearance(installation.home, "reference", "add", folder / "a.wav", "--json"))
    assert again[0]["reference_id"] == first["reference_id"]


def test_an_unknown_policy_or_an_isrc_for_two_files_is_bad_usage(
    installation: Installation,
) -> None:
    files = [installation.first, installation.second]
    for wrong in (["--policy", "ignore"], ["--isrc", "US-RC1-76-07839"], ["--isrc", "nonsense"]):
        done = clearance(installation.home, "reference", "add", *files, *wrong, "--json", status=2)
        assert done.stdout == ""


def test_another_tenant_sees_none_of_it(installation: Installation) -> None:
    sandbox_key = answer(installation.home, "key", "create", "try", "--sandbox")
    assert sandbox_key["api_key"].startswith("clr_test_")
    other = ["--tenant", "default (sandbox)"]
    assert clearance(installation.home, "reference", "list", *other, "--json").stdout == ""
    found = answer(installation.home, "scan", installation.first, *other)
    assert (found["decision"], found["matches"]) == ("clear", [])
    clearance(installation.home, "reference", "show", installation.references[0], *other, status=2)
    clearance(installation.home, "scan", installation.first, "--tenant", "nobody", status=2)


def test_lyrics_come_from_the_tags_or_a_file_and_are_shown_and_taken_back(
    installation: Installation, tmp_path: Path
) -> None:
    sung = "Hold the harbour and hold the light"
    file = tmp_path / "lyrics.txt"
    file.write_text(f"[00:01.00]{sung}\nuntil the morning\n", "utf-8")
    tagged = encode(tmp_path / "tagged.flac", stereo(8, seed=77), "flac", tags={"lyrics": sung})

    def asked(*command: object) -> dict[str, Any]:
        return dict(answer(installation.home, "reference", *command))

    added = asked("add", tagged)["reference_id"]
    assert asked("lyrics", added)["lyrics"] == sung
    clearance(installation.home, "policy", "screen", f"a waltz on {sung.lower()}", status=1)
    asked("lyrics", added, file)
    assert asked("lyrics", added)["lyrics"].endswith("until the morning")
    asked("lyrics", added, "--remove")
    clearance(installation.home, "policy", "screen", f"a waltz on {sung.lower()}")

    again = asked("add", tagged, "--lyrics", file)["reference_id"]
    assert again == added
    assert asked("show", added)["lyrics_known"] is True
    file.write_bytes(b"\xff\xfe\x00")
    clearance(installation.home, "reference", "lyrics", added, file, status=2)
