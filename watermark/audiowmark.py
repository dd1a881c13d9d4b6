"""The program audiowmark as an engine, where it is installed.

It is run as a process of its own, without a shell: samples go in and come out by its standard
streams as raw 32-bit floats or a WAV of them, results as JSON; only the key lies in a file, of mode
0600 in a private folder, for as long as the program runs. Three things it can't do: say where a
mark lies to less than a second, say how much better a message agrees than chance does (that is
estimated from the error, in whole blocks), and take more than 4 GiB of samples at once.
"""

import json
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from watermark.arrays import F32Array
from watermark.embedding import marks_of
from watermark.errors import (
    EngineFailedError,
    EngineVersionError,
    UnusableAudioError,
)
from watermark.key_files import key_files, sweep
from watermark.keys import Key
from watermark.layout import actions
from watermark.marks import Mark
from watermark.payloads import Payload, PayloadMode
from watermark.printed import marks_from
from watermark.program import answer
from watermark.samples import checked, sounding
from watermark.strength import DEFAULT_STRENGTH, checked_strength, suitable_strength
from watermark.tables import key_tables
from watermark.verdicts import judged

PROGRAM: Final = "audiowmark"
OLDEST: Final = (0, 6, 2)
"""The first version whose marks and JSON are those of 0.6.5."""
FIRST_UNKNOWN: Final = (0, 7)
_VERSION_SECONDS: Final = 10.0
_MOST_TOLD: Final = 1 << 24
"""Bytes of JSON: some 100,000 matches."""
_WAV_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHHH4sI")
_IEEE_FLOAT: Final = 3
_LARGEST_DATA: Final = 2**32 - _WAV_HEADER.size


