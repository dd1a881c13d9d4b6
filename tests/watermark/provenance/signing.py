"""Somebody with a certificate of their own, and what tests do to what they signed."""

from datetime import datetime
from pathlib import Path

import av
import numpy as np

from watermark.provenance import (
    MEDIA_TYPES,
    Claim,
    Manifest,
    development_chain,
    read_manifest,
    sign,
    signing_identity,
)


class Signer:
    """Signs files under a chain of its own."""

    def __init__(self, organisation: str, now: datetime) -> None:
        chain = development_chain(organisation, now)
        self.root = chain.root
        self.identity, self.key = signing_identity(chain.chain.encode(), chain.key)

    def sign(self, path: Path, claim: Claim, *ingredients: Path, name: str = "signed") -> Path:
        """Return the signed copy of a file; the manifest store lies beside it."""
        target = path.with_name(f"{name}{path.suffix}")
        files = [each.open("rb") for each in ingredients]
        try:
            with path.open("rb") as source, target.open("w+b") as signed:
                media_type = MEDIA_TYPES[path.suffix[1:]]
                sign(source, signed, media_type, claim, self.identity, self.key.sign, files)
        finally:
            for file in files:
                file.close()
        return target


def read(path: Path, anchors: str = "") -> Manifest:
    with path.open("rb") as file:
        return read_manifest(file, MEDIA_TYPES[path.suffix[1:]], anchors)


def decoded(path: Path) -> np.ndarray:
    """Samples as FFmpeg gives them."""
    with av.open(str(path), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=-1)


def remuxed(path: Path, name: str = "remuxed") -> Path:
    """Return a copy as ``ffmpeg -c copy`` makes it."""
    target = path.with_name(f"{name}{path.suffix}")
    muxer = {"m4a": "ipod"}.get(path.suffix[1:], path.suffix[1:])
    with av.open(str(path), "r") as read_, av.open(str(target), "w", format=muxer) as written:
        sound = written.add_stream_from_template(read_.streams.audio[0])
        for packet in read_.demux(read_.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                written.mux(packet)
    return target


def with_flipped_audio(path: Path, plain: Path) -> Path:
    """Return a copy of a signed file in which one byte amid the audio is another."""
    content, original = bytearray(path.read_bytes()), plain.read_bytes()
    middle = original[len(original) // 2 :][:48]
    place = content.find(middle)
    assert place > 0
    content[place + 24] ^= 0x10
    target = path.with_name(f"flipped{path.suffix}")
    target.write_bytes(content)
    return target
