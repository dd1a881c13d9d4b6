"""Queries change what they say, and the account counts what is right and what is wrong."""

import numpy as np
import pytest

from benchmarks import qmax
from benchmarks.composition_account import account, markdown
from benchmarks.compositions import Answer, jobs, judged
from benchmarks.performances import (
    SAME_CHORDS,
    STRANGER,
    TRANSFORMS,
    Collection,
    Job,
    chords_of,
    reference_time,
)
from fingerprint import Match, Segment
from fingerprint.training.scores.arrangement import notes
from fingerprint.training.scores.variants import outline, similarity


@pytest.fixture(scope="module")
def collection() -> Collection:
    return Collection(20, 30)


def test_what_is_unknown_is_no_reference_in_any_version(collection: Collection) -> None:
    assert len(collection.works) == 50
    assert not {each.group for each in collection.strangers} & set(collection.groups.values())
    assert {each.split for each in collection.asked} == {"test"}
    assert len({each.group for each in collection.asked}) == 20


def test_a_smaller_run_asks_part_of_what_a_larger_one_asks(collection: Collection) -> None:
    assert Collection(5, 0).asked == collection.asked[:5]


CHANGED = {
    "instruments": {"programs", "soundfont"},
    "transposed": {"semitones"},
    "tempo": {"beats_per_minute"},
    "rearranged": {"styles", "voices", "seed"},
    "melody": {"voices"},
}


@pytest.mark.parametrize("transform", CHANGED)
def test_a_transform_changes_only_what_it_says(collection: Collection, transform: str) -> None:
    changed: set[str] = set()
    for number in range(20):
        asked = collection.query(Job(transform, number))
        assert asked.reference is not None
        query, own = asked.piece.performance, asked.reference.performance
        assert asked.piece.work == asked.reference.work
        assert "melody" in query.voices
        changed |= {key for key in vars(own) if getattr(own, key) != getattr(query, key)}
    assert changed == CHANGED[transform]


def test_all_at_once_changes_key_and_tempo_within_the_ranges_and_keeps_the_melody(
    collection: Collection,
) -> None:
    for number in range(20):
        asked = collection.query(Job("all", number))
        assert asked.reference is not None
        query, own = asked.piece.performance, asked.reference.performance
        assert 0.8 <= query.beats_per_minute / own.beats_per_minute <= 1.25
        assert 1 <= abs(query.semitones - own.semitones) <= 6
        assert query.seed != own.seed
        assert "melody" in query.voices


def test_a_query_is_made_of_its_job_alone(collection: Collection) -> None:
    job = Job("all 20 s", 3)
    assert collection.query(job).piece.name == Collection(20, 30).query(job).piece.name
    assert collection.query(job).piece.name != collection.query(Job("all 20 s", 4)).piece.name


def test_the_same_beat_is_found_at_the_place_where_the_reference_plays_it(
    collection: Collection,
) -> None:
    asked = collection.query(Job("tempo", 1))
    assert asked.reference is not None
    query = [e for e in notes(*asked.piece[:2]) if e.channel == 0]
    reference = [e for e in notes(*asked.reference[:2]) if e.channel == 0]
    for one, other in zip(query[::10], reference[::10], strict=True):
        assert reference_time(asked, one.start_seconds) == pytest.approx(
            other.start_seconds, abs=0.1
        )


def test_a_same_chord_query_plays_the_references_chords_under_another_melody(
    collection: Collection,
) -> None:
    for number in range(5):
        asked = collection.query(Job(SAME_CHORDS, number))
        assert asked.reference is not None
        assert asked.group is None
        assert chords_of(*asked.piece[:2]) == chords_of(*asked.reference[:2])
        melodies = [outline(each.work.melody) for each in (asked.piece, asked.reference)]
        assert similarity(*melodies) < 0.3


GROUPS = {"a": "A", "a2": "A", "b": "B", "c": "C"}


