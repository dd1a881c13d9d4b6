"""Every bad input has its name, and its message holds neither a path nor a trace."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from scanner.audio import AudioError, DecodeLimits, Decoder, EmptyFileError, NotAudioError, sniff
from tests.scanner.audio.recordings import encode, flac_of_silence, stereo, wav

TONE = (np.sin(np.arange(16000) / 5) * 20000).astype("<i2").tobytes()


def problem(decoder: Decoder, path: Path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decoder.decode(path)
    error = caught.value
    assert str(path) not in error.detail
    assert path.name not in error.detail
    assert "Traceback" not in error.detail
    assert error.transient is False
    return error


def refused(decoder: Decoder, tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "upload-4711"
    path.write_bytes(data)
    return problem(decoder, path).problem


NOT_AUDIO = {
    "text": b"Dear platform, here is my song.\n" * 100,
    "UTF-16 text": "\ufeffDear platform, here is my song.\n".encode("utf-16-le") * 100,
    "short UTF-16 text": b"\xff\xfea\x00b\x00c\x00d\x00e\x00",
    "HTML": b"<!doctype html><html><body>502 Bad Gateway</body></html>",
    "PDF": b"%PDF-1.7\n" + bytes(5000),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(5000),
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(5000),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(5000),
    "AVIF": b"\0\0\0\x18ftypavif" + bytes(5000),
    "WebP": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(5000),
    "AVI": b"RIFF\x10\0\0\0AVI LIST" + bytes(5000),
    "ZIP": b"PK\x03\x04" + bytes(5000),
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(5000),
    "gzip": b"\x1f\x8b\x08" + bytes(5000),
    "zeros": bytes(100_000),
    "playlist": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "concat script": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "SDP": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "cue sheet": b'FILE "song.wav" WAVE\n  TRACK 01 AUDIO\n',
    "MIDI": b"MThd\0\0\0\x06\0\1\0\1\0\x60MTrk" + bytes(200),
    "words that hold a box's name": b"be free" + b" and sing" * 1000,
    "text behind ID3": b"ID3\4\0\0\0\0\0\x10" + bytes(16) + b"no sound here\n" * 1000,
}


@pytest.mark.parametrize("kind", NOT_AUDIO)
def test_what_is_not_audio_is_refused_by_its_first_bytes(
    kind: str, decoder: Decoder, tmp_path: Path
) -> None:
    with pytest.raises(NotAudioError):
        sniff(NOT_AUDIO[kind])
    assert refused(decoder, tmp_path, NOT_AUDIO[kind]) == "not-audio"


def test_noise_is_not_taken_for_mpeg() -> None:
    taken = 0
    for seed in range(300):
        try:
            sniff(np.random.default_rng(seed).bytes(16384))
            taken += 1
        except NotAudioError:
            pass
    assert taken == 0


def test_empty_file_is_named(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError):
        sniff(b"")
    assert refused(decoder, tmp_path, b"") == "empty-file"


def test_missing_file_is_not_the_inputs_fault(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        decoder.decode(tmp_path / "gone")
    assert (caught.value.problem, caught.value.transient) == ("file-unreadable", True)


def test_header_without_samples_is_unreadable(decoder: Decoder, tmp_path: Path) -> None:
    assert refused(decoder, tmp_path, wav(b"")) == "unreadable-audio"
    assert refused(decoder, tmp_path, b"fLaC") == "unreadable-audio"
    assert refused(decoder, tmp_path, b"OggS") == "unreadable-audio"
    assert refused(decoder, tmp_path, wav(TONE)[:20]) == "unreadable-audio"


@pytest.mark.parametrize("rate", [0, 1, 10_000_000, 0xFFFFFFFF])
def test_absurd_sample_rate_is_unreadable(rate: int, decoder: Decoder, tmp_path: Path) -> None:
    assert refused(decoder, tmp_path, wav(TONE, rate=rate)) == "unreadable-audio"


def test_no_channels_is_unreadable(decoder: Decoder, tmp_path: Path) -> None:
    assert refused(decoder, tmp_path, wav(TONE, channels=0)) == "unreadable-audio"


@pytest.mark.parametrize("channels", [33, 64, 255])
def test_too_many_channels_are_named(channels: int, decoder: Decoder, tmp_path: Path) -> None:
    assert refused(decoder, tmp_path, wav(TONE, channels=channels)) == "too-many-channels"


def test_absurdly_many_channels_end_in_a_name(decoder: Decoder, tmp_path: Path) -> None:
    data = wav(TONE, channels=65535)
    assert refused(decoder, tmp_path, data) in {"too-many-channels", "unreadable-audio"}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("dtype", "bits"), [("<f4", 32), ("<f8", 64)])
def test_samples_that_are_no_numbers_are_named(
    value: float, dtype: str, bits: int, decoder: Decoder, tmp_path: Path
) -> None:
    samples = np.zeros(20000, dtype)
    samples[-1] = value
    data = wav(samples.tobytes(), bits=bits, tag=3)
    assert refused(decoder, tmp_path, data) == "non-finite-samples"


def test_double_beyond_float32_is_not_finite(decoder: Decoder, tmp_path: Path) -> None:
    data = wav(np.full(1000, 1e300).tobytes(), bits=64, tag=3)
    assert refused(decoder, tmp_path, data) == "non-finite-samples"


def test_header_that_claims_4_gb_gives_what_is_there(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(wav(TONE, riff_size=0xFFFFFFF0, data_size=0xFFFFFFC0))
    decoded = decoder.decode(path)
    assert decoded.samples.shape == (1, 16000)
    assert "truncated" in [warning.type for warning in decoded.warnings]


def test_ten_hours_in_a_small_file_stop_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "silence.flac"
    path.write_bytes(flac_of_silence(36_000))
    assert path.stat().st_size < 500_000
    with Decoder(DecodeLimits(max_duration=60)) as decoder:
        assert problem(decoder, path).problem == "too-long"


def test_hour_of_music_is_within_the_default_limits(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "silence.flac"
    path.write_bytes(flac_of_silence(3590, rate=8000))
    assert decoder.decode(path).duration == pytest.approx(3590, abs=10)


def test_too_much_decoded_audio_is_named(tmp_path: Path) -> None:
    path = encode(tmp_path / "song.wav", stereo(2), "wav")
    with Decoder(DecodeLimits(output_bytes=2**19)) as decoder:
        assert problem(decoder, path).problem == "too-long"


def film(path: Path, muxer: str, codec: str) -> Path:
    with av.open(path, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(5):
            frame = VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("muxer", ["mp4", "matroska"])
def test_film_without_sound_has_no_audio(muxer: str, decoder: Decoder, tmp_path: Path) -> None:
    path = film(tmp_path / "film", muxer, "mpeg4")
    assert problem(decoder, path).problem == "no-audio-stream"


def test_moov_less_m4a_is_unreadable(decoder: Decoder, tmp_path: Path) -> None:
    data = encode(tmp_path / "song", stereo(), "m4a").read_bytes()
    assert data.index(b"moov") > data.index(b"mdat")
    assert refused(decoder, tmp_path, data[: data.index(b"moov") - 4]) == "unreadable-audio"


def test_unknown_codec_is_unreadable(decoder: Decoder, tmp_path: Path) -> None:
    assert refused(decoder, tmp_path, wav(TONE, tag=0x7777)) == "unreadable-audio"


def external(path: Path, target: Path) -> bytes:
    """Make a QuickTime file's data reference name another file, as its `alis` box can."""
    with av.open(path, "w", format="mov") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(TONE, "<i2")[None], "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    at = data.index(b"dref")
    name = str(target).encode()
    volume = b"\1v" + bytes(26)
    alias = bytes(4) + struct.pack(">HH", 150 + 4 + len(name) + len(name) % 2 + 4, 2)
    alias += struct.pack(">H", 0) + volume + bytes(12 + 1 + 63 + 16) + bytes(2 + 2 + 16)
    alias += struct.pack(">hH", 2, len(name)) + name + bytes(len(name) % 2)
    alias += struct.pack(">hH", 18, len(name)) + name + bytes(len(name) % 2) + b"\xff\xff\0\0"
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    old = struct.unpack(">I", data[at + 12 : at + 16])[0]
    grown = bytearray(data[: at + 12] + entry + data[at + 12 + old :])
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = bytes(grown).index(box) - 4
        size = struct.unpack(">I", grown[start : start + 4])[0] + len(entry) - old
        grown[start : start + 4] = struct.pack(">I", size)
    return bytes(grown)


def test_quicktime_that_refers_to_another_file_does_not_read_it(
    decoder: Decoder, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes([0x11]) * 32000)
    path = tmp_path / "song.mov"
    path.write_bytes(external(path, secret))
    with av.open(path, options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        leaked = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
    assert (leaked == 0x1111).any(), "FFmpeg itself follows this reference when it is let"

    try:
        samples = decoder.decode(path).samples
    except AudioError as error:
        assert error.problem == "unreadable-audio"
    else:
        assert not np.isclose(samples, 0x1111 / 32768).any()


def test_playlist_in_disguise_reads_nothing_else(decoder: Decoder, tmp_path: Path) -> None:
    other = encode(tmp_path / "other.mp3", stereo(), "mp3")
    for text in (f"#EXTM3U\n#EXTINF:2,\n{other}\n", f"ffconcat version 1.0\nfile {other}\n"):
        for prefix in (b"", b"ID3\4\0\0\0\0\0\0"):
            with pytest.raises(AudioError) as caught:
                path = tmp_path / "upload"
                path.write_bytes(prefix + text.encode())
                decoder.decode(path)
            assert caught.value.problem in {"not-audio", "unreadable-audio"}
