"""What players show of a track: title, credits, ISRC, what AI made of it. No packet is changed.

A remux by PyAV (FFmpeg), which keeps the tags and pictures that are there. mutagen would do it more
directly, and is under the GPL.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import IO, Any, Final

import av
from av.container import InputContainer, OutputContainer

from watermark.provenance.errors import TagError
from watermark.provenance.mp4_tags import write_freeform_tags

_MUXERS: Final = {"wav": "wav", "mp3": "mp3", "flac": "flac", "m4a": "mp4"}
_OPTIONS: Final = {"m4a": {"brand": "M4A "}}  # the muxer of that name takes no pictures
_DEMUXERS: Final = {"wav": "wav", "mp3": "mp3", "flac": "flac", "m4a": "m4a"}
_ISRC_NAMES: Final = {"wav": "ISRC", "mp3": "TSRC", "flac": "ISRC", "m4a": "ISRC"}
_DISCLOSURE: Final = "AI_DISCLOSURE"
_NOT_TAGS: Final = frozenset({"encoder", "major_brand", "minor_version", "compatible_brands"})
"""What FFmpeg lists among tags and is the container's own."""
_ISRC: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_LONGEST: Final = 2000
"""Characters."""
_NO_TEXT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of what no tag holds: spaces of every width and joiners are text."""
_ERRORS: Final = "replace"
"""What becomes of bytes of others' tags that are no UTF-8, as where the sound is decoded."""


@dataclass(frozen=True)
class Tags:
    """Tags by one name in all formats.

    Parameters
    ----------
    title, artist, album, copyright : str, optional
    isrc : str, optional
        Twelve characters without hyphens (ISO 3901).
    disclosure : str, optional
        What of the track AI made, in words. It is the comment too, which every player shows.

    Raises
    ------
    TagError
        If the ISRC is none, or a value is too long, or holds control characters or line breaks.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    copyright: str | None = None
    isrc: str | None = None
    disclosure: str | None = None

    def __post_init__(self) -> None:
        if self.isrc is not None and not _ISRC.fullmatch(self.isrc):
            raise TagError("an ISRC has twelve characters, such as USRC17607839")
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and (len(value) > _LONGEST or not all(map(_is_text, value))):
                raise TagError(f"{each.name} is too long, or holds control characters")


def write_tags(
    source: IO[bytes],
    target: IO[bytes],
    format_: str,
    tags: Tags,
    others: Mapping[str, str] | None = None,
) -> None:
    """Copy a file with tags; those that it has and that are not given stay.

    Its manifest does not survive: what is signed is signed last.

    Parameters
    ----------
    source : binary file, seekable
    target : binary file, seekable, readable and writable, empty
    format_ : str
        One of wav, mp3, flac, m4a.
    others : mapping of str to str, optional
        Further tags by FFmpeg's names, such as those of the file that this one was cut from; what
        ``tags`` holds goes before them. MPEG-4 and WAV keep those that they have a place for.

    Raises
    ------
    TagError
        If the file is of another format, or damaged.
    """
    if format_ not in _MUXERS:
        raise TagError(f"{format_} can't be tagged: use one of {', '.join(_MUXERS)}")
    given = _named(tags, format_)
    if source.seek(0, 2) == 0:
        raise TagError("the file is empty")
    source.seek(0)
    try:
        with (
            av.open(source, "r", metadata_errors=_ERRORS) as read,
            av.open(
                target, "w", format=_MUXERS[format_], options=_OPTIONS.get(format_, {})
            ) as written,
        ):
            if _DEMUXERS[format_] not in read.format.name.split(","):
                raise TagError(f"the file is no {format_} but {read.format.name}")
            kept = {**read.metadata, **(others or {})}
            replaced = {name.lower() for name in given} | _NOT_TAGS
            written.metadata.update({k: v for k, v in kept.items() if k.lower() not in replaced})
            written.metadata.update(given)
            every = dict(written.metadata)
            _copy_packets(read, written, pictures=format_ != "wav")
        if format_ == "m4a":
            own = {name: every[name] for name in every if name.upper() in {"ISRC", _DISCLOSURE}}
            write_freeform_tags(target, own)
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise TagError(f"the file can't be tagged as {format_}: {error}") from error


def read_tags(file: IO[bytes]) -> Tags:
    """Return the tags of a file, of any of the four formats; what can't be one is left out."""
    try:
        with av.open(file, "r", metadata_errors=_ERRORS) as read:
            return tags_among(read.metadata)
    except (av.error.FFmpegError, ValueError) as error:
        raise TagError(f"the file's tags can't be read: {error}") from error


def tags_among(metadata: Mapping[str, str]) -> Tags:
    """Return the tags among those that FFmpeg names, whatever the format."""
    found = {name.lower(): str(value) for name, value in metadata.items()}
    isrc = found.get("tsrc") or found.get("isrc") or ""
    told: dict[str, str | None] = {
        name: found.get(name) for name in ("title", "artist", "album", "copyright")
    }
    told |= {
        "isrc": isrc if _ISRC.fullmatch(isrc) else None,
        "disclosure": found.get(_DISCLOSURE.lower()) or found.get("comment"),
    }
    return Tags(**{name: tag_text(value) for name, value in told.items()})


def tag_text(text: str | None) -> str | None:
    """Return a text as a tag may hold it: cut, with spaces for control characters; None if empty."""
    if not text:
        return None
    return "".join(each if _is_text(each) else " " for each in text[:_LONGEST])


def _named(tags: Tags, format_: str) -> dict[str, str]:
    """Tags by the names that FFmpeg has for them in a format."""
    plain: Mapping[str, str | None] = {
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "copyright": tags.copyright,
        "comment": tags.disclosure,
        _ISRC_NAMES[format_]: tags.isrc,
        _DISCLOSURE: None if format_ == "wav" else tags.disclosure,
    }
    return {name: value for name, value in plain.items() if value}


def _copy_packets(read: InputContainer, written: OutputContainer, *, pictures: bool) -> None:
    sound = read.streams.audio[0]
    taken = [sound, *(each for each in read.streams.video if pictures)]
    copies: dict[int, Any] = {}
    for stream in taken:
        copies[stream.index] = written.add_stream_from_template(stream)
        copies[stream.index].disposition = stream.disposition
        copies[stream.index].metadata.update(stream.metadata)
    copied = 0
    for packet in read.demux(taken):
        if packet.size:  # the empty last packet only ends the demuxing
            packet.stream = copies[packet.stream.index]
            written.mux(packet)
            copied += 1
    if not copied:
        raise TagError("the file holds no sound")


def _is_text(character: str) -> bool:
    return unicodedata.category(character) not in _NO_TEXT
