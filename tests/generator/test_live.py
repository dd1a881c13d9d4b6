"""A take played bar by bar."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from generator import InvalidRequestError, engine, request_of
from generator.live import DRAWS, Bar, Controls, Live
from generator.live_buses import LiveBus
from generator.mixing import bus
from generator.notes import Note
from generator.rendering import RATE, channel, render
from generator.training_pieces import Piece, Pieces, Repeated

PROMPT = "dark, 84 bpm, D minor, cello and piano, 8 bars"


def bars(live: Live, count: int, controls: Controls | None = None) -> list[Bar]:
    found = [live.next_bar(controls) for _ in range(count)]
    return [bar for bar in found if bar is not None]


def starts(played: Sequence[Bar], stem: str, bar_ticks: int) -> list[tuple[int, int, int]]:
    return [
        (n * bar_ticks + note.onset, note.pitch, note.velocity)
        for n, bar in enumerate(played)
        for note in bar.notes[stem]
    ]


def test_the_first_time_through_its_notes_are_those_of_the_take() -> None:
    request = request_of({"prompt": PROMPT, "seed": 3})
    take = engine().generate(request)
    live = Live(request, endless=False)
    played = bars(live, 8)
    for stem in take.stems:
        told = [(note.onset, note.pitch, note.velocity) for note in stem.notes]
        assert starts(played, stem.name, take.plan.metre.bar) == told
    rest = bars(live, 3)
    assert [bar.last for bar in rest] == [True], "what rings on, and nothing after it"
    length = sum(bar.samples.shape[1] for bar in played)
    assert abs(length - take.plan.seconds * RATE) <= 1


def test_what_a_player_plays_in_parts_is_the_whole_to_the_sample() -> None:
    take = engine().generate(request_of({"prompt": PROMPT, "seed": 3}))
    for stem in take.stems:
        count = 6 * RATE
        tempo, player = take.plan.tempo, stem.seat.instrument
        whole = render(stem.notes, player, tempo, count)
        seconds = 60 / (tempo * 24)
        moves = sorted(
            move
            for note in stem.notes
            for start, end in [(round(note.onset * seconds * RATE), round(note.end * seconds * RATE))]
            for move in [(start, 1, note.pitch, note.velocity), (max(end, start + 1), 0, note.pitch, 0)]
        )  # fmt: skip
        parts, cuts = [], [0, 1, 64, 5000, 44100, 100_001, count]
        with channel(player) as own:
            for begin, stop in itertools.pairwise(cuts):
                part = [(at - begin, v, p) for at, _, p, v in moves if begin <= at < stop]
                parts.append(own.play(part, stop - begin))
        assert (np.concatenate(parts, axis=1) == whole).all()


def test_a_live_bus_is_the_bus_of_the_whole_but_for_its_level() -> None:
    take = engine().generate(request_of({"prompt": PROMPT, "seed": 3}))
    stem = take.stem("piano")
    seconds = 60 / (take.plan.tempo * 24)
    count = round(take.plan.seconds * RATE)
    whole = bus(render(stem.notes, stem.seat.instrument, take.plan.tempo, count), stem.seat)
    moves = sorted(
        move
        for note in stem.notes
        for start, end in [(round(note.onset * seconds * RATE), round(note.end * seconds * RATE))]
        for move in [(start, 1, note.pitch, note.velocity), (max(end, start + 1), 0, note.pitch, 0)]
    )
    live, parts = LiveBus(stem.seat), []
    for begin in range(0, count, RATE):
        stop = min(count, begin + RATE)
        part = [(at - begin, v, p) for at, _, p, v in moves if begin <= at < stop]
        parts.append(live.play(part, stop - begin))
    live.close()
    made = np.concatenate(parts, axis=1)[:, count // 2 :]
    exact = whole[:, count // 2 :] / 2**23
    gain = float((made * exact).sum() / (exact**2).sum())
    assert 0.6 < gain < 1.6, "its level is known only from what was played so far"
    assert np.abs(made - gain * exact).max() < 0.2 * np.abs(exact).max()


def test_the_same_request_and_controls_play_the_same_samples() -> None:
    def play() -> list[Bar]:
        live = Live(request_of({"prompt": PROMPT, "seed": 4}))
        return bars(live, 2) + bars(live, 2, Controls(tempo=120))

    for one, other in zip(play(), play(), strict=True):
        assert (one.samples == other.samples).all()


def test_controls_hold_from_the_next_bar_on_and_leave_key_and_form_alone() -> None:
    live = Live(request_of({"prompt": PROMPT, "seed": 4}))
    before, key, letters = bars(live, 3), live.plan.key, [s.letter for s in live.plan.sections]
    after = bars(live, 3, Controls(tempo=126, moods=("happy",), instruments=("flute", "harp")))
    assert {bar.tempo for bar in before} == {84} and {bar.tempo for bar in after} == {126}
    assert before[-1].stems == ("cello", "piano") and after[0].stems == ("flute", "harp")
    assert live.plan.key == key and [s.letter for s in live.plan.sections] == letters
    seconds = live.plan.metre.bar * 60 / (126 * 24)
    assert all(abs(bar.samples.shape[1] / RATE - seconds) < 1e-4 for bar in after)
    assert all(np.abs(bar.samples).max() > 0.01 for bar in after)


def test_controls_that_cannot_be_are_refused_and_the_music_goes_on() -> None:
    live = Live(request_of({"prompt": PROMPT, "seed": 4}))
    bars(live, 1)
    with pytest.raises(InvalidRequestError, match="kazoo"):
        live.next_bar(Controls(instruments=("kazoo",)))
    assert live.next_bar() is not None


def test_after_its_bars_it_goes_on_with_other_notes_and_its_theme_comes_back() -> None:
    live = Live(
        request_of({"prompt": "flute, 8 bars, AB form, form AABB", "form": "AB", "seed": 9})
    )
    rounds = [[bar.notes["flute"] for bar in bars(live, 8)] for _ in range(3)]
    assert rounds[1] != rounds[0]
    assert rounds[2][:4] == rounds[0][:4], "the theme"
    assert rounds[2][4:] != rounds[0][4:]


def line_of(played: Sequence[Bar], bar: int) -> list[Note]:
    return [
        Note(n * bar + note.onset, note.duration, note.pitch, 90)
        for n, each in enumerate(played)
        for note in each.notes["flute"]
    ]


def test_a_bar_that_stands_so_in_a_training_piece_is_drawn_anew_before_it_is_played() -> None:
    request = request_of({"prompt": "flute, 8 bars", "seed": 9})
    live = Live(request)
    length = live.plan.metre.bar
    own = line_of(bars(live, 4), length)
    piece = Piece("a tune", [n.onset for n in own], [n.pitch for n in own], length)
    pieces = Pieces.of([piece])
    assert pieces.repeated_in(own, length, "flute"), "its own line"
    played = bars(Live(request, pieces), 8)
    assert any(bar.drawn_anew.get("flute") == "a tune" for bar in played)
    assert pieces.repeated_in(line_of(played, length), length, "flute") == []


def test_a_stem_of_which_every_draw_repeats_a_piece_stays_silent_and_the_others_play() -> None:
    class Everything(Pieces):
        def repeated_in(self, notes, bar, stem):
            told = Repeated("everything", stem, (1, 1), (1, 1), 13)
            return [told] if any(note.voice == "melody" for note in notes) else []

    every = Everything(
        *vars(Pieces.of([Piece("a", range(0, 480, 24), range(60, 80), 96)])).values()
    )
    (bar,) = bars(Live(request_of({"prompt": PROMPT, "seed": 4}), every), 1)
    (silent,) = bar.silent
    assert bar.notes[silent] == () and bar.drawn_anew == {silent: "everything"}
    assert np.abs(bar.samples).max() > 0, f"{DRAWS} draws are tried, and then it plays on"


def test_another_begins_anew_with_other_draws() -> None:
    request = request_of({"prompt": PROMPT, "seed": 4})
    live, plain = Live(request), Live(request)
    bars(live, 2), bars(plain, 2)
    other, same = live.next_bar(another=True), plain.next_bar()
    assert other is not None and same is not None and other.notes != same.notes
