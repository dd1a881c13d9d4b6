"""Stems and references that are given: kept as they are, or heard for tempo, key and density alone."""

import hashlib
import io

import mido
import numpy as np
import pytest

from generator import InvalidRequestError, Request, engine, vary
from generator.arrays import I32Array
from generator.audio_files import audio_file
from generator.engines.aiva import take_of_export
from generator.given_audio import read_given
from generator.mixing import CEILING, FULL_SCALE

RATE = 44100


def strummed(tempo: float = 120, seconds: float = 8) -> I32Array:
    """D minor, one stroke a beat."""
    at = np.arange(round(seconds * RATE)) / RATE
    fade = np.exp(-6 * (at % (60 / tempo)))
    tones = sum(
        np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * at) for pitch in (50, 57, 62, 65)
    )
    return np.asarray(np.tile(tones * fade * 2**19, (2, 1)), np.int32)


@pytest.fixture(scope="module")
def given() -> tuple[str, dict[str, bytes]]:
    data = audio_file(strummed(), "FLAC")
    name = hashlib.sha256(data).hexdigest()
    return name, {name: data}


def test_a_given_stem_stays_as_it_is_and_the_rest_goes_with_it(
    given: tuple[str, dict[str, bytes]],
) -> None:
    name, sounds = given
    stem = {"sha256": name, "name": "my guitar", "instrument": "acoustic guitar"}
    request = Request(given_stems=(stem,), instruments=("flute",), metre="4/4")
    take = engine().generate(request, sounds=sounds)
    assert [(s.name, s.origin) for s in take.stems] == [
        ("flute", "generated"),
        ("my guitar", "given"),
    ]
    own = take.stem("my guitar").samples
    wanted = strummed() * min(1.0, CEILING * FULL_SCALE / np.abs(strummed()).max())
    assert np.abs(own[:, : wanted.shape[1]] - wanted).max() <= 1
    assert not own[:, wanted.shape[1] :].any()
    assert take.plan.tempo == pytest.approx(120, rel=0.03)
    assert str(take.plan.key) in ("D minor", "F major")
    assert take.plan.bars == 4
    assert {r.field: r.why for r in take.reasons}["tempo"] == "as heard in the audio given"
    assert np.array_equal(take.mix, sum(s.samples for s in take.stems))
    other = vary(take)
    assert np.array_equal(other.stem("my guitar").samples, own)
    assert other.stem("flute").notes != take.stem("flute").notes


def test_of_a_reference_tempo_key_and_density_are_taken_and_said(
    given: tuple[str, dict[str, bytes]],
) -> None:
    name, sounds = given
    request = Request(audio_reference=name, instruments=("flute",), bars=1)
    take = engine().generate(request, sounds=sounds)
    assert [s.name for s in take.stems] == ["flute"]
    assert take.plan.tempo == pytest.approx(120, rel=0.03)
    told = {r.field: r.why for r in take.reasons}
    assert "never its sound or melody" in told["audio_reference"]
    assert take.ignored_controls == ()


def test_audio_that_is_named_must_be_handed_over() -> None:
    with pytest.raises(InvalidRequestError, match="was not handed over"):
        engine().generate(Request(audio_reference="0" * 64))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"MThd", "can't be read"),
        (audio_file(np.zeros((2, 3 * RATE), np.int32), "WAV"), "is silent"),
        (audio_file(strummed(seconds=1), "WAV"), r"lasts 1\.0 s"),
    ],
)
def test_audio_that_cannot_be_used_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"lead .*{told}|lead {told}"):
        read_given(data, "lead")


def test_a_given_stem_needs_a_name_of_its_own() -> None:
    with pytest.raises(ValueError, match="names of their own"):
        Request(given_stems=({"sha256": "0" * 64, "name": "flute"},), instruments=("flute",))


def test_exported_stems_and_midi_become_a_take() -> None:
    file = mido.MidiFile()
    head = [mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(120))]
    notes = [
        mido.Message("note_on", note=62, velocity=90),
        mido.Message("note_off", note=62, time=480),
    ]
    file.tracks.append(mido.MidiTrack([*head, *notes]))
    buffer = io.BytesIO()
    file.save(file=buffer)
    stems = {"cello": audio_file(strummed(), "WAV"), "rain": audio_file(strummed(90, 6), "FLAC")}
    take = take_of_export(Request(key="D minor"), stems, buffer.getvalue())
    assert [(s.name, s.seat.instrument.name) for s in take.stems] == [
        ("cello", "cello"),
        ("rain", "mix"),
    ]
    assert (take.engine, take.plan.tempo, take.plan.bars) == ("aiva", 120, 4)
    assert np.array_equal(take.mix, sum(s.samples for s in take.stems))
    with pytest.raises(InvalidRequestError, match="0 stems"):
        take_of_export(Request(), {})
