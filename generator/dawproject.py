"""A DAWproject of a take: tracks with their audio and notes, tempo, metre and sections.

The format is Bitwig's (https://github.com/bitwig/dawproject, MIT), version 1.0: a ZIP of ``project.xml``,
``metadata.xml`` and the audio. Each stem is a track with its audio; its notes lie on a second,
muted track beside it, ready for an instrument.
"""

import io
import zipfile
from collections.abc import Sequence
from typing import Final

from lxml import etree

from generator.audio_files import audio_file
from generator.notes import TICKS
from generator.rendering import RATE
from generator.takes import Stem, Take

VERSION: Final = "1.0"
_MADE: Final = (1980, 1, 1, 0, 0, 0)
"""The date of all files in the archive: the same take gives the same bytes."""


def dawproject(take: Take, title: str = "") -> bytes:
    """The archive."""
    files = {
        "metadata.xml": metadata_xml(title or f"Take {take.id[:12]}"),
        "project.xml": project_xml(take),
        **{audio_path(stem): audio_file(stem.samples) for stem in take.stems},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MADE), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def project_xml(take: Take) -> bytes:
    """The document ``project.xml``."""
    root = etree.Element("Project", version=VERSION)
    etree.SubElement(root, "Application", name="Clearance", version=take.version)
    transport = etree.SubElement(root, "Transport")
    tempo = f"{take.plan.tempo:.6f}"
    etree.SubElement(transport, "Tempo", max="300", min="30", unit="bpm", value=tempo, id="tempo")
    metre = take.plan.metre
    etree.SubElement(
        transport,
        "TimeSignature",
        denominator=str(metre.unit),
        numerator=str(metre.beats),
        id="metre",
    )
    _structure(etree.SubElement(root, "Structure"), take.stems)
    _arrangement(etree.SubElement(root, "Arrangement", id="arrangement"), take)
    return _bytes(root)


def _structure(own: etree._Element, stems: Sequence[Stem]) -> None:
    """Tracks of audio, tracks of notes, and the master that all go to."""
    for number, stem in enumerate(stems):
        _track(own, f"audio{number}", stem.name, "audio", muted=False)
        _track(own, f"notes{number}", f"{stem.name} (notes)", "notes", muted=True)
    master = etree.SubElement(own, "Track", contentType="audio notes", id="master", name="Master")
    _channel(master, "master", "master", None, muted=False)


def _track(own: etree._Element, name: str, label: str, content: str, *, muted: bool) -> None:
    track = etree.SubElement(own, "Track", contentType=content, loaded="true", id=name, name=label)
    _channel(track, name, "regular", "master-channel", muted=muted)


def _channel(
    track: etree._Element, name: str, role: str, destination: str | None, *, muted: bool
) -> None:
    channel = etree.SubElement(track, "Channel", audioChannels="2", role=role, id=f"{name}-channel")
    if destination:
        channel.set("destination", destination)
    etree.SubElement(channel, "Mute", value=str(muted).lower(), id=f"{name}-mute")
    etree.SubElement(
        channel, "Pan", max="1", min="0", unit="normalized", value="0.5", id=f"{name}-pan"
    )
    etree.SubElement(
        channel, "Volume", max="2", min="0", unit="linear", value="1", id=f"{name}-volume"
    )


def _arrangement(own: etree._Element, take: Take) -> None:
    lanes = etree.SubElement(own, "Lanes", timeUnit="beats", id="lanes")
    beats = take.plan.ticks / TICKS
    seconds = take.mix.shape[1] / RATE
    for number, stem in enumerate(take.stems):
        sounding = _clip(lanes, f"audio{number}", seconds * take.plan.tempo / 60, "seconds")
        audio = etree.SubElement(
            sounding,
            "Audio",
            channels="2",
            sampleRate=str(RATE),
            duration=f"{seconds:.9f}",
            id=f"file{number}",
        )
        etree.SubElement(audio, "File", path=audio_path(stem))
        written = _clip(lanes, f"notes{number}", beats, "beats")
        notes = etree.SubElement(written, "Notes", id=f"score{number}")
        for note in stem.notes:
            etree.SubElement(
                notes,
                "Note",
                time=f"{note.onset / TICKS:.6f}",
                duration=f"{note.duration / TICKS:.6f}",
                channel="9" if stem.seat.instrument.drums else "0",
                key=str(note.pitch),
                vel=f"{note.velocity / 127:.6f}",
                rel="0",
            )
    markers = etree.SubElement(own, "Markers", timeUnit="beats", id="markers")
    for section in take.plan.sections:
        start = section.first_bar * take.plan.metre.bar / TICKS
        etree.SubElement(markers, "Marker", time=f"{start:.6f}", name=section.letter)


def _clip(lanes: etree._Element, track: str, beats: float, unit: str) -> etree._Element:
    own = etree.SubElement(lanes, "Lanes", track=track, id=f"{track}-lanes")
    clips = etree.SubElement(own, "Clips", id=f"{track}-clips")
    return etree.SubElement(
        clips, "Clip", time="0", duration=f"{beats:.9f}", contentTimeUnit=unit, playStart="0"
    )


def audio_path(stem: Stem) -> str:
    """Where a stem's sound lies in the archive."""
    return f"audio/{stem.name}.wav"


def metadata_xml(title: str) -> bytes:
    """The document ``metadata.xml``."""
    root = etree.Element("MetaData")
    etree.SubElement(root, "Title").text = title
    return _bytes(root)


def _bytes(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))
