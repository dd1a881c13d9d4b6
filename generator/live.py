"""A take that is composed and played bar by bar, and goes on: for listening, not for keeping.

The first time through, its notes are those of the take that the same request and seed give. Then its theme comes back
among new phrases, for ever. Controls change it at the next bar that is not made yet. Nothing of it knows a
clock: whoever plays it asks for the next bar in time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from generator.arrays import F32Array
from generator.composer import HARMONY, Score, Seeds, compose, seeds_of
from generator.live_buses import LiveBus, LiveLoudness
from generator.notes import Note, seconds_of
from generator.passages import units
from generator.plan import Seat, planned, seed_for
from generator.prompts import understood
from generator.rendering import RATE, SOUNDFONT, TAIL_SECONDS, Move
from generator.request import MOST_STEMS, Request, Word, request_of
from generator.training_pieces import LEAST, Pieces

DRAWS: Final = 3
"""How often a stem's bar is drawn anew before it stays silent."""
_THEME: Final = "A"
_LINE: Final = 2 * LEAST
"""Notes of the past that a line is compared with."""


class Controls(BaseModel):
    """What can be changed while it plays; None leaves a thing as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tempo: float | None = Field(None, ge=30, le=300, description="Quarter notes a minute.")
    moods: tuple[Word, ...] | None = Field(None, max_length=6)
    instruments: tuple[Word, ...] | None = Field(None, min_length=1, max_length=MOST_STEMS)


@dataclass(frozen=True, eq=False)
class Bar:
    """One bar.

    Parameters
    ----------
    number : int
        From 0, of all that were made.
    samples : float32 array, shape (2, n), at :data:`generator.rendering.RATE`
        At its gain, not limited: peaks may exceed 1.
    tempo : float
    stems : tuple of str
    notes : mapping of str to tuple of Note
        By stem; onsets count from the bar's beginning.
    drawn_anew : mapping of str to str
        Of stems whose first draw resembled a tune, that tune's name.
    silent : tuple of str
        Stems that stay silent, since no draw was far enough from it.
    last : bool
        Whether nothing follows.
    """

    number: int
    samples: F32Array
    tempo: float
    stems: tuple[str, ...]
    notes: Mapping[str, tuple[Note, ...]]
    drawn_anew: Mapping[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    last: bool = False


class Live:
    """What is played.

    Parameters
    ----------
    request : Request
        Without a parent.
    pieces : Pieces, optional
        What each stem's bar is compared with before it is played.
    endless : bool
        Whether it goes on after the bars that were asked for.
    soundfont : Path

    Raises
    ------
    InvalidRequestError, MissingPartError
    """

    def __init__(
        self,
        request: Request,
        pieces: Pieces | None = None,
        *,
        endless: bool = True,
        soundfont: Path = SOUNDFONT,
    ) -> None:
        self._request = understood(request.prompt).completed(request)
        self._pieces, self._endless, self._soundfont = pieces, endless, soundfont
        self.plan = planned(self._request)
        self._seeds: Seeds = seeds_of(self.plan, request.seed)
        self._theme: Seeds = self._seeds
        self._controls = Controls()
        self._round = self._bar = self._made = 0
        self._score: Score | None = None
        self._phrases = 0
        self._anchor = (0, 0)  # tick and sample at which the tempo was set
        self._before = 0  # ticks of the rounds that are over
        self._sample = 0
        self._buses: dict[Seat, LiveBus] = {}
        self._ends: dict[Seat, list[tuple[int, int]]] = {}
        self._lines: dict[str, tuple[Note, ...]] = {}
        self._loudness = LiveLoudness()
        self._over = False

    def next_bar(self, controls: Controls | None = None, *, another: bool = False) -> Bar | None:
        """Compose and play the next bar; None once it is over.

        Parameters
        ----------
        controls : Controls, optional
            What holds from this bar on; the same as before changes nothing.
        another : bool
            Begin anew with other draws: what was played last resembled something.

        Raises
        ------
        InvalidRequestError
            If the controls can't be; what was played before goes on.
        """
        if self._over:
            return None
        if controls is not None and controls != self._controls:
            self._change(controls)
        if another:
            self._begin_round(fresh=True)
        if self._bar == self.plan.bars:
            if not self._endless:
                return self._ring_out()
            self._begin_round()
        return self._play()

    def close(self) -> None:
        """Take all instruments down."""
        self._over = True
        for bus in self._buses.values():
            bus.close()
        self._buses.clear()

    def _change(self, controls: Controls) -> None:
        """Decide anew what the controls name; key, metre, bars, form and what is not named stay."""
        plan = self.plan
        named = controls.model_dump(exclude_none=True)
        if "instruments" in named:
            named["without"] = ()
        kept = {
            "key": str(plan.key),
            "metre": str(plan.metre),
            "bars": plan.bars,
            "form": "".join(section.letter for section in plan.sections),
            "tempo": plan.tempo,
        }
        self.plan = planned(request_of({**self._request.model_dump(), **kept, **named}))
        self._controls = controls
        names = (HARMONY, *(seat.stem for seat in self.plan.seats))
        own = self._request.seed
        fresh: Seeds = {n: {u: seed_for(own, n, u) for u in units(self.plan)} for n in names}
        self._seeds = {n: self._seeds.get(n, fresh[n]) for n in names}
        self._theme = {n: self._theme.get(n, fresh[n]) for n in names}
        self._anchor = (self._before + self._bar * plan.metre.bar, self._sample)
        self._score = None

    def _begin_round(self, *, fresh: bool = False) -> None:
        """Seeds of the next time through: every other time its theme comes back."""
        self._before += self._bar * self.plan.metre.bar
        self._round, self._bar, self._score, self._phrases = self._round + 1, 0, None, 0
        again = seed_for(self._request.seed, "round", str(self._round))
        self._seeds = {
            name: {unit: seed_for(again, name, unit) for unit in own}
            for name, own in self._seeds.items()
        }
        if fresh:
            self._theme = self._seeds
        elif self._round % 2 == 0:
            self._seeds = {
                name: {u: self._theme[name][u] if u[0] == _THEME else s for u, s in own.items()}
                for name, own in self._seeds.items()
            }

    def _notes(self, seat: Seat) -> tuple[Note, ...]:
        """Notes of the bar, from its beginning on; phrases are composed as they are needed."""
        length = self.plan.metre.bar
        start = self._bar * length
        return tuple(
            replace(note, onset=note.onset - start)
            for note in self._composed().notes[seat.stem]
            if start <= note.onset < start + length
        )

    def _composed(self) -> Score:
        """The score as far as the bar after this one, twice as far each time it is too short."""
        ends = []
        for section in self.plan.sections:
            first = section.first_bar
            for bars in section.phrases:
                first += bars
                ends.append(first)
        needed = 1 + next(n for n, end in enumerate(ends) if end > min(self._bar + 1, ends[-1] - 1))
        if self._score is None or self._phrases < needed:
            self._phrases = min(len(ends), max(needed, 2 * self._phrases if self._score else 0))
            self._score = compose(self.plan, self._seeds, self._phrases)
        return self._score

    def _play(self) -> Bar:
        notes: dict[str, tuple[Note, ...]] = {}
        anew: dict[str, str] = {}
        silent = []
        for seat in self.plan.seats:
            own = self._notes(seat)
            for draw in range(DRAWS + 1):
                named = self._repeated(seat, own)
                if named is None:
                    break
                anew.setdefault(seat.stem, named)
                own = self._drawn(seat, draw) if draw < DRAWS else ()
            else:
                silent.append(seat.stem)
            notes[seat.stem] = own
            self._lines[seat.stem] = self._line(seat, own)[-_LINE:]
        samples = self._rendered(notes)
        self._bar += 1
        return self._bar_of(samples, notes, anew, tuple(silent))

    def _bar_of(
        self,
        samples: F32Array,
        notes: Mapping[str, tuple[Note, ...]],
        anew: Mapping[str, str] | None = None,
        silent: tuple[str, ...] = (),
        *,
        last: bool = False,
    ) -> Bar:
        self._made += 1
        stems = tuple(seat.stem for seat in self.plan.seats)
        return Bar(self._made - 1, samples, self.plan.tempo, stems, notes, anew or {}, silent, last)

    def _repeated(self, seat: Seat, notes: Sequence[Note]) -> str | None:
        """The title of a piece that the stem's line with these notes repeats."""
        if self._pieces is None or not notes:
            return None
        line = self._line(seat, notes)
        every = (
            [note for note in line if note.voice == voice]
            for voice in sorted({note.voice for note in notes})
        )
        found = [
            each
            for own in every
            for each in self._pieces.repeated_in(own, self.plan.metre.bar, seat.stem)
        ]
        return found[0].piece if found else None

    def _line(self, seat: Seat, notes: Sequence[Note]) -> tuple[Note, ...]:
        """The last notes of a stem with these, counted from the first tick of all; drums have none."""
        if seat.instrument.drums:
            return ()
        start = self._before + self._bar * self.plan.metre.bar
        own = (replace(note, onset=start + note.onset) for note in notes)
        return (*self._lines.get(seat.stem, ()), *own)

    def _drawn(self, seat: Seat, draw: int) -> tuple[Note, ...]:
        """The bar of a stem with another seed of its phrase."""
        own = self._seeds[seat.stem]
        again = {u: seed_for(s, "draw", str(draw), u) for u, s in own.items()}
        self._seeds = {**self._seeds, seat.stem: again}
        self._score = compose(self.plan, self._seeds, self._phrases)
        return self._notes(seat)

    def _rendered(self, notes: Mapping[str, tuple[Note, ...]]) -> F32Array:
        """The mix of the bar at its gain, shape (2, n)."""
        start = self._before + self._bar * self.plan.metre.bar
        stop = start + self.plan.metre.bar
        count = self._at(stop) - self._sample
        for seat in self.plan.seats:
            moves = self._ends.setdefault(seat, [])
            moves += [(start + note.end, note.pitch) for note in notes[seat.stem]]
        mix = np.zeros((2, count), np.float32)
        for seat in self.plan.seats:
            if seat not in self._buses:
                self._buses[seat] = LiveBus(seat, self._soundfont)
            mix += self._buses[seat].play(self._moves(seat, notes[seat.stem], start, stop), count)
        self._let_go(mix)
        self._sample += count
        return self._loudness.louder(mix)

    def _let_go(self, mix: F32Array) -> None:
        """Players who are not asked for any more let their notes ring for one bar."""
        for seat in [each for each in self._buses if each not in self.plan.seats]:
            ends = [(0, 0, pitch) for _, pitch in self._ends.pop(seat, [])]
            fade = np.linspace(1, 0, mix.shape[1], dtype=np.float32)
            mix += self._buses[seat].play(ends, mix.shape[1]) * fade
            self._buses.pop(seat).close()

    def _moves(self, seat: Seat, notes: Sequence[Note], start: int, stop: int) -> list[Move]:
        """What happens in the bar, by sample; notes that end after it are kept for later."""
        begin = self._sample
        found = [
            (self._at(start + note.onset) - begin, note.velocity, note.pitch) for note in notes
        ]
        begun = {(note.pitch, start + note.end): at for note, (at, _, _) in zip(notes, found, strict=True)}  # fmt: skip
        later = []
        for tick, pitch in self._ends[seat]:
            at = max(self._at(tick) - begin, begun.get((pitch, tick), -1) + 1, 0)
            if tick < stop:
                found.append((at, 0, pitch))
            else:
                later.append((tick, pitch))
        self._ends[seat] = later
        return sorted(found, key=lambda each: (each[0], each[1] > 0, each[2]))

    def _at(self, tick: int) -> int:
        """Sample of a tick, counted from the first."""
        from_tick, from_sample = self._anchor
        return from_sample + round(seconds_of(tick - from_tick, self.plan.tempo) * RATE)

    def _ring_out(self) -> Bar:
        """What rings on after the last bar."""
        count = round(TAIL_SECONDS * RATE)
        mix = np.zeros((2, count), np.float32)
        for seat, bus in self._buses.items():
            ends = [(0, 0, pitch) for _, pitch in self._ends.get(seat, [])]
            mix += bus.play(ends, count)
        fade = np.linspace(1, 0, count, dtype=np.float32)
        found = self._bar_of(self._loudness.louder(mix) * fade, {}, last=True)
        self.close()
        return found
