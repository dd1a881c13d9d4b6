"""What a creator takes away: audio, scores and projects that other programs open."""

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from lxml import etree

from generator import Request, Take
from generator.audio_files import Format, audio_file, read_audio
from generator.composer import compose, seeds_of
from generator.dawproject import dawproject
from generator.musicxml import musicxml
from generator.plan import planned
from tests.generator.strategies import requests

SCHEMAS = Path(__file__).parent / "dawproject"


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_stems_come_back_from_files_to_the_sample(take: Take, kind: Format) -> None:
    total = sum(read_audio(audio_file(stem.samples, kind)) for stem in take.stems)
    assert np.array_equal(read_audio(audio_file(take.mix, kind)), total)


def test_a_dawproject_validates_and_holds_tracks_tempo_notes_and_audio(take: Take) -> None:
    archive = zipfile.ZipFile(io.BytesIO(dawproject(take)))
    for name, schema in (("project.xml", "Project.xsd"), ("metadata.xml", "MetaData.xsd")):
        etree.XMLSchema(file=str(SCHEMAS / schema)).assertValid(
            etree.fromstring(archive.read(name))
        )
    project = etree.fromstring(archive.read("project.xml"))
    assert float(project.find("Transport/Tempo").get("value")) == take.plan.tempo
    tracks = {track.get("name") for track in project.findall("Structure/Track")}
    assert tracks >= {stem.name for stem in take.stems}
    for stem, file in zip(take.stems, project.iter("File"), strict=True):
        assert np.array_equal(read_audio(archive.read(file.get("path"))), stem.samples)
    counts = [len(notes) for notes in project.iter("Notes")]
    assert counts == [len(stem.notes) for stem in take.stems]
    assert dawproject(take) == dawproject(take)


@settings(max_examples=12, deadline=None)
@given(requests(6))
def test_bars_of_any_score_are_full_in_every_voice(request: Request) -> None:
    plan = planned(request)
    root = etree.fromstring(musicxml(plan, compose(plan, seeds_of(plan, request.seed)).notes))
    for part in root.findall("part"):
        measures = part.findall("measure")
        assert len(measures) == plan.bars
        for measure in measures:
            voices: dict[str, int] = {}
            for note in measure.findall("note"):
                if note.find("chord") is None:
                    name = note.findtext("voice")
                    voices[name] = voices.get(name, 0) + int(note.findtext("duration"))
            assert set(voices.values()) == {plan.metre.bar}


def test_music21_reads_the_score_with_its_key_metre_and_pitches(take: Take) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import music21

        notes = {stem.name: stem.notes for stem in take.stems}
        score = music21.converter.parseData(musicxml(take.plan, notes), format="musicxml")
        names = [part.partName for part in score.parts]
        assert names == [stem.name for stem in take.stems]
        first = score.parts[0].flatten()
        assert first.keySignature.sharps == -1
        assert first.timeSignature.ratioString == "4/4"
        read = {note.pitch.midi for note in first.notes}
        assert read == {note.pitch for note in take.stems[0].notes}
