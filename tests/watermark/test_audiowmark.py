"""The program audiowmark as an engine: the real one where it is installed, its recorded answers anyway."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from tests.watermark.exchanges import KEYS, PAYLOADS, RATE, clip, executable, noise, replaying
from tests.watermark.golden_audio import Golden
from watermark import (
    Audiowmark,
    BadStrengthError,
    BlockKind,
    BuiltinWatermarker,
    EngineError,
    EngineFailedError,
    EngineMissingError,
    EngineTimeoutError,
    EngineVersionError,
    Key,
    Payload,
    PayloadMode,
    TooShortError,
    UnknownEngineError,
    UnusableAudioError,
    Verdict,
    engine,
    signed_payload,
)
from watermark.key_files import key_files
from watermark.limiter import limited_by_seconds
from watermark.printed import estimated_margin, marks_from

installed = pytest.mark.skipif(
    shutil.which("audiowmark") is None, reason="audiowmark is not installed"
)
GOLDEN = Payload("ffeeddccbbaa99887766554433221100")


@pytest.fixture(params=["recorded", pytest.param("real", marks=installed)])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Audiowmark:
    name = "audiowmark" if request.param == "real" else replaying(tmp_path)
    return Audiowmark.installed(name)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("payload", PAYLOADS)
def test_both_engines_make_the_same_mark(program: Audiowmark, payload: Payload) -> None:
    """The resamplers differ."""
    theirs = program.embed(noise(), RATE, payload, KEYS[1], 12.5)
    alike = BuiltinWatermarker(limiter=limited_by_seconds)
    ours = alike.embed(noise(), RATE, payload, KEYS[1], 12.5)
    assert theirs.shape == ours.shape
    assert theirs.dtype == np.float32
    mark = np.sqrt(np.mean((ours - noise()) ** 2))
    assert np.sqrt(np.mean((theirs - ours) ** 2)) < 0.05 * mark


def test_a_mark_is_found_with_its_place_and_key(program: Audiowmark) -> None:
    marks = program.detect(clip(), 44100, KEYS)
    assert (marks[0].payload, marks[0].key_id) == (GOLDEN, "golden")
    assert marks[0].kind is BlockKind.CLIP_B
    assert (marks[0].start_seconds, marks[0].end_seconds) == pytest.approx((0, 30), abs=1e-3)
    assert marks[0].quality > 1
    assert {mark.key_id for mark in marks} <= {key.name for key in KEYS}


def test_key_files_are_gone_afterwards(program: Audiowmark, temporary: Path) -> None:
    program.embed(noise(), RATE, PAYLOADS[0], KEYS[1], 12.5)
    program.detect(clip(), 44100, KEYS)
    assert not list(temporary.iterdir())


@installed
def test_a_checked_payload_is_found_in_an_excerpt_by_either_engine(
    music: Callable[..., np.ndarray],
) -> None:
    payload = signed_payload("00" * 12, KEYS[1])
    marked = engine("audiowmark").embed(music(2, 30, 44100, 2), 44100, payload, KEYS[1])
    for each in ("audiowmark", "builtin"):
        best = engine(each).detect(marked[:, 44100 * 5 :], 44100, [KEYS[1]])[0]
        assert (best.payload, best.verified, best.verdict) == (payload, True, Verdict.FOUND)
        assert best.false_alarm < 1e-6


@installed
def test_silence_stays_silent_and_gives_no_mark() -> None:
    silence = np.zeros((2, 4 * RATE), np.float32)
    program = Audiowmark.installed()
    assert not program.embed(silence, RATE, GOLDEN, KEYS[0]).any()
    assert program.detect(silence, RATE, KEYS) == []


FAILURES = {
    "an error": ("import sys; sys.exit('first\\naudiowmark: no such thing')", EngineFailedError),
    "no word": ("import sys; sys.exit(3)", EngineFailedError),
    "no json": ("print('pattern 0:05')", EngineFailedError),
    "no matches": ("print('[]')", EngineFailedError),
    "another match": ('print(\'{"matches": [{"key": "9"}]}\')', EngineFailedError),
    "depth": ("print('{\"matches\":' + '[' * 200_000)", EngineFailedError),
    "a flood": (
        "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))",
        EngineFailedError,
    ),
    "hangs": ("import time; time.sleep(60)", EngineTimeoutError),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_are_named_tell_no_key_and_leave_no_file(
    case: str, tmp_path: Path, temporary: Path
) -> None:
    body, error = FAILURES[case]
    program = Audiowmark(executable(tmp_path, body), timeout_seconds=1.5)
    with pytest.raises(error) as embedding:
        program.embed(noise(), RATE, GOLDEN, KEYS[1])
    with pytest.raises(error) as detecting:
        program.detect(noise(), RATE, KEYS)
    for raised in (embedding, detecting):
        assert KEYS[1].secret.hex() not in str(raised.value)
    assert not list(temporary.iterdir())


def test_samples_that_are_no_numbers_are_not_handed_on(tmp_path: Path) -> None:
    body = "import sys; n = len(sys.stdin.buffer.read()); sys.stdout.buffer.write(b'\\xff' * n)"
    program = Audiowmark(executable(tmp_path, body))
    with pytest.raises(EngineFailedError, match="no numbers"):
        program.embed(noise(), RATE, GOLDEN, KEYS[0])


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    body = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        "child.wait()"
    )
    with pytest.raises(EngineTimeoutError):
        Audiowmark(executable(tmp_path, body), timeout_seconds=1.5).detect(noise(), RATE, KEYS)
    assert _ends(int((tmp_path / "child").read_text()))


def _ends(process: int) -> bool:
    """Whether a process is gone, or only waits to be counted as such, within 10 s."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_keys_that_a_killed_process_left_are_removed_and_those_in_use_stay(
    tmp_path: Path, temporary: Path
) -> None:
    left, young = temporary / "watermark-keys-left", temporary / "watermark-keys-young"
    for folder in (left, young):
        folder.mkdir()
        (folder / "0.key").write_text("key")
    with key_files(KEYS) as used:
        for folder in (left, used[0].parent):
            os.utime(folder, (0, 0))
        Audiowmark.installed(executable(tmp_path, "print('audiowmark 0.6.5')"))
        assert all(path.exists() for path in used)
    assert list(temporary.iterdir()) == [young]


