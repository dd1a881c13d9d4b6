"""No input takes the service down: limits hold, crashes are named, and the next file decodes."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.audio import AudioError, Decoded, DecodeLimits, Decoder
from scanner.audio.children import _environment
from tests.scanner.audio.recordings import (
    FORMATS,
    aac_with_damage,
    encode,
    flac_of_silence,
    ogg_crc,
    stereo,
)

NAMES = sorted(FORMATS)


@pytest.fixture(scope="module")
def endless(tmp_path_factory) -> Path:
    """Ten hours of silence in a small file: seconds of computing, gigabytes of samples."""
    path = tmp_path_factory.mktemp("endless") / "silence.flac"
    path.write_bytes(flac_of_silence(36_000))
    return path


def refusal(decoder: Decoder, path: Path) -> AudioError:
    with pytest.raises(AudioError) as refused:
        decoder.decode(path)
    assert str(path) not in refused.value.detail
    return refused.value


def test_wall_time_is_limited(endless) -> None:
    limits = DecodeLimits(wall_seconds=0.3, max_duration=40_000)
    with Decoder(limits) as decoder:
        started = time.monotonic()
        refused = refusal(decoder, endless)

    assert (refused.problem, refused.transient) == ("decode-timeout", False)
    assert time.monotonic() - started < 5


def test_computing_is_limited(endless) -> None:
    with Decoder(DecodeLimits(cpu_seconds=1, max_duration=40_000)) as decoder:
        assert refusal(decoder, endless).problem == "decode-cpu"


def test_memory_is_limited(tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(5), "wav")
    with Decoder(DecodeLimits(memory_bytes=1 << 20)) as decoder:
        assert refusal(decoder, path).problem == "decode-memory"


def test_many_threads_decode_at_once(decoder, tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(3), "flac")
    with ThreadPoolExecutor(10) as pool:
        lengths = set(pool.map(lambda _: decoder.decode(path).samples.shape[1], range(30)))

    assert lengths == {3 * 44100}


def _children(decoder: Decoder) -> list[psutil.Process]:
    assert decoder.children.zygote is not None
    return psutil.Process(decoder.children.zygote.pid).children()


def test_a_child_that_is_killed_is_named_and_the_next_one_works(endless, tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(1), "wav")
    with Decoder(DecodeLimits(max_duration=40_000)) as decoder:
        decoder.decode(path)
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(0.02):
                for child in _children(decoder):
                    with contextlib.suppress(psutil.Error):
                        child.send_signal(signal.SIGSEGV)
                        return

        killer = threading.Thread(target=kill)
        killer.start()
        refused = refusal(decoder, endless)
        stop.set()
        killer.join()

        assert refused.problem == "decoder-crashed"
        assert decoder.decode(path).samples.shape == (2, 44100)


def test_a_pre_warmed_process_that_dies_is_started_again(tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(1), "wav")
    with Decoder() as decoder:
        decoder.decode(path)
        assert decoder.children.zygote is not None
        os.kill(decoder.children.zygote.pid, signal.SIGKILL)
        decoder.children.zygote.wait()

        assert isinstance(decoder.decode(path), Decoded)


def test_a_pre_warmed_process_loads_nothing_that_no_decoder_uses() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, scanner.audio.zygote; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
        env=_environment(),
    )
    loaded = set(done.stdout.split())
    assert "scanner.audio.decoder" in loaded
    assert loaded.isdisjoint({"structlog", "rich", "pydantic", "sqlalchemy", "scipy"})


def test_samples_lie_in_the_folder_that_is_named_and_have_no_name_there(tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(1), "wav")
    folder = tmp_path / "home" / "tmp"
    with Decoder(folder=folder) as decoder:
        decoded = decoder.decode(path)

    assert decoded.samples.shape == (2, 44100)
    assert f" {folder}/" in Path("/proc/self/maps").read_text()
    assert list(folder.iterdir()) == []


def test_nothing_is_left_running_or_open(tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(1), "wav")
    before = psutil.Process().num_fds()
    with Decoder() as decoder:
        for _ in range(20):
            decoder.decode(path)
        assert decoder.children.zygote is not None
        zygote = psutil.Process(decoder.children.zygote.pid)
        assert zygote.children() == []

    assert not zygote.is_running()
    assert psutil.Process().num_fds() <= before


@pytest.mark.parametrize("name", ["flac", "mp3", "ogg", "wav", "m4a", "aiff"])
def test_a_file_that_breaks_off_gives_what_decodes_and_says_so(decoder, tmp_path, name) -> None:
    name = name if name in FORMATS else next(each for each in NAMES if each.startswith(name))
    whole = encode(tmp_path / "whole", stereo(4), name)
    cut = tmp_path / f"cut{whole.suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    try:
        decoded = decoder.decode(cut)
    except AudioError as refused:
        assert name.startswith("m4a")  # its index stood at the end
        assert refused.problem == "unreadable-audio"
        return
    assert 0.5 < decoded.duration < 3
    kinds = {warning.type for warning in decoded.warnings}
    assert "truncated" in kinds
    assert "not-examined" not in kinds


def test_chained_streams_are_decoded_in_order(decoder, tmp_path) -> None:
    name = next(each for each in NAMES if FORMATS[each].container == "ogg")
    one = encode(tmp_path / "one", stereo(2, FORMATS[name].rate, seed=1), name)
    two = encode(tmp_path / "two", stereo(3, FORMATS[name].rate, seed=2), name)
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(one.read_bytes() + two.read_bytes())

    decoded = decoder.decode(chained)

    assert decoded.duration == pytest.approx(5, abs=0.1)
    assert "chained" in {warning.type for warning in decoded.warnings}


def test_a_chained_stream_that_is_left_out_is_named(decoder, tmp_path) -> None:
    one = encode(tmp_path / "one", stereo(2), "ogg-vorbis").read_bytes()
    two = bytearray(encode(tmp_path / "two", stereo(3, seed=2), "ogg-vorbis").read_bytes())
    at = two.index(b"\x01vorbis")
    two[at : at + 7] = b"nothing"
    two[22:26] = ogg_crc(bytes(two[: at + 30]))
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(one + two)

    decoded = decoder.decode(chained)

    assert decoded.duration == pytest.approx(2, abs=0.1)
    details = {warning.type: warning.detail for warning in decoded.warnings}
    assert details["not-examined"] == "stream 2 of 2 chained ones could not be decoded"


@pytest.mark.parametrize(("bad", "whole"), [(50, True), (1100, False)])
def test_audio_behind_damage_is_decoded_or_said_to_be_left_out(
    decoder, tmp_path, bad: int, whole: bool
) -> None:
    path = aac_with_damage(tmp_path / "song.mka", seconds=2, bad_packets=bad, more_seconds=20)

    decoded = decoder.decode(path)

    details = {warning.type: warning.detail for warning in decoded.warnings}
    assert "damaged" in details
    assert ("not-examined" not in details) == whole
    if whole:
        assert decoded.duration > 21
    else:
        assert decoded.duration < 3
        left_out = float(re.search(r"about (\S+) s more", details["not-examined"]).group(1))
        assert left_out == pytest.approx(20 + bad * 1024 / 44100, abs=0.5)


def test_a_flipped_bit_in_a_flac_is_noticed(decoder, tmp_path) -> None:
    path = encode(tmp_path / "song", stereo(2), "flac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)

    kinds = {warning.type for warning in decoder.decode(path).warnings}

    assert kinds & {"checksum", "damaged"}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("encoded")
    return {
        name: encode(folder / name, stereo(0.5, FORMATS[name].rate), name).read_bytes()
        for name in NAMES
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32), flips=st.integers(1, 40))
def test_damaged_bytes_end_in_samples_or_a_named_error(
    decoder, encoded, tmp_path, name, seed, flips
) -> None:
    dice = random.Random(seed)
    data = bytearray(encoded[name])
    for _ in range(flips):
        # headers are where damage hurts most
        at = dice.randrange(min(len(data), 400) if dice.random() < 0.5 else len(data))
        data[at] = dice.randrange(256)
    path = tmp_path / "damaged"
    path.write_bytes(data)

    try:
        decoded = decoder.decode(path)
    except AudioError as refused:
        assert refused.problem
        assert refused.detail
    else:
        assert decoded.samples.shape[1] >= 1


def test_after_all_that_the_decoder_still_works(decoder, tmp_path) -> None:
    assert decoder.decode(encode(tmp_path / "song", stereo(1), "wav")).duration == 1
