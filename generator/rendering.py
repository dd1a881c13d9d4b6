"""Notes to samples by FluidSynth, one stem at a time.

Samples are float32 without dither and without the synthesiser's own reverberation, so that the same notes give the same
samples in any order and on any thread.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from ctypes import POINTER, c_float, c_int, c_void_p
from pathlib import Path
from typing import Any, Final

import numpy as np

from generator.arrays import F32Array
from generator.errors import MissingPartError
from generator.instruments import Instrument
from generator.notes import Note, seconds_of

RATE: Final = 44100
Move = tuple[int, int, int]
"""Sample, velocity (0 ends a note) and pitch."""
TAIL_SECONDS: Final = 2.0
"""What rings on after the last bar."""
SOUNDFONT: Final = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_BLOCK: Final = 64
"""Samples at whose edges FluidSynth begins and ends notes."""
_WARNING: Final = 2
_DRUM_BANK: Final = 128
_local = threading.local()
_setting_up = threading.Lock()
"""FluidSynth sets up what its synthesisers share when the first is made, and is not safe in that."""
_SETTINGS: Final = {
    "synth.reverb.active": 0,
    "synth.chorus.active": 0,
    "synth.polyphony": 192,
    "synth.cpu-cores": 1,
    "synth.lock-memory": 0,
}


def samples_of_take(ticks: int, tempo: float) -> int:
    """Samples of every stem: the bars and what rings on, in whole blocks."""
    seconds = seconds_of(ticks, tempo) + TAIL_SECONDS
    return -(-round(seconds * RATE) // _BLOCK) * _BLOCK


def render(
    notes: Sequence[Note],
    player: Instrument,
    tempo: float,
    samples: int,
    soundfont: Path = SOUNDFONT,
) -> F32Array:
    """Samples of one stem.

    Parameters
    ----------
    notes : sequence of Note
    player : Instrument
    tempo : float
        Quarter notes a minute.
    samples : int
        How many; :func:`samples_of_take` says how many a take has.
    soundfont : Path

    Returns
    -------
    float32 array, shape (2, samples), at :data:`RATE`

    Raises
    ------
    MissingPartError
        If FluidSynth or the soundfont is not installed.
    """
    return _synthesiser(soundfont).play(notes, player, tempo, samples)


def channel(player: Instrument, soundfont: Path = SOUNDFONT) -> AbstractContextManager["Channel"]:
    """An instrument to be played part by part, by the thread that asked for it.

    Raises
    ------
    MissingPartError
        As :func:`render`.
    """
    return _synthesiser(soundfont).channel(player)


def _synthesiser(soundfont: Path) -> "_Synthesiser":
    synths = _local.__dict__.setdefault("synths", {})
    if soundfont not in synths:
        with _setting_up:
            synths[soundfont] = _Synthesiser(soundfont)
    own: _Synthesiser = synths[soundfont]
    return own


class _Synthesiser:
    """One soundfont, kept loaded by the thread that plays it.

    Every stem is played by a FluidSynth of its own: voices that were used before begin otherwise than new ones, so
    that samples would depend on what was played before.
    """

    def __init__(self, soundfont: Path) -> None:
        if not soundfont.exists():
            raise MissingPartError(
                f"no soundfont at {soundfont}: install Debian's fluid-soundfont-gm, or name another"
            )
        try:
            import fluidsynth
        except ImportError as error:
            raise MissingPartError(
                "FluidSynth is missing: install Debian's libfluidsynth3 and the package pyfluidsynth"
            ) from error
        self._holder: Any = fluidsynth.Synth(
            gain=0.5, samplerate=float(RATE), channels=16, **_SETTINGS
        )
        number = self._holder.sfload(str(soundfont))
        if number < 0:
            raise MissingPartError(f"FluidSynth can't read {soundfont}: install it again")
        self._calls = _calls(fluidsynth._fl)
        # it warns of every channel without a preset whenever a synthesiser is taken down
        self._calls.fluid_set_log_function(_WARNING, None, None)
        self._font = self._calls.fluid_synth_get_sfont_by_id(self._holder.synth, number)

    def play(
        self, notes: Sequence[Note], player: Instrument, tempo: float, samples: int
    ) -> F32Array:
        """Samples of the notes; all is silent before them."""
        with self.channel(player) as channel:
            return channel.play(_moves(notes, tempo), samples)

    @contextmanager
    def channel(self, player: Instrument) -> Iterator["Channel"]:
        """A FluidSynth of its own for one instrument, taken down at the end."""
        calls = self._calls
        with _setting_up:
            synth = calls.new_fluid_synth(self._holder.settings)
            number = calls.fluid_synth_add_sfont(synth, self._font)
        bank = _DRUM_BANK if player.drums else 0
        own = Channel(calls, synth, 9 if player.drums else 0)
        calls.fluid_synth_program_select(synth, own.number, number, bank, player.program)
        try:
            yield own
        finally:
            with _setting_up:
                calls.fluid_synth_remove_sfont(synth, self._font)
                calls.delete_fluid_synth(synth)


class Channel:
    """One instrument that is played on and on, in as many parts as one likes: their samples are those of one part."""

    def __init__(self, calls: Any, synth: Any, number: int) -> None:
        self.number = number
        self._calls, self._synth = calls, synth

    def play(self, moves: Sequence[Move], samples: int) -> F32Array:
        """The next samples.

        Parameters
        ----------
        moves : sequence of (sample, velocity, pitch)
            In order; samples count from the part's beginning, a velocity of 0 ends a note.
        samples : int

        Returns
        -------
        float32 array, shape (2, samples)
        """
        calls, synth = self._calls, self._synth
        found = np.zeros((2, samples), np.float32)
        left, right = (row.ctypes.data_as(POINTER(c_float)) for row in found)
        now = 0
        for at, velocity, pitch in (*moves, (samples, 0, 0)):
            end = min(at, samples)
            if end > now:
                calls.fluid_synth_write_float(synth, end - now, left, now, 1, right, now, 1)
                now = end
            if velocity:
                calls.fluid_synth_noteon(synth, self.number, pitch, velocity)
            else:
                calls.fluid_synth_noteoff(synth, self.number, pitch)
        return found


def _calls(library: Any) -> Any:
    """The library's functions that the binding lacks or gives other types, typed."""
    pointer, number = POINTER(c_float), c_int
    for name, result, arguments in (
        ("new_fluid_synth", c_void_p, [c_void_p]),
        ("delete_fluid_synth", None, [c_void_p]),
        ("fluid_synth_get_sfont_by_id", c_void_p, [c_void_p, number]),
        ("fluid_synth_add_sfont", number, [c_void_p, c_void_p]),
        ("fluid_synth_remove_sfont", number, [c_void_p, c_void_p]),
        ("fluid_synth_program_select", number, [c_void_p, number, number, number, number]),
        ("fluid_set_log_function", c_void_p, [number, c_void_p, c_void_p]),
        ("fluid_synth_noteon", number, [c_void_p, number, number, number]),
        ("fluid_synth_noteoff", number, [c_void_p, number, number]),
        ("fluid_synth_write_float", number, [c_void_p, number, pointer, number, number, pointer, number, number]),
    ):  # fmt: skip
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _moves(notes: Sequence[Note], tempo: float) -> list[Move]:
    """In order; ends come before beginnings."""
    found = []
    for note in notes:
        start, end = (round(seconds_of(t, tempo) * RATE) for t in (note.onset, note.end))
        found += [(start, note.velocity, note.pitch), (max(end, start + 1), 0, note.pitch)]
    return sorted(found, key=lambda each: (each[0], each[1] > 0, each[2]))
