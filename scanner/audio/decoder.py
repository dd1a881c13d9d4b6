"""Files in, samples out, by way of a limited child."""

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from scanner.audio.children import LimitedChildren, crashed
from scanner.audio.decoded import AudioWarning, Decoded, DecodeLimits
from scanner.audio.errors import AudioError, EmptyFileError

_LEAST_SECONDS: Final = 0.001
"""A timer of 0 would never ring."""


class Decoder:
    """Decodes files in child processes that are forked from a pre-warmed one.

    Safe to use from many threads; each decode is a process of its own, so the caller bounds how
    many run at once.

    Parameters
    ----------
    limits : DecodeLimits, optional
    folder : Path, optional
        Where decoded samples lie while they are used, made when needed; default: the system's.
    """

    def __init__(self, limits: DecodeLimits | None = None, folder: Path | None = None) -> None:
        self._limits = limits or DecodeLimits()
        self._folder = folder
        self.children = LimitedChildren()

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the pre-warmed process and with it the decodes that still run."""
        self.children.close()

    def decode(self, path: Path, wall_seconds: float = math.inf) -> Decoded:
        """Decode a file.

        Parameters
        ----------
        wall_seconds : float, optional
            What is left to the caller, where that is less than the limit.

        Raises
        ------
        AudioError
            If it can't be decoded, or not within the limits; ``transient`` if that is not the
            file's fault.
        """
        try:
            source = path.open("rb")
        except OSError as error:
            raise AudioError(
                "file-unreadable", "the file can't be opened", transient=True
            ) from error
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        least = min(self._limits.wall_seconds, max(wall_seconds, _LEAST_SECONDS))
        limits = replace(self._limits, wall_seconds=least)
        with source, tempfile.TemporaryFile(prefix="clearance-", dir=self._folder) as output:
            if os.fstat(source.fileno()).st_size == 0:
                raise EmptyFileError
            report = self.children.run("decode", [source.fileno(), output.fileno()], limits)
            try:
                return _decoded(report, output)
            except (KeyError, TypeError, ValueError) as error:
                raise crashed() from error


def _decoded(report: dict[str, Any], output: Any) -> Decoded:
    """Map the samples; what the report says of them is held against the file."""
    channels, count, rate = (int(report[name]) for name in ("channels", "samples", "sample_rate"))
    if os.fstat(output.fileno()).st_size != 4 * channels * count or not count or rate < 1:
        raise ValueError("the report and the samples differ")
    samples = np.memmap(output, dtype=np.float32, mode="r", shape=(count, channels)).T
    return Decoded(
        samples=samples,  # (channels, n)
        sample_rate=rate,
        duration=count / rate,
        container=str(report["container"]),
        codec=str(report["codec"]),
        channels=channels,
        bit_rate=report["bit_rate"],
        tags=dict(report["tags"]),
        lyrics=str(report["lyrics"]),
        lyrics_cut=bool(report["lyrics_cut"]),
        warnings=tuple(AudioWarning(**warning) for warning in report["warnings"]),
    )
