"""The manifest of works: what it holds, how it is split, and that it reads back exactly."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from fingerprint.training.scores import works as manifest
from fingerprint.training.scores.books import LONGEST_BEATS, SOURCES, Tune, folders, read
from fingerprint.training.scores.melody import Note, Work
from fingerprint.training.scores.works import split_of, works

JIG = """X:1
T:A Jig of Two Strains
M:6/8
L:1/8
K:G
|:D|GAB d2B|AGA B2D|GAB d2B|A3 G2:|
|:g|fed e2f|gfe d2B|c2A B2G|A3 G2:|
"""


def test_works_come_from_allowed_folders_only() -> None:
    assert {each.source for each in works()} == set(folders())
    refused = {each["folder"] for each in json.loads(SOURCES.read_text())["refused"]}
    assert "essenFolksong" in refused
    assert not refused & set(folders())


def test_a_group_of_variants_lies_in_one_split() -> None:
    splits: dict[str, set[str]] = {}
    for each in works():
        splits.setdefault(each.group, set()).add(each.split)
    assert all(len(those) == 1 for those in splits.values())
    assert {split for those in splits.values() for split in those} == {
        "train",
        "validation",
        "test",
    }
    assert all(split_of(each.group) == each.split for each in works())


def test_there_are_enough_works_to_train_and_to_measure_with() -> None:
    assert len({each.group for each in works("test")}) >= 700
    assert len({each.group for each in works("train")}) >= 1500


def test_a_melody_is_one_voice_in_order_and_not_longer_than_allowed() -> None:
    for each in works():
        for before, after in pairwise(each.melody):
            assert before.onset + before.duration <= after.onset + 1e-6
        assert all(note.duration > 0 and 21 <= note.pitch <= 108 for note in each.melody)
        assert each.melody[-1].onset < LONGEST_BEATS


def test_a_tune_is_read_with_its_repeats_and_its_pick_up_before_the_bar() -> None:
    found = read(Tune("book/1", "book", JIG))
    assert found is not None
    assert (found.title, found.bar_beats) == ("A Jig of Two Strains", 3.0)
    assert found.melody[0] == Note(2.5, 0.5, 62)
    assert found.melody[1] == Note(3.0, 0.5, 67)
    pitches = [note.pitch for note in found.melody]
    assert len(pitches) == 2 * (18 + 17)
    assert pitches[:18] == pitches[18:36]
    assert pitches[36:53] == pitches[53:]


def test_a_tune_too_short_to_be_known_again_is_left_out() -> None:
    assert read(Tune("book/2", "book", "X:1\nT:Short\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n")) is None


def test_a_manifest_reads_back_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    melody = (Note(0.5, 1 / 3, 60), Note(1.0, 2.25, 72), Note(4.0, 1.0, 55))
    work = Work("a/b/1", "a", "Ünlikely", "a/b/0", split_of("a/b/0"), 4.0, melody)
    path = tmp_path / "works.json.gz"
    manifest.write([work], path)
    monkeypatch.setattr(manifest, "MANIFEST", path)
    manifest._all.cache_clear()
    (back,) = works()
    manifest._all.cache_clear()
    assert [note.pitch for note in back.melody] == [60, 72, 55]
    assert [note.onset for note in back.melody] == pytest.approx([0.5, 1.0, 4.0])
    assert (back.id, back.title, back.group, back.split) == (
        work.id,
        work.title,
        work.group,
        work.split,
    )


def test_a_split_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="say train, validation or test"):
        works("holdout")  # type: ignore[arg-type]
