"""Takes as a creator gets them: sound, levels, locks, and the tree."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from generator import (
    InvalidRequestError,
    MissingPartError,
    Take,
    Tree,
    UnknownEngineError,
    engine,
    node_of,
    request_of,
    vary,
)
from generator.arrays import I32Array
from generator.engines.builtin import BuiltIn, spliced
from generator.mastering import LUFS, TRUE_PEAK_DB, loudness, mastered, true_peak_db
from generator.mixing import CEILING, FULL_SCALE, as_float
from generator.rendering import RATE, TAIL_SECONDS
from generator.request import SEEDS


def test_the_mix_is_the_sum_of_the_stems_to_the_sample(take: Take) -> None:
    total = sum(stem.samples.astype(np.int64) for stem in take.stems)
    assert np.array_equal(take.mix, total)
    assert max(int(np.abs(stem.samples).max()) for stem in take.stems) <= CEILING * FULL_SCALE
    assert all(stem.samples.any() for stem in take.stems)


def test_the_master_is_as_loud_as_asked_below_its_true_peak_and_the_mix_times_its_gain(
    take: Take,
) -> None:
    samples = as_float(take.master)
    assert loudness(samples) == pytest.approx(LUFS, abs=0.5)
    assert true_peak_db(samples) <= TRUE_PEAK_DB
    assert take.lufs == pytest.approx(loudness(samples), abs=0.02)
    assert np.array_equal(take.master, np.rint(take.mix * take.gain.astype(np.float64)))


def test_a_take_lasts_its_bars_and_what_rings_on(take: Take) -> None:
    assert take.plan.bars == 4
    assert take.mix.shape[1] == pytest.approx((8 + TAIL_SECONDS) * RATE, abs=64)
    assert {stem.name for stem in take.stems} == {"saxophone", "piano", "double bass", "drums"}


def test_the_same_request_gives_the_same_bytes_whatever_was_played_before(take: Take) -> None:
    engine().generate(request_of({"instruments": ["strings"], "bars": 1}))
    again = engine().generate(take.request)
    assert again.id == take.id
    assert np.array_equal(again.master, take.master)
    assert [stem.midi for stem in again.stems] == [stem.midi for stem in take.stems]


def test_locked_stems_stay_to_the_sample_and_the_others_change(take: Take, varied: Take) -> None:
    for stem in varied.stems:
        before = take.stem(stem.name)
        kept = stem.name in ("piano", "drums")
        assert np.array_equal(stem.samples, before.samples) == kept
        assert (stem.midi == before.midi) == kept
        assert stem.origin == ("kept" if kept else "generated")
    assert varied.chords == take.chords
    assert varied.id != take.id
    total = sum(stem.samples.astype(np.int64) for stem in varied.stems)
    assert np.array_equal(varied.mix, total)


def test_locked_bars_keep_their_notes_in_every_stem(take: Take) -> None:
    own = vary(take, keep_bars=[0, 2])
    bar = take.plan.metre.bar
    for stem in own.stems:
        for number in (0, 2):
            assert starts(stem.notes, number, bar) == starts(
                take.stem(stem.name).notes, number, bar
            )
    assert own.stem("saxophone").notes != take.stem("saxophone").notes
    assert own.stem("saxophone").origin == "mixed"


def starts(notes: object, number: int, bar: int) -> list[tuple[int, int]]:
    return [(n.onset, n.pitch) for n in notes if n.onset // bar == number]  # type: ignore[attr-defined]


def test_notes_of_locked_bars_do_not_ring_into_new_ones(take: Take) -> None:
    bar = take.plan.metre.bar
    before, after = take.stem("double bass").notes, take.stem("saxophone").notes
    for note in spliced(before, after, bar, frozenset({1})):
        assert note.onset // bar == (note.end - 1) // bar or note.onset // bar >= 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"locked": ("tuba",)}, "has no stem 'tuba'"),
        ({"locked_bars": (9,)}, "has bars 0 to 3"),
        ({"tempo": 90.0}, "a variation changes"),
        ({"parent": "0" * 64}, "must be given as the parent"),
    ],
)
def test_a_variation_that_cannot_be_says_why(
    take: Take, change: dict[str, object], told: str
) -> None:
    request = take.request.model_copy(update={"parent": take.id, **change})
    with pytest.raises(InvalidRequestError, match=told):
        engine().generate(request, take)


def test_a_missing_soundfont_says_what_to_install() -> None:
    with pytest.raises(MissingPartError, match="fluid-soundfont-gm"):
        BuiltIn(Path("/nowhere/font.sf2")).generate(request_of({"bars": 1}))
    with pytest.raises(UnknownEngineError, match="choose among clearance"):
        engine("nobody")


def test_silence_is_mastered_as_silence() -> None:
    silent: I32Array = np.zeros((2, RATE), np.int32)
    assert not mastered(silent).samples.any()


def test_a_loud_click_in_a_quiet_mix_is_held_below_the_ceiling() -> None:
    random = np.random.default_rng(0)
    mix = (random.standard_normal((2, 4 * RATE)) * 2000).astype(np.int32)
    mix[:, 2 * RATE] = FULL_SCALE - 1
    assert true_peak_db(as_float(mastered(mix).samples)) <= TRUE_PEAK_DB


def test_midi_of_a_stem_is_a_file_of_its_own(take: Take) -> None:
    for stem in take.stems:
        read = mido.MidiFile(file=io.BytesIO(stem.midi))
        assert [track.name for track in read.tracks[1:]] == [stem.name]
        assert read.length == pytest.approx(take.plan.seconds, abs=1e-3)


def test_the_tree_knows_lines_children_and_who_to_credit(take: Take, varied: Take) -> None:
    tree = Tree().with_node(node_of(take, "ann")).with_node(node_of(varied, "bob"))
    assert tree.with_node(node_of(varied, "bob")) is tree
    assert [node.take for node in tree.line(varied.id)] == [take.id, varied.id]
    assert [node.take for node in tree.children(take.id)] == [varied.id]
    assert tree.credited(varied.id) == ("ann", "bob")
    assert tree.node(varied.id).locked == ("drums", "piano")
    assert Tree.of(tree.rows()) == tree
    with pytest.raises(InvalidRequestError, match="add its parents first"):
        Tree().with_node(node_of(varied))


@pytest.mark.parametrize("wrong", [{"amount": 0.0}, {"seed": -1}, {"keep_bars": [-1]}])
def test_a_variation_that_cannot_be_is_refused_as_a_request_is(
    take: Take, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError, match=r"amount|seed|bars"):
        vary(take, **wrong)


def test_the_seed_after_the_last_is_the_first(take: Take) -> None:
    last = replace(take, request=take.request.model_copy(update={"seed": SEEDS - 1}))
    assert vary(last, keep=[stem.name for stem in take.stems]).request.seed == 0
