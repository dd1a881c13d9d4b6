"""The built-in engine: rules and a learned model compose, FluidSynth plays, NumPy mixes."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from generator.composer import HARMONY, Score, Seeds, compose, seeds_of
from generator.engines import BUILTIN, Access, Engine, Sounds, Support, ignored_controls
from generator.engines.lanes import brought
from generator.errors import InvalidRequestError
from generator.mastering import mastered
from generator.midi import stem_midi
from generator.mixing import bus, mixed
from generator.notes import Note, tidy
from generator.passages import units
from generator.plan import Plan, Seat, planned, seed_for
from generator.prompts import understood
from generator.prompts.contradictions import contradictions
from generator.rendering import RATE, SOUNDFONT, render, samples_of_take
from generator.request import Request
from generator.takes import Stem, Take, take_id

CONTROLS: Final = frozenset(
    ("prompt", "tempo", "key", "metre", "moods", "genre", "instruments", "without", "bars", "seconds",
     "form", "chords", "melody_midi", "given_stems", "audio_reference", "lyrics", "seed", "parent", "locked", "locked_bars", "amount")
)  # fmt: skip
_STEPS: Final = ("parent", "locked", "locked_bars", "amount", "seed")
"""Fields in which a variation may differ from its parent."""
_HARMONY_TOO: Final = 0.75
"""From this amount on, and where nothing is locked, chords are made anew as well."""


class BuiltIn:
    """The engine.

    Parameters
    ----------
    soundfont : Path
    threads : int
        Stems rendered at once.
    """

    name = BUILTIN
    version = "3"
    supports = Support(CONTROLS, stems=True, midi=True, repeatable=True)

    def __init__(self, soundfont: Path = SOUNDFONT, threads: int = 2) -> None:
        self._soundfont = soundfont
        self._threads = threads

    def generate(
        self, request: Request, parent: Take | None = None, sounds: Sounds | None = None
    ) -> Take:
        read = understood(request.prompt)
        if request.parent is None:
            asked = read.completed(request)
            audio = brought(asked, sounds)
            plan = audio.planned(planned(asked.model_copy(update=audio.fields)))
            plan = replace(plan, reasons=plan.reasons + contradictions(read, request))
            seeds: Seeds = seeds_of(plan, request.seed)
            lanes = tuple(audio.stems(samples_of_take(plan.ticks, plan.tempo)))
        else:
            lanes = _lanes_of(parent)
            plan, seeds = _continued(request, parent)
        score = compose(plan, seeds)
        stems = (*self._stems(request, plan, score, parent), *lanes)
        mix = mixed([stem.samples for stem in stems])
        final = mastered(mix)
        return Take(
            id=take_id(self.name, self.version, request),
            engine=self.name,
            version=self.version,
            request=request,
            understood=read,
            plan=plan,
            chords=score.chords,
            stems=stems,
            mix=mix,
            master=final.samples,
            gain=final.gain,
            rate=RATE,
            lufs=final.lufs,
            true_peak_db=final.true_peak_db,
            seeds=seeds,
            ignored_controls=ignored_controls(request, CONTROLS),
        )

    def _stems(
        self, request: Request, plan: Plan, score: Score, parent: Take | None
    ) -> tuple[Stem, ...]:
        def made(seat: Seat) -> Stem:
            if parent and seat.stem in request.locked:
                return replace(parent.stem(seat.stem), origin="kept")
            notes = score.notes[seat.stem]
            if parent and request.locked_bars:
                before = parent.stem(seat.stem).notes
                notes = spliced(before, notes, plan.metre.bar, frozenset(request.locked_bars))
            return self._stem(plan, seat, notes, "mixed" if request.locked_bars else "generated")

        with ThreadPoolExecutor(self._threads) as pool:
            return tuple(pool.map(made, plan.seats))

    def _stem(self, plan: Plan, seat: Seat, notes: tuple[Note, ...], origin: str) -> Stem:
        count = samples_of_take(plan.ticks, plan.tempo)
        samples = render(notes, seat.instrument, plan.tempo, count, self._soundfont)
        midi = stem_midi(plan, seat, notes)
        return Stem(
            seat, notes, midi, bus(samples, seat), "mixed" if origin == "mixed" else "generated"
        )


def _lanes_of(parent: Take | None) -> tuple[Stem, ...]:
    """Stems that somebody brought: no variation changes them."""
    own = parent.stems if parent else ()
    return tuple(stem for stem in own if stem.origin == "given")


def _continued(request: Request, parent: Take | None) -> tuple[Plan, Seeds]:
    """Plan and seeds of a variation: the parent's plan, part of its seeds drawn anew.

    Raises
    ------
    InvalidRequestError
        If the parent is not the one named, or the request asks for more than a variation.
    """
    if parent is None or parent.id != request.parent:
        raise InvalidRequestError(f"take {str(request.parent)[:12]} must be given as the parent")
    if request.model_dump(exclude=set(_STEPS)) != parent.request.model_dump(exclude=set(_STEPS)):
        raise InvalidRequestError(
            f"a variation changes {', '.join(_STEPS)} only: make a new take for anything else"
        )
    for name in request.locked:
        parent.stem(name)
    if any(bar >= parent.plan.bars for bar in request.locked_bars):
        raise InvalidRequestError(f"take {parent.id[:12]} has bars 0 to {parent.plan.bars - 1}")
    return parent.plan, varied_seeds(parent.plan, parent.seeds, request)


def varied_seeds(plan: Plan, seeds: Seeds, request: Request) -> Seeds:
    """Seeds of which about ``amount`` are new, one of each stem at least; locked stems keep theirs."""
    free = not request.locked and not request.locked_bars and request.amount >= _HARMONY_TOO
    found: dict[str, Mapping[str, int]] = {}
    for name, own in seeds.items():
        if name in request.locked or (name == HARMONY and not free):
            found[name] = own
            continue
        random = np.random.default_rng(seed_for(request.seed, "amount", name))
        draws = random.random(len(own))
        chosen = {u for u, draw in zip(own, draws, strict=True) if draw < request.amount}
        chosen |= {units(plan)[int(draws.argmin())]}
        found[name] = {u: seed_for(request.seed, name, u) if u in chosen else own[u] for u in own}
    return found


def spliced(
    before: tuple[Note, ...], after: tuple[Note, ...], bar: int, locked: frozenset[int]
) -> tuple[Note, ...]:
    """Notes of the locked bars from before, of the others from after; none crosses into the other kind."""

    def within(notes: tuple[Note, ...], kept: bool) -> list[Note]:
        found = []
        for note in notes:
            number = note.onset // bar
            if (number in locked) != kept:
                continue
            end = number + 1
            while (end in locked) == kept and end * bar < note.end:
                end += 1
            found.append(replace(note, duration=min(note.end, end * bar) - note.onset))
        return found

    every = within(before, True) + within(after, False)
    return tidy(every, max(note.end for note in every)) if every else ()


def engine(access: Access) -> Engine:
    """The engine, with Debian's soundfont if no other is named."""
    return BuiltIn(access.soundfont or SOUNDFONT)
