"""Notes to samples by FluidSynth, in this process, with a soundfont kept loaded.

Measured on one core of two, six performances of 30 to 90 s in CPU time: 228 × real time at 22,050 Hz
without reverberation, 138 × with it; 263 and 227 × at 16,000 Hz. Loading takes 0.2 s.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from fingerprint.arrays import F32Array
from fingerprint.training.scores.arrangement import Event, Performance, notes
from fingerprint.training.scores.melody import Work

RATE: Final = 22050
SOUNDFONTS: Final = (
    "FluidR3_GM.sf2",
    "TimGM6mb.sf2",
    "FluidR3Mono_GM.sf3",
    "MuseScore_General_Lite.sf3",
)
"""Of Debian's fluid-soundfont-gm, timgm6mb-soundfont (held out), fluidr3mono-gm-soundfont and
musescore-general-soundfont-small."""
_PACKAGES: Final = (
    "fluid-soundfont-gm",
    "timgm6mb-soundfont",
    "fluidr3mono-gm-soundfont",
    "musescore-general-soundfont-small",
)
_FOLDERS: Final = tuple(
    Path("/usr/share") / each for each in ("sounds/sf2", "sounds/sf3", "soundfonts")
)
_DRUMS: Final = 9
_TAIL_SECONDS: Final = 1.0
_PEAK: Final = 0.8
_BLOCK: Final = 64
"""Samples at whose edges FluidSynth begins and ends notes."""


def soundfont(number: int = 0) -> Path:
    """Where a soundfont of :data:`SOUNDFONTS` is.

    Raises
    ------
    FileNotFoundError
        If it is not installed.
    """
    name = SOUNDFONTS[number]
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"no soundfont {name}: install Debian's {_PACKAGES[number]}")


class _Synthesiser:
    """One FluidSynth with one soundfont: loading takes seconds, so processes keep it."""

    def __init__(self, rate: int, number: int, reverb: bool) -> None:
        import fluidsynth

        self._synth: Any = fluidsynth.Synth(
            gain=0.35,
            samplerate=float(rate),
            channels=16,
            **{
                "synth.reverb.active": int(reverb),
                "synth.chorus.active": int(reverb),
                "synth.polyphony": 128,
                "synth.cpu-cores": 1,
                "synth.dynamic-sample-loading": 0,
            },
        )
        self._font: int = self._synth.sfload(str(soundfont(number)))
        if self._font < 0:
            raise OSError(f"FluidSynth can't load {soundfont(number)}: install it again")
        self._rate = rate

    def play(self, events: Sequence[Event]) -> F32Array:
        """Samples of all events; all is silent before and after."""
        synth = self._synth
        synth.system_reset()
        for channel, program in {(each.channel, each.program) for each in events}:
            bank = 128 if channel == _DRUMS else 0
            synth.program_select(channel, self._font, bank, program)
        moves = sorted(
            [(round(each.end_seconds * self._rate), 0, each) for each in events]
            + [(round(each.start_seconds * self._rate), 1, each) for each in events]
        )
        # Whole blocks of the synthesiser, so that the next piece begins at the edge of one as well.
        total = -(-(moves[-1][0] + round(_TAIL_SECONDS * self._rate)) // _BLOCK) * _BLOCK
        blocks, now = [], 0
        for at, begins, event in moves:
            if at > now:
                blocks.append(synth.get_samples(at - now))
                now = at
            if begins:
                synth.noteon(event.channel, event.pitch, event.velocity)
            else:
                synth.noteoff(event.channel, event.pitch)
        blocks.append(synth.get_samples(total - now))
        synth.all_sounds_off(-1)
        stereo = np.concatenate(blocks).reshape(-1, 2).astype(np.float32)  # (n, 2)
        return np.asarray(stereo.mean(axis=1) / 32768, np.float32)


@lru_cache(maxsize=2 * len(SOUNDFONTS))
def _synthesiser(rate: int, number: int, reverb: bool) -> _Synthesiser:
    return _Synthesiser(rate, number, reverb)


def render(
    events: Sequence[Event], rate: int = RATE, *, soundfont: int = 0, reverb: bool = True
) -> F32Array:
    """Samples of notes.

    Parameters
    ----------
    events : sequence of Event
        As :func:`~fingerprint.training.scores.arrangement.notes` gives them; one program a channel.
    rate : int
        Sample rate in Hz.
    soundfont : int
        Which of :data:`SOUNDFONTS`.
    reverb : bool
        Whether with reverberation and chorus.

    Returns
    -------
    float32 array, shape (n,)
        Mono, its peak at 0.8 of full scale.

    Raises
    ------
    ValueError
        If there is no note.
    FileNotFoundError
        If the soundfont is not installed.
    """
    if not events:
        raise ValueError("no notes to render: give at least one event")
    samples = _synthesiser(rate, soundfont, reverb).play(events)
    peak = float(np.abs(samples).max())
    return samples * np.float32(_PEAK / peak) if peak > 0 else samples


def sound(work: Work, performance: Performance, rate: int = RATE) -> F32Array:
    """Samples of a performance, float32, shape (n,)."""
    return render(
        notes(work, performance),
        rate,
        soundfont=performance.soundfont,
        reverb=performance.reverb,
    )
