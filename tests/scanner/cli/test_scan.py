"""``scan``, ``explain`` and ``fingerprint`` on real files, through the real pipeline."""

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from tests.forked_program import Started, forked
from tests.loopback import Listener
from tests.program import PROGRAM, answer, clearance, environment, installed, lines, serving
from tests.scanner.cli.conftest import Installation
from tests.songs import song, write

CONTRACT = {
    "path", "track_id", "sha256", "duration", "state", "decision", "outcomes", "restrictions",
    "matches", "watermarks", "reasons", "pack", "index_version", "index_age_seconds", "detectors",
    "seconds",
}  # fmt: skip


def test_each_file_gets_one_object_in_the_order_given(
    installation: Installation, tmp_path: Path
) -> None:
    no_audio = tmp_path / "no audio.mp3"
    no_audio.write_bytes(b"words, only words " * 50)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(installation.unknown.read_bytes()[:300])
    given = [
        installation.unknown, no_audio, installation.excerpt, tmp_path / "missing.wav",
        broken, installation.first,
    ]  # fmt: skip
    done = clearance(installation.home, "scan", *given, "--json", "--jobs", "3", status=2)
    results = lines(done)
    assert [each["path"] for each in results] == [str(path) for path in given]
    unknown, refused, excerpt, missing, held, whole = results

    assert unknown.keys() >= CONTRACT
    assert (unknown["decision"], unknown["state"], unknown["matches"]) == ("clear", "released", [])
    assert unknown["reasons"]

    assert refused["error"]["type"] == "not-audio"
    assert "track_id" not in refused
    assert missing["error"]["type"] == "file-unreadable"
    assert held["error"]["type"]
    assert held["track_id"]

    assert excerpt["decision"] == "block"
    (match,) = excerpt["matches"]
    assert match["reference_id"] == installation.references[0]
    assert match["path"] == str(installation.first)
    (segment,) = match["segments"]
    assert segment["reference_start"] == pytest.approx(15, abs=0.5)
    assert segment["reference_end"] == pytest.approx(27, abs=0.5)
    assert whole["state"] == "blocked"


def test_the_exit_code_says_whether_all_is_clear(installation: Installation) -> None:
    for path, decision, status in (
        (installation.unknown, "clear", 0),
        (installation.excerpt, "block", 1),
    ):
        done = installed(installation.home, "scan", path, "--json", status=status)
        assert json.loads(done.stdout)["decision"] == decision


