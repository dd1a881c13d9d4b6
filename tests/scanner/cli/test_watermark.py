"""``clearance watermark``: keys, marks in files, and what is said of those that are read."""

import json
from pathlib import Path

import pytest

from tests.marked import bass, copied, voice, write
from tests.program import answer, clearance, lines
from tests.scanner.cli.conftest import Installation
from watermark.keys import Key, format_key_file

ID = "0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and a song of 30 s, and no installation."""
    folder = tmp_path_factory.mktemp("marks")
    made = answer(folder, "watermark", "keygen", folder / "ours.key")
    assert len(made["digest"]) == 64
    write(folder / "song.wav", voice(31, 30))
    return folder


def test_a_key_file_is_for_its_owner_only_and_never_overwritten(folder: Path) -> None:
    path = folder / "ours.key"
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_text()

    refused = clearance(folder, "watermark", "keygen", path, status=2)

    assert "another name" in refused.stderr
    assert path.read_text() == content
    path.chmod(0o644)
    told = clearance(folder, "watermark", "detect", folder / "song.wav", "--key", path, status=2)
    path.chmod(0o600)
    assert "chmod 600" in told.stderr
    assert content.split("key ")[1][:32] not in told.stderr


def test_a_mark_is_written_into_a_lossy_file_and_read_from_a_piece_of_a_copy(folder: Path) -> None:
    # One and the same key each time: by some others unmarked sound has places that stand out a little.
    file = folder / "known.key"
    file.write_text(format_key_file(Key(bytes(range(16)))))
    file.chmod(0o600)
    key = ("--key", file)
    marked = answer(
        folder,
        "watermark",
        "embed",
        folder / "song.wav",
        folder / "marked.m4a",
        "--payload",
        ID,
        *key,
    )
    assert marked["read_back"]
    assert marked["payload"].startswith(ID)
    assert len(marked["payload"]) == 32
    copied(folder / "marked.m4a", folder / "copy.mp3", start=6, seconds=20)

    found, other = lines(
        clearance(
            folder, "watermark", "detect", folder / "copy.mp3", folder / "song.wav", *key, "--json",
            status=1,
        )
    )  # fmt: skip

    assert found["found"]
    (mark, *_) = found["watermarks"]
    assert (mark["payload"], mark["verdict"]) == (marked["payload"], "found")
    assert mark["false_alarm"] < 1e-6
    assert {"scheme", "score", "start", "end", "key_id", "owner"} <= mark.keys()
    assert (other["found"], other["watermarks"]) == (False, [])
    shown = clearance(folder, "watermark", "detect", folder / "song.wav", *key, status=1).stdout
    assert "proves nothing" in shown


def test_a_payload_of_32_digits_is_taken_as_it_is(folder: Path) -> None:
    raw = "00112233445566778899aabbccddeeff"

    marked = answer(
        folder, "watermark", "embed", folder / "song.wav", folder / "raw.flac", "--payload", raw,
        "--key", folder / "ours.key",
    )  # fmt: skip

    assert (marked["payload"], marked["read_back"]) == (raw, True)


def test_what_can_not_be_marked_or_read_is_bad_usage_with_a_reason(folder: Path) -> None:
    key = ("--key", folder / "ours.key")
    song, out = folder / "song.wav", folder / "out.wav"

    def refused(source: Path, target: Path, payload: str) -> str:
        arguments = ("watermark", "embed", source, target, "--payload", payload, *key)
        return clearance(folder, *arguments, status=2).stderr

    assert "hexadecimal" in refused(song, out, "xyz")
    assert "end in one of" in refused(song, folder / "out.ogg", ID)
    assert "too short" in refused(write(folder / "short.wav", bass(1)), out, ID)
    assert not out.exists()
    (folder / "text.wav").write_text("no audio")
    (told,) = lines(
        clearance(folder, "watermark", "detect", folder / "text.wav", *key, "--json", status=2)
    )
    assert told["error"]["type"] == "not-audio"
    without = clearance(folder, "watermark", "detect", song, status=2)
    assert "clearance init" in without.stderr


def test_keys_are_made_at_the_start_rotated_and_revoked(installation: Installation) -> None:
    home = installation.home
    (first,) = [
        each
        for each in lines(clearance(home, "watermark", "keys", "list", "--json"))
        if each["state"] == "writing"
    ]
    assert first["tenant_id"] is None

    second = answer(home, "watermark", "keys", "rotate")
    refused = clearance(
        home, "watermark", "keys", "revoke", second["id"], "--reason", "test", status=2
    )
    assert "rotate first" in refused.stderr
    revoked = answer(home, "watermark", "keys", "revoke", first["id"], "--reason", "leaked")

    assert (second["state"], revoked["state"], revoked["reason"]) == (
        "writing",
        "revoked",
        "leaked",
    )
    clearance(home, "watermark", "keygen", home / "theirs.key")
    added = answer(home, "watermark", "keys", "add", home / "theirs.key", "--owner", "Them")
    assert (added["state"], added["owner"]) == ("reading", "Them")
    table = clearance(home, "watermark", "keys", "list").stdout
    assert second["id"] in table
    assert "Them" in table
    answer(home, "watermark", "keys", "revoke", added["id"], "--reason", "test is over")


def test_a_licensee_is_noticed_and_revoked(installation: Installation) -> None:
    home = installation.home
    added = answer(home, "watermark", "licensee", "add", "Label")
    noticed = answer(home, "watermark", "licensee", "notice", added["id"], "--reason", "strips")
    assert (noticed["state"], noticed["rule"]) == ("noticed", "CA-942")
    revoked = answer(home, "watermark", "licensee", "revoke", added["id"], "--reason", "strips")
    assert revoked["state"] == "revoked"
    assert json.loads(clearance(home, "watermark", "licensee", "list", "--json").stdout) == revoked


def test_stems_need_a_generated_file(installation: Installation) -> None:
    song = installation.unknown

    alone = clearance(installation.home, "scan", song, "--stem", f"a={song}", status=2)

    assert "--generated" in alone.stderr
