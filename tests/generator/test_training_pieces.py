"""What repeats a training piece is found in any key, tempo and note values; what does not, is not."""

import random
from dataclasses import replace

import pytest

from generator import engine, request_of
from generator.composer import compose, seeds_of
from generator.memorisation import packaged_test, weights_sha256
from generator.notes import Note
from generator.plan import planned
from generator.training.tunes import Tune, tunes
from generator.training_pieces import LEAST, Piece, Pieces, training_pieces
from tests.generator.memorising import NUMBER, recited


@pytest.fixture(scope="module")
def tune() -> Tune:
    return tunes()[NUMBER]


@pytest.mark.parametrize(("up", "slower"), [(0, 1), (5, 1), (-3, 2), (2, 3)])
def test_a_tune_in_another_key_and_other_note_values_is_found_at_its_bars(tune, up, slower) -> None:
    some = tune.notes[8:40]
    notes = [
        Note(each.onset * slower, each.duration * slower, each.pitch + up, 90) for each in some
    ]

    found = training_pieces().repeated_in(notes, tune.bar * slower, "flute")

    best = found[0]
    assert tune.id in best.piece
    assert (best.stem, best.notes) == ("flute", len(some))
    assert best.piece_bars == (some[0].onset // tune.bar + 1, some[-1].onset // tune.bar + 1)
    assert best.bars == best.piece_bars


def test_a_run_that_is_a_note_too_short_a_scale_or_another_rhythm_is_nobodys(tune) -> None:
    pieces = training_pieces()
    # the first notes alone stand in no other tune
    short = list(tune.notes[: LEAST - 1])
    scale = [Note(12 * n, 12, 60 + 2 * n, 90) for n in range(30)]
    draw = random.Random(3)
    uneven = [replace(each, onset=each.onset * 7 + draw.randrange(5)) for each in tune.notes]

    for notes in (short, scale, uneven):
        assert pieces.repeated_in(notes, tune.bar, None) == []


def test_pieces_end_where_they_end(tune) -> None:
    one, other = tune.notes[:20], tunes()[NUMBER + 1].notes[:20]
    pieces = Pieces.of(
        Piece(name, [n.onset for n in notes], [n.pitch for n in notes], tune.bar)
        for name, notes in (("one", one), ("other", other))
    )
    last = one[-1].end
    across = [*one[10:], *(replace(each, onset=each.onset + last) for each in other[:9])]

    assert pieces.repeated_in(across, tune.bar, None) == []


def test_takes_of_the_builtin_model_repeat_nothing_and_its_packaged_test_is_of_its_weights() -> (
    None
):
    result = packaged_test(engine())

    assert result is not None
    assert (result["weights_sha256"], result["passed"]) == (weights_sha256(), True)
    assert result["takes"] >= 200
    plan = planned(request_of({"prompt": "a jig in G, 8 bars, flute and piano", "seed": 5}))
    for notes in compose(plan, seeds_of(plan, 5)).notes.values():
        assert training_pieces().repeated_in(notes, plan.metre.bar, None) == []


def test_a_model_of_one_tune_says_that_tune(tune) -> None:
    notes = recited(tune, 100 * tune.bar)

    found = training_pieces().repeated_in(notes, tune.bar, "flute")
    assert tune.id in found[0].piece
    assert found[0].notes >= 2 * LEAST
    # its phrases, again and again: all that the model says is the tune's
    own = [range(each.bars[0], each.bars[1] + 1) for each in found if tune.id in each.piece]
    assert {bar for bars in own for bar in bars} == set(range(1, notes[-1].onset // tune.bar + 2))