@dataclass(frozen=True)
class Audiowmark:
    """A :class:`watermark.Watermarker` that runs audiowmark.

    Parameters
    ----------
    program : str
        Name or path of the executable.
    modes : tuple of PayloadMode
        What detection looks for; each costs a run.
    detect_speed : bool
        Whether copies at another speed are searched too, which takes several times as long;
        :func:`watermark.engine` and so the service leave it off.
    timeout_seconds : float
        What a run may take; telling the version may take 10 s at most.
    """

    program: str = PROGRAM
    modes: tuple[PayloadMode, ...] = (PayloadMode.BITS_128,)
    detect_speed: bool = False
    timeout_seconds: float = 600.0

    @classmethod
    def installed(cls, program: str = PROGRAM) -> Self:
        """Engine whose version was checked; keys that killed processes left in files are removed.

        Raises
        ------
        EngineMissingError, EngineVersionError
        """
        sweep()
        engine = cls(program)
        version = engine.version()
        if not OLDEST <= version < FIRST_UNKNOWN:
            raise EngineVersionError(
                f"{program} is version {'.'.join(map(str, version))}, whose marks are not known: "
                "install 0.6.2 to 0.6.x, or use the builtin engine"
            )
        return engine

    def version(self) -> tuple[int, ...]:
        """Version that the program tells.

        Raises
        ------
        EngineMissingError
            If there is no such program.
        EngineVersionError
            If it tells none.
        EngineTimeoutError, EngineFailedError
        """
        seconds = min(_VERSION_SECONDS, self.timeout_seconds)
        told = self._run(["--version"], b"", seconds=seconds).decode(errors="replace")
        if (found := re.fullmatch(r"audiowmark (\d+(?:\.\d+)*)\s*", told)) is None:
            raise EngineVersionError(f"{self.program} --version tells no version of audiowmark")
        return tuple(map(int, found[1].split(".")))

    def embed(
        self,
        samples: F32Array,
        sample_rate: int,
        payload: Payload,
        key: Key,
        strength: float | None = None,
    ) -> F32Array:
        """See :meth:`watermark.Watermarker.embed`; raises an EngineError too."""
        channels = len(checked(samples, sample_rate))
        if strength is None:
            strength = _suitable_strength(samples, sample_rate, payload, key)
        stream = ["--format", "raw", "--raw-rate", str(sample_rate), "--raw-encoding", "float"]
        stream += ["--raw-channels", str(channels)]
        options = [
            "--strength",
            f"{checked_strength(strength):.6g}",
            *_mode_options(payload.mode),
            *stream,
        ]
        with _key_options([key]) as key_options:
            command = ["add", "--quiet", *key_options, *options, "-", "-", payload.digits]
            given = self._run(command, _interleaved(samples), most_bytes=4 * samples.size)
        if len(given) != 4 * samples.size:
            raise EngineFailedError(
                f"{self.program} gave {len(given)} bytes back for {4 * samples.size}"
            )
        marked = np.frombuffer(given, "<f4").astype(np.float32, copy=False)
        if not np.isfinite(marked).all():
            raise EngineFailedError(f"{self.program} gave samples back that are no numbers")
        return np.ascontiguousarray(marked.reshape(-1, channels).T)

    def detect(self, samples: F32Array, sample_rate: int, keys: Sequence[Key]) -> list[Mark]:
        """See :meth:`watermark.Watermarker.detect`; raises an EngineError too."""
        channels = sounding(checked(samples, sample_rate))
        if not len(channels) or not keys:
            return []
        sound = _wav(channels, sample_rate)
        seconds = samples.shape[1] / sample_rate
        marks: list[Mark] = []
        with _key_options(keys) as key_options:
            for mode in self.modes:
                options = [*key_options, *_mode_options(mode)]
                options += ["--detect-speed"] * self.detect_speed
                told = self._run(["get", "--quiet", *options, "--json", "-", "-"], sound)
                marks += marks_from(self._matches(told), keys, mode, seconds)
        return judged(marks)

    def _matches(self, told: bytes) -> list[dict[str, Any]]:
        try:
            matches: list[dict[str, Any]] = json.loads(told)["matches"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise EngineFailedError(f"{self.program} told no matches: {error}") from error
        return matches

    def _run(
        self,
        arguments: Sequence[str],
        stream: bytes,
        *,
        seconds: float | None = None,
        most_bytes: int = _MOST_TOLD,
    ) -> bytes:
        """What the program writes to its standard output."""
        return answer(
            [self.program, *arguments],
            stream,
            timeout_seconds=self.timeout_seconds if seconds is None else seconds,
            most_bytes=most_bytes,
        )


@contextmanager
def _key_options(keys: Sequence[Key]) -> Iterator[list[str]]:
    with key_files(keys) as paths:
        yield [part for path in paths for part in ("--key", str(path))]


def _suitable_strength(samples: F32Array, sample_rate: int, payload: Payload, key: Key) -> float:
    table = actions(payload, key_tables(key, payload.mode))
    mark = marks_of(samples, sample_rate, table, DEFAULT_STRENGTH)
    return suitable_strength(samples, mark, sample_rate)


def _mode_options(mode: PayloadMode) -> list[str]:
    return [] if mode is PayloadMode.BITS_128 else ["--short", str(mode.payload_bits)]


def _interleaved(samples: F32Array) -> bytes:
    return np.ascontiguousarray(samples.T, "<f4").tobytes()


def _wav(samples: F32Array, sample_rate: int) -> bytes:
    """A WAV of 32-bit floats.

    Raises
    ------
    UnusableAudioError
        If there is more than its header can tell.
    """
    channels, size = len(samples), samples.size * 4
    if size > _LARGEST_DATA:
        raise UnusableAudioError("more than 4 GiB of samples: search the sound in parts")
    header = _WAV_HEADER.pack(
        b"RIFF", _WAV_HEADER.size - 8 + size, b"WAVE",
        b"fmt ", 18, _IEEE_FLOAT, channels, sample_rate, sample_rate * channels * 4, channels * 4, 32, 0,
        b"data", size,
    )  # fmt: skip
    return header + _interleaved(samples)