def test_a_folder_needs_recursive_and_gives_its_audio_files_only(
    installation: Installation, tmp_path: Path
) -> None:
    deep = tmp_path / "music" / "deep"
    deep.mkdir(parents=True)
    shutil.copy(installation.unknown, deep / "named like text.txt")
    shutil.copy(installation.unknown, tmp_path / "music" / "[bold]song[red].flac")
    (deep / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 no sound")
    refused = clearance(installation.home, "scan", tmp_path / "music", status=2)
    assert "--recursive" in refused.stderr
    done = clearance(installation.home, "scan", tmp_path / "music", "--recursive")
    assert "[bold]song[red].flac" in done.stdout
    assert "named like text.txt" in done.stdout
    assert "cover.jpg" not in done.stdout


def test_path_bytes_that_are_not_utf8_print_as_replacement_characters(
    installation: Installation, tmp_path: Path
) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.flac")  # noqa: PTH118 (bytes)
    shutil.copy(installation.unknown, path)
    done = installed(installation.home, "scan", path, "--json")
    assert json.loads(done.stdout)["path"].endswith("caf\ufffd.flac")


def test_a_name_that_steers_terminals_is_shown_and_not_obeyed(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "red \x1b[31m \u202egpj.wav"
    path.write_bytes(installation.unknown.read_bytes())
    text = tmp_path / "text \x9b31m.mp3"
    text.write_text("no music")

    scanned = clearance(installation.home, "scan", path).stdout
    refused = clearance(installation.home, "reference", "add", text, status=2).stderr
    (exact,) = lines(clearance(installation.home, "scan", path, "--json"))

    assert r"red \x1b[31m \u202egpj.wav" in scanned
    assert r"text \x9b31m.mp3" in refused
    assert not {"\x1b", "\x9b", "\u202e"} & {*scanned, *refused}
    assert exact["path"] == str(path)


def test_explain_says_the_reasons_and_the_places_in_words(installation: Installation) -> None:
    track = answer(installation.home, "scan", installation.excerpt, status=1)["track_id"]
    words = clearance(installation.home, "explain", track).stdout
    assert words.startswith(f"block: track {track} is blocked")
    assert "from 0:00 to 0:12 your track is the recording 'first' from 0:15 to 0:27" in words
    told = answer(installation.home, "explain", track)
    assert [each["text"] for each in told["reasons"]] == [
        each["text"] for each in told["explanation"]["reasons"]
    ]
    rules = answer(installation.home, "policy", "explain", track)
    assert rules["decision"] == "block"
    assert rules["facts"]["matches"]
    scores = [flip for flip in rules["flips"] if flip["fact"] == "match.score"]
    assert [flip["decision"] for flip in scores] == ["clear", "review"]
    score = scores[1]
    assert score["effect"] == "milder"
    assert score["change"].startswith("below 0.99 (is ")
    shown = clearance(installation.home, "policy", "explain", track).stdout
    assert shown.startswith(f"block (*: block), by {rules['pack']}\n")
    for told_too in ("recording-block", "match.licensed", "Its holder does not allow"):
        assert told_too in shown
    assert clearance(installation.home, "explain", "no-such-track", status=2).stdout == ""


def test_a_decision_whose_facts_were_erased_is_not_explained(installation: Installation) -> None:
    scanned = answer(installation.home, "scan", installation.unknown, "--account", "gone")
    clearance(installation.home, "account", "erase", "gone", "--yes")
    done = clearance(installation.home, "policy", "explain", scanned["track_id"], status=2)
    assert (done.stdout, "not replayable: erased" in done.stderr) == ("", True)


def test_a_declaration_that_is_wrong_is_bad_usage(installation: Installation) -> None:
    for option in (["--age-band", "old"], ["--territory", "ZZ"]):
        done = clearance(
            installation.home, "scan", installation.unknown, *option, "--json", status=2
        )
        assert done.stdout == ""
    assert "territories" in done.stderr


def test_a_fingerprint_is_made_without_an_installation(
    music: dict[str, Path], tmp_path: Path
) -> None:
    made = answer(tmp_path, "fingerprint", music["excerpt"])
    assert made["path"] == str(music["excerpt"])
    assert made["fingerprint"]
    assert list(tmp_path.iterdir()) == []
    clearance(tmp_path, "fingerprint", tmp_path / "missing.wav", status=2)


@pytest.fixture(scope="module")
def long_files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("long")
    path = write(folder / "0.wav", song(9, 120))
    for n in range(1, 40):
        (folder / f"{n}.wav").hardlink_to(path)
    return [str(each) for each in sorted(folder.iterdir())]


@pytest.fixture
def heeding() -> Iterator[None]:
    """Tests that were started in the background may have SIGINT ignored, and hand that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def started(
    installation: Installation, errors: Path, *words: str
) -> Iterator[tuple[Started, IO[bytes]]]:
    """A scan that goes on, and the end of the pipe that it writes its results to."""
    ours, theirs = os.pipe()
    command = [PROGRAM, "scan", *words, "--json"]
    with errors.open("wb") as told, os.fdopen(theirs, "wb"):
        scan = forked().start(command, environment(installation.home), theirs, told.fileno())
    with os.fdopen(ours, "rb") as output:
        yield scan, output


@pytest.mark.usefixtures("heeding")
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_scan_at_once(
    installation: Installation,
    long_files: list[str],
    tmp_path: Path,
    signum: signal.Signals,
    status: int,
) -> None:
    errors = tmp_path / "errors"
    with started(installation, errors, *long_files, "--jobs", "2") as (scan, output):
        assert json.loads(output.readline())["decision"]
        below = psutil.Process(scan.pid).children(recursive=True)
        scan.send_signal(signum)
        assert scan.wait(20) == status
        rest = output.read()
    assert "Traceback" not in errors.read_text()
    assert len(rest.splitlines()) < len(long_files) - 1
    assert psutil.wait_procs(below, timeout=20)[1] == []
    assert answer(installation.home, "audit", "verify")["whole"]


def test_a_reader_that_closes_the_pipe_is_left_quietly(
    installation: Installation, long_files: list[str], tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    with started(installation, errors, *long_files[:6], "--jobs", "1") as (scan, output):
        output.close()
        assert scan.wait(60) == 128 + signal.SIGPIPE
    assert errors.read_bytes() == b""


def test_results_that_cannot_be_written_end_with_3(
    installation: Installation, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    command = [PROGRAM, "scan", installation.unknown, "--json"]
    with Path("/dev/full").open("wb") as full, errors.open("wb") as told:
        scan = forked().start(command, environment(installation.home), full.fileno(), told.fileno())
    assert scan.wait(60) == 3
    assert "Traceback" not in errors.read_text()


HTML = (
    b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<p>no"
)


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"301 Moved", 3), (b"200 OK", 3), (b"401 Unauthorized", 2), (b"404 Not Found", 3)],
)
def test_a_server_that_is_none_of_ours_is_no_answer(
    tmp_path: Path, line: bytes, status: int
) -> None:
    path = write(tmp_path / "a.flac", song(3, 5))
    listener = Listener(HTML % line)
    try:
        address = f"http://{listener.host}"
        done = clearance(
            tmp_path, "scan", path, "--server", address, "--json",
            status=status, CLEARANCE_API_KEY="clr_live_x",
        )  # fmt: skip
    finally:
        listener.close()
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")


def test_an_address_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", song(3, 5))
    for address in ("localhost:8080", "ftp://a.example"):
        clearance(
            tmp_path, "scan", path, "--server", address, status=2, CLEARANCE_API_KEY="clr_live_x"
        )


def test_a_scan_by_a_server_says_the_same_and_serve_ends_clean(
    installation: Installation, tmp_path: Path
) -> None:
    no_audio = tmp_path / "no audio.mp3"
    no_audio.write_bytes(b"words, only words " * 50)
    files = [installation.excerpt, no_audio, installation.unknown]
    declared = ["--territory", "DE", "--territory", "FR", "--age-band", "adult"]
    here = lines(clearance(installation.home, "scan", *files, *declared, "--json", status=2))
    with serving(installation.home) as served:
        options = [*declared, "--server", served.address, "--json"]
        there = lines(
            clearance(
                tmp_path,
                "scan",
                *files,
                *options,
                status=2,
                CLEARANCE_API_KEY=installation.api_key,
            )
        )
        wrong = clearance(tmp_path, "scan", *files, *options, status=2, CLEARANCE_API_KEY="wrong")
        assert "API key" in wrong.stderr
        counted = httpx.get(f"{served.address}/metrics", timeout=30).text
        assert 'clearance_decisions_total{decision="block"} 1.0' in counted  # by the worker
        assert "pid=" not in counted
        below = psutil.Process(served.process.pid).children(recursive=True)
        assert below
        assert served.stop() == 143
        assert psutil.wait_procs(below, timeout=20)[1] == []
    for mine, theirs in zip(here, there, strict=True):
        assert mine.keys() == theirs.keys()
        for name in ("path", "error", "decision", "outcomes", "reasons", "sha256", "state"):
            assert mine.get(name) == theirs.get(name)
    gone = clearance(tmp_path, "scan", *files, *options, status=3, CLEARANCE_API_KEY="any")
    assert gone.stdout == ""
