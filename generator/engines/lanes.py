"""What given audio brings to a take: lanes that stay as they are, and what the rest is composed around."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from generator.arrays import F32Array, I32Array
from generator.engines import Sounds
from generator.engines.audio_takes import MIX
from generator.errors import InvalidRequestError
from generator.given_audio import HeardAudio, heard_audio, read_given
from generator.instruments import INSTRUMENTS
from generator.keys import key_of
from generator.mixing import CEILING, FULL_SCALE
from generator.plan import Plan, Reason, Seat
from generator.rendering import RATE
from generator.request import Request
from generator.takes import Stem


@dataclass(frozen=True, eq=False)
class Brought:
    """What audio brings.

    Parameters
    ----------
    fields : dict
        Fields of the request that it decides, where they are open.
    reasons : tuple of Reason
    lanes : tuple of (str, str or None, float32 array of shape (2, n))
        Stems by name, their instruments if said, and their samples.
    calm : float or None
        How calm the reference is.
    """

    fields: dict[str, Any]
    reasons: tuple[Reason, ...] = ()
    lanes: tuple[tuple[str, str | None, F32Array], ...] = ()
    calm: float | None = None

    def planned(self, plan: Plan) -> Plan:
        """The plan with what the audio says of it."""
        told = [
            replace(each, why="as heard in the audio given") if each.field in self.fields else each
            for each in plan.reasons
        ]
        mood = plan.mood if self.calm is None else replace(plan.mood, calm=self.calm)
        return replace(plan, mood=mood, reasons=(*told, *self.reasons))

    def stems(self, samples: int) -> Iterator[Stem]:
        """Lanes as stems of so many samples."""
        for name, instrument, own in self.lanes:
            player = INSTRUMENTS[instrument] if instrument else replace(MIX, name="recording")
            yield Stem(Seat(name, player, ()), (), b"", _lane(own, samples), "given")


def brought(request: Request, sounds: Sounds | None) -> Brought:
    """What the audio of a request brings.

    Parameters
    ----------
    request : Request
        With what its prompt says.
    sounds : mapping of str to bytes
        By SHA-256.

    Raises
    ------
    InvalidRequestError
        If audio that is named was not handed over, or can't be used.
    """
    lanes = tuple(
        (each.name, each.instrument, read_given(_sound(each.sha256, sounds), each.name))
        for each in request.given_stems
    )
    fields: dict[str, Any] = {}
    reasons: list[Reason] = []
    if lanes:
        own = heard_audio(np.asarray(_sum(lanes), np.float32))
        fields |= _open(request, own)
        if request.bars is None and request.seconds is None:
            fields["seconds"] = max(lane[2].shape[1] for lane in lanes) / RATE
        names = ", ".join(lane[0] for lane in lanes)
        reasons.append(
            Reason("given_stems", names, "kept as given; the others are composed around it")
        )
    calm = None
    if request.audio_reference:
        data = _sound(request.audio_reference, sounds)
        own = heard_audio(read_given(data, "audio_reference"))
        fields = _open(request, own) | fields
        calm = own.calm
        told = f"{own.tempo:g} bpm, {own.key}, {own.density:.1f} onsets a beat"
        why = "of it tempo, key and density are taken, never its sound or melody"
        reasons.append(Reason("audio_reference", told, why))
    return Brought(fields, tuple(reasons), lanes, calm)


def _open(request: Request, heard: HeardAudio) -> dict[str, Any]:
    own = {"tempo": heard.tempo, "key": str(key_of(str(heard.key)))}
    return {name: value for name, value in own.items() if getattr(request, name) is None}


def _sum(lanes: Sequence[tuple[str, str | None, F32Array]]) -> F32Array:
    total = np.zeros((2, max(own.shape[1] for _, _, own in lanes)), np.float32)
    for _, _, own in lanes:
        total[:, : own.shape[1]] += own
    return total


def _sound(digest: str, sounds: Sounds | None) -> bytes:
    if digest not in (sounds or {}):
        raise InvalidRequestError(f"audio {digest[:12]} is named but was not handed over")
    return (sounds or {})[digest]


def _lane(samples: F32Array, count: int) -> I32Array:
    """A lane as whole numbers of 24 bits, quieter where its peak would leave no room for other stems."""
    own = np.zeros((2, count), np.float32)
    kept = min(count, samples.shape[1])
    own[:, :kept] = samples[:, :kept]
    scale = min(1.0, CEILING / max(float(np.abs(own).max()), 1e-9))
    return np.asarray(np.rint(own * np.float32(scale * FULL_SCALE)), np.int32)
