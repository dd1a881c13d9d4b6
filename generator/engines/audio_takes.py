"""Takes of engines that give audio: what they are told, and what becomes of what they give.

Such an engine decides little that can be asked of it and proves nothing: the plan says what it was told, in its own
fields or in words. What it gives is brought to the rate and level of stems and mastered as any take is.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import soundfile
import soxr

from generator.arrays import F32Array, I32Array
from generator.engines import Engine, ignored_controls
from generator.errors import EngineFailedError, InvalidRequestError
from generator.instruments import Instrument
from generator.mastering import mastered
from generator.mixing import CEILING, FULL_SCALE, mixed
from generator.notes import Note
from generator.plan import Plan, Reason, Seat, planned
from generator.prompts import Understood, understood
from generator.prompts.contradictions import contradictions
from generator.rendering import RATE
from generator.request import Request
from generator.takes import Stem, Take, take_id

IN_WORDS: Final = frozenset(("prompt", "tempo", "key", "metre", "moods", "genre", "instruments"))
"""Fields that :func:`words` tells."""
MIX: Final = Instrument("mix", 0, 0, 127, ())
"""What plays a stem of which only the sound is known."""


@dataclass(frozen=True, eq=False)
class Heard:
    """Audio that an engine gave.

    Parameters
    ----------
    name : str
        Of the stem; ``mix`` where there are none.
    samples : float32 array, shape (channels, n)
    rate : int
        Samples a second.
    notes : tuple of Note
    midi : bytes
        Empty where the engine gives none.
    player : Instrument
    """

    name: str
    samples: F32Array
    rate: int
    notes: tuple[Note, ...] = ()
    midi: bytes = b""
    player: Instrument = MIX


def asked(engine: Engine, request: Request) -> tuple[Understood, Plan]:
    """What the prompt says and what the engine will be told.

    Raises
    ------
    InvalidRequestError
        If bars or stems are locked, which only an engine with stems of its own can keep, or the take is too long for it.
    """
    if request.locked or request.locked_bars:
        raise InvalidRequestError(
            f"{engine.name} makes whole mixes: nothing can be locked; ask for a new take"
        )
    read = understood(request.prompt)
    plan = planned(read.completed(request))
    longest = engine.supports.longest_seconds
    if plan.seconds > longest:
        raise InvalidRequestError(
            f"{engine.name} makes at most {longest:.0f} s at once, not {plan.seconds:.0f}: ask for fewer bars or seconds"
        )
    told = Reason(
        "engine", engine.name, "tempo, key and the rest are what it was told, not measured"
    )
    return read, replace(plan, reasons=(*plan.reasons, *contradictions(read, request), told))


def words(request: Request, read: Understood, plan: Plan) -> str:
    """The request as text: the prompt, then what fields and plan add to it."""
    own = read.completed(request)
    said = [own.genre or "", *own.moods, f"{plan.tempo:g} bpm", str(plan.key), f"{plan.metre} time"]
    if own.instruments:
        said.append("with " + " and ".join(own.instruments))
    return ", ".join(part for part in (request.prompt.strip(), *said) if part)


def decoded(data: bytes, who: str) -> tuple[F32Array, int]:
    """Samples of shape (channels, n) and their rate, of WAV, FLAC, MP3 or OGG.

    Raises
    ------
    EngineFailedError
        If it is none of these.
    """
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise EngineFailedError(f"{who} gave no audio that can be read: {error}") from error
    return np.ascontiguousarray(samples.T), int(rate)


def take_of(
    engine: Engine, request: Request, read: Understood, plan: Plan, parts: Sequence[Heard]
) -> Take:
    """A take of what an engine gave.

    Raises
    ------
    EngineFailedError
        If that is no sound.
    """
    buses = _buses(engine, parts)
    stems = tuple(
        Stem(Seat(part.name, part.player, ()), part.notes, part.midi, own)
        for part, own in zip(parts, buses, strict=True)
    )
    mix = mixed(buses)
    final = mastered(mix)
    digest = hashlib.sha256(take_id(engine.name, engine.version, request).encode())
    for own in buses:
        digest.update(own.tobytes())
    return Take(
        id=digest.hexdigest(),
        engine=engine.name,
        version=engine.version,
        request=request,
        understood=read,
        plan=replace(plan, seats=tuple(stem.seat for stem in stems)),
        chords=(),
        stems=stems,
        mix=mix,
        master=final.samples,
        gain=final.gain,
        rate=RATE,
        lufs=final.lufs,
        true_peak_db=final.true_peak_db,
        seeds={},
        ignored_controls=ignored_controls(request, engine.supports.controls),
    )


def _buses(engine: Engine, parts: Sequence[Heard]) -> list[I32Array]:
    """Parts in stereo at the rate of takes, of one length, the loudest at the ceiling, levels as they were."""
    if not parts or any(not part.samples.size for part in parts):
        raise EngineFailedError(f"{engine.name} gave no sound: try again", again=True)
    own = [stereo(part.samples, part.rate) for part in parts]
    peak = max(float(np.abs(each).max()) for each in own)
    if not np.isfinite(peak) or peak == 0:
        raise EngineFailedError(f"{engine.name} gave silence or no numbers: try again", again=True)
    longest = max(each.shape[1] for each in own)
    scale = CEILING / peak * FULL_SCALE
    return [
        np.pad(np.rint(each * scale).astype(np.int32), ((0, 0), (0, longest - each.shape[1])))
        for each in own
    ]


def stereo(samples: F32Array, rate: int) -> F32Array:
    """Two channels at :data:`~generator.rendering.RATE`; of more channels the first two."""
    both = samples[:2] if len(samples) > 1 else np.repeat(samples, 2, axis=0)
    if rate == RATE:
        return both
    return np.asarray(soxr.resample(both.T, rate, RATE).T, np.float32)
