"""What went into a file comes out of it, in every format that is taken."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from scanner.audio import SNIFF_BYTES, Decoder, sniff
from tests.scanner.audio.recordings import FORMATS, encode, snr_db, stereo, wav


@pytest.mark.parametrize("name", FORMATS)
def test_decoded_samples_are_those_that_were_encoded(
    name: str, decoder: Decoder, tmp_path: Path
) -> None:
    form = FORMATS[name]
    source = stereo(rate=form.rate)
    path = encode(tmp_path / f"song.{form.suffix}", source, name)

    decoded = decoder.decode(path)

    assert (decoded.container, decoded.codec) == (form.container, form.codec)
    assert (decoded.channels, decoded.sample_rate) == (2, form.rate)
    assert decoded.samples.dtype == np.float32
    assert decoded.samples.shape[0] == 2
    assert abs(decoded.samples.shape[1] - source.shape[1]) <= form.extra
    assert decoded.duration == pytest.approx(decoded.samples.shape[1] / form.rate)
    assert snr_db(source, decoded.samples, late=form.late) > form.snr_db
    assert decoded.warnings == ()
    assert not decoded.samples.flags.writeable


@pytest.mark.parametrize("name", FORMATS)
def test_first_bytes_name_the_container(name: str, tmp_path: Path) -> None:
    form = FORMATS[name]
    path = encode(tmp_path / "song", stereo(1, form.rate), name)
    data = path.read_bytes()
    assert sniff(data[:4096]) == form.container
    assert sniff(data[:SNIFF_BYTES]) == form.container


@pytest.mark.parametrize("name", ["mp3", "ogg-vorbis", "ogg-opus", "m4a", "aac", "wma"])
def test_bit_rate_is_reported(name: str, decoder: Decoder, tmp_path: Path) -> None:
    form = FORMATS[name]
    decoded = decoder.decode(encode(tmp_path / "song", stereo(rate=form.rate), name))
    assert decoded.bit_rate is not None
    assert 20_000 < decoded.bit_rate < 500_000


@pytest.mark.parametrize("name", ["flac", "mp3", "ogg-vorbis", "m4a", "wma"])
def test_tags_are_read_and_bounded(name: str, decoder: Decoder, tmp_path: Path) -> None:
    tags = {"title": "Ölberg", "comment": "x" * 50_000}
    source = stereo(0.5, FORMATS[name].rate)
    decoded = decoder.decode(encode(tmp_path / "song", source, name, tags=tags))
    assert decoded.tags["title"] == "Ölberg"
    assert all(len(value) <= 500 for value in decoded.tags.values())


def test_hundreds_of_tags_in_any_script_make_no_trouble(decoder: Decoder, tmp_path: Path) -> None:
    tags = {f"tag-{number}": "\U0001d11e\x01" * 250 for number in range(500)}
    decoded = decoder.decode(encode(tmp_path / "song", stereo(0.5), "flac", tags=tags))
    assert 1 <= len(decoded.tags) <= 64


def test_libsndfile_and_the_decoder_agree(decoder: Decoder, tmp_path: Path) -> None:
    source = stereo()
    for suffix, subtype in (("wav", "PCM_24"), ("flac", "PCM_24"), ("aiff", "PCM_24")):
        path = tmp_path / f"song.{suffix}"
        soundfile.write(path, source.T, 44100, subtype=subtype)
        expected, _ = soundfile.read(path, dtype="float32")
        assert np.array_equal(decoder.decode(path).samples, expected.T)


def test_samples_beyond_full_scale_are_kept(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    path.write_bytes(wav(np.array([0, 1.5, -3], "<f4").tobytes(), bits=32, tag=3))
    assert decoder.decode(path).samples.tolist() == [[0, 1.5, -3]]


def test_integers_are_scaled_to_full_scale(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(wav(np.array([0, 16384, -32768], "<i2").tobytes()))
    assert decoder.decode(path).samples.tolist() == [[0, 0.5, -1]]


def test_six_channels_stay_six(decoder: Decoder, tmp_path: Path) -> None:
    source = np.concatenate([stereo(1), stereo(1, seed=5), stereo(1, seed=9)])
    decoded = decoder.decode(encode(tmp_path / "song.wav", source, "wav"))
    assert decoded.samples.shape == source.shape
    assert snr_db(source, decoded.samples) > 60


def test_name_of_the_file_says_nothing(decoder: Decoder, tmp_path: Path) -> None:
    path = encode(tmp_path / "song; rm -rf ~.mp3", stereo(0.5), "flac")
    assert decoder.decode(path).container == "flac"


def test_mp3_behind_a_big_picture_is_found(decoder: Decoder, tmp_path: Path) -> None:
    mp3 = encode(tmp_path / "song.mp3", stereo(1), "mp3").read_bytes()
    size = 3_000_000
    header = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    picture = b"APIC" + bytes((size - 10) >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\0\0"
    body = (picture + b"\0image/jpeg\0\3\0\xff\xd8\xff").ljust(size, b"\x55")
    path = tmp_path / "pictured.mp3"
    path.write_bytes(b"ID3\4\0\0" + header + body + mp3)
    assert sniff(path.read_bytes()[:SNIFF_BYTES]) == "mp3"
    decoded = decoder.decode(path)
    assert decoded.container == "mp3"
    assert decoded.duration == pytest.approx(1, abs=0.06)