def test_every_version_of_the_work_counts_and_the_rank_is_that_of_the_first(
    collection: Collection,
) -> None:
    asked = collection.query(Job("all", 0))._replace(group="A")
    answers = [Answer("b", 0.9), Answer("a", 0.8), Answer("c", 0.7), Answer("a2", 0.6)]
    row = judged(asked, answers, GROUPS)
    assert row["rank"] == 2
    assert row["average_precision"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert (row["score"], row["false_score"]) == (0.8, 0.9)
    assert (row["false_name"], row["false_recording_name"]) == ("b", None)


def test_variants_before_the_works_own_reference_do_not_count(collection: Collection) -> None:
    asked = collection.query(Job("all", 0))._replace(group="A")
    assert asked.reference is not None
    own = asked.reference.work.id
    answers = [Answer("b", 0.9), Answer("a", 0.8), Answer(own, 0.7), Answer("a2", 0.6)]
    assert judged(asked, answers, {**GROUPS, own: "A"})["own_precision"] == 1 / 2
    assert judged(asked, answers[:2], {**GROUPS, own: "A"})["own_precision"] == 0


def test_what_is_not_found_has_no_rank_and_a_recording_is_counted_apart(
    collection: Collection,
) -> None:
    asked = collection.query(Job("all", 0))._replace(group="A")
    segment = Segment(0, 1, 0, 1, 0.9)
    match = Match("b", "recording", 0.9, (segment,), 1.0, 1.0)
    row = judged(asked, [Answer("b", 0.9, "recording", match)], GROUPS)
    assert row["rank"] is None
    assert row["average_precision"] == 0
    assert (row["false_score"], row["false_recording"]) == (0.0, 0.9)
    assert (row["false_name"], row["false_recording_name"]) == (None, "b")


def answer(kind: str, number: int, score: float, false_score: float) -> dict:
    return {
        "job": [kind, number],
        "audio_seconds": 60.0,
        "print_seconds": 0.5,
        "search_seconds": 0.1,
        "false_score": false_score,
        "false_recording": 0.0,
        "average_precision": 1.0 if score else 0.0,
        "own_precision": 0.5,
        "rank": 1 if score else None,
        "score": score,
        "recording_score": 0.0,
    }


def test_recall_false_matches_and_precision_are_accounted_by_transform() -> None:
    rows = [answer("all", n, 0.9 if n < 3 else 0.2, 0.6 if n == 0 else 0.0) for n in range(4)]
    stranger = {
        key: value
        for key, value in answer(STRANGER, 0, 0.0, 0.7).items()
        if key not in ("average_precision", "own_precision", "rank", "score", "recording_score")
    }
    made = account("clearance", 50, [*rows, stranger])
    kinds = {each["kind"]: each for each in made["kinds"]}
    assert kinds["all"]["recall"] == 0.75
    assert kinds["all"]["mean_own_precision"] == 0.5
    assert kinds["all"]["false_works"] == 1
    assert kinds[STRANGER]["false_works"] == 1
    assert "recall" not in kinds[STRANGER]
    assert (made["false_works"], made["total"]["queries"]) == (2, 4)
    assert "| all | 4 | 1.000 | 0.500 | 100 | 75 (30–95) |" in markdown([made])


def test_the_account_says_of_works_and_of_recordings_how_often_they_are_told_rightly() -> None:
    rows = [
        answer("all", 0, 0.85, 0.0) | {"recording_score": 0.0, "false_recording": 0.72},
        answer("all", 1, 0.85, 0.12) | {"recording_score": 0.97, "false_recording": 0.0},
    ]
    made = account("clearance", 10_000, rows)["reliability"]
    told = {
        kind: {row["from"]: (row["right"], row["wrong"]) for row in curve if row["told"]}
        for kind, curve in made.items()
    }
    assert told == {
        "works": {0.1: (0, 1), 0.8: (2, 0)},
        "recordings": {0.7: (0, 1), 0.9: (1, 0)},
    }


def test_a_peer_gets_the_threshold_that_leaves_its_share_of_false_matches() -> None:
    rows = [answer("all", n, 0.1 * n, 0.001 * n) for n in range(1000)]
    made = account("qmax", 50, rows)
    assert made["false_works"] / len(rows) <= 0.003
    assert made["threshold"] == pytest.approx(0.996, abs=0.002)


def test_melodies_that_share_chords_set_no_threshold_and_are_counted_in_their_own_row() -> None:
    rows = [answer("all", n, 0.9, 0.1) for n in range(9)]
    pair = answer(SAME_CHORDS, 0, 0.0, 0.95)
    for key in ("average_precision", "own_precision", "rank", "score", "recording_score"):
        del pair[key]
    made = account("qmax", 50, [*rows, pair])
    assert made["threshold"] == pytest.approx(0.1)
    assert made["false_works"] == 0
    assert {each["kind"]: each["false_works"] for each in made["kinds"]} == {
        "all": 0,
        SAME_CHORDS: 1,
    }


def test_every_work_is_asked_by_every_transform_and_negatives_besides() -> None:
    asked = jobs(3, TRANSFORMS, 4, 5)
    assert len(set(asked)) == len(asked) == 3 * len(TRANSFORMS) + 9


def test_qmax_prefers_the_same_music_in_another_key_and_tempo() -> None:
    random = np.random.default_rng(0)

    def piece(count: int = 140) -> np.ndarray:
        notes_ = np.repeat(random.integers(0, 12, count // 2), 2)
        made = np.eye(12, dtype=np.float32)[notes_].T + 0.1 * random.random((12, len(notes_)))
        return made.astype(np.float32)

    own, others = piece(), [piece() for _ in range(20)]
    at = np.arange(0, own.shape[1], 1.15).astype(int)
    query = np.roll(own[:, at], 5, axis=0)
    assert qmax.transposition(query, own) == 5
    assert qmax.likeness(query, own) > 2 * max(qmax.likeness(query, each) for each in others)