def test_the_last_line_of_an_error_is_told(tmp_path: Path) -> None:
    program = Audiowmark(executable(tmp_path, FAILURES["an error"][0]))
    with pytest.raises(EngineFailedError, match="add ended with 1: audiowmark: no such thing"):
        program.embed(noise(), RATE, GOLDEN, KEYS[1])


def test_a_missing_program_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "garbage").write_bytes(b"\x00\x01 no program")
    (tmp_path / "garbage").chmod(0o700)
    paths = [tmp_path / "file", tmp_path / "file" / "below", tmp_path / "garbage", tmp_path]
    for name in ("no-such-audiowmark", *map(str, paths)):
        with pytest.raises(EngineMissingError, match="builtin engine"):
            Audiowmark.installed(name)


@pytest.mark.parametrize("told", ["0.6.1", "0.5", "0.7.0", "1.0"])
def test_versions_whose_marks_are_not_known_are_refused(told: str, tmp_path: Path) -> None:
    with pytest.raises(EngineVersionError, match=r"0\.6\.2"):
        Audiowmark.installed(executable(tmp_path, f"print('audiowmark {told}')"))


def test_another_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineVersionError, match="tells no version"):
        Audiowmark.installed(executable(tmp_path, "print('sox 14.4')"))


def test_bad_input_never_reaches_the_program() -> None:
    program = Audiowmark("no-such-audiowmark")
    with pytest.raises(BadStrengthError):
        program.embed(noise(), RATE, GOLDEN, KEYS[0], 51)
    with pytest.raises(TooShortError):
        program.embed(noise()[:, 1:], RATE, GOLDEN, KEYS[0])
    with pytest.raises(UnusableAudioError):
        program.detect(noise().astype(np.float64), RATE, KEYS)  # type: ignore[arg-type]
    assert program.detect(noise(), RATE, []) == []
    with pytest.raises(EngineError):
        program.detect(noise(), RATE, KEYS)


def match(**given: object) -> dict[str, object]:
    return {
        "key": "0", "pos": "1:05", "bits": GOLDEN.digits, "quality": 1.0, "error": 0.05,
        "type": "A", "speed": 1.0, **given,
    }  # fmt: skip


BLOCK = 2226 * 1024 / 44100
PLACES = {
    "A": (65, 65 + BLOCK),
    "B-SPEED": (65, 65 + BLOCK),
    "AB": (65 - BLOCK, 65 + BLOCK),
    "ALL": (0, 120),
    "CLIP-A": (65, 65 + BLOCK + 5 * 1024 / 44100),
}


@pytest.mark.parametrize("kind", PLACES)
def test_places_are_those_that_the_mark_was_read_from(kind: str) -> None:
    key = Key(bytes(16), "house")
    mark = next(marks_from([match(type=kind)], [key], PayloadMode.BITS_128, 120))
    assert (mark.start_seconds, mark.end_seconds) == pytest.approx(PLACES[kind])
    assert mark.key_id == "house"


def test_a_block_of_little_error_is_found_and_one_of_chance_is_not() -> None:
    key = Key(bytes(16), "house")
    matches = [match(), match(error=0.34), match(quality=0.2), match(type="CLIP-A", error=0.5)]
    verdicts = [each.verdict for each in marks_from(matches, [key], PayloadMode.BITS_128, 120)]
    assert verdicts == [Verdict.FOUND, *[Verdict.CANDIDATE] * 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "-1"}, {"key": "1"}, {"key": 0}, {"key": "٠"}, {"bits": "abc"}, {"bits": None},
        {"type": 3}, {"type": "C"}, {"pos": 5}, {"pos": "-5:00"}, {"pos": "1"}, {"pos": "9:00"},
        {"quality": nan}, {"quality": "1"}, {"quality": True}, {"error": inf}, {"error": 10**400},
        {"speed": 0}, {"speed": nan}, {"speed": -1.0}, {"speed": 1e-9},
    ],
    ids=str,
)  # fmt: skip
def test_a_match_that_can_not_be_is_an_error_and_no_mark(wrong: dict[str, object]) -> None:
    with pytest.raises(EngineFailedError, match=r"otherwise than 0\.6"):
        list(marks_from([match(**wrong)], [Key(bytes(16))], PayloadMode.BITS_128, 120))


def test_a_start_that_was_rounded_up_is_not_behind_the_end() -> None:
    (mark,) = marks_from([match(pos="0:05")], [Key(bytes(16))], PayloadMode.BITS_128, 4.5)
    assert (mark.start_seconds, mark.end_seconds) == (4.5, 4.5)


def test_what_silence_decodes_to_is_no_mark() -> None:
    silence = match(bits="0" * 32, quality=0.0, error=-0.0006)
    assert not list(marks_from([silence], [Key(bytes(16))], PayloadMode.BITS_128, 120))


def test_margins_are_estimated_below_those_that_were_read(golden: Callable[..., Golden]) -> None:
    file = golden("mono48")
    marks = BuiltinWatermarker().detect(file.sound("marked"), file.rate, [file.key])
    blocks = [mark for mark in marks if not mark.kind.is_clip]
    assert blocks
    for mark in blocks:
        assert estimated_margin(mark.error, mark.kind, mark.payload.mode) < mark.margin


def test_engines_have_names() -> None:
    assert isinstance(engine("builtin"), BuiltinWatermarker)
    with pytest.raises(UnknownEngineError, match="builtin, audiowmark"):
        engine("other")


def test_an_engine_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineMissingError):
        engine("audiowmark")
