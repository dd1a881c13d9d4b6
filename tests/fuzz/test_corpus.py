"""What fuzzing began with, and what it found, is read again: each reader raises its own errors alone."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_takes_its_corpus_or_refuses_it_by_name(name: str) -> None:
    files = sorted((CORPUS / name).iterdir())
    assert files
    for path in files:
        data = path.read_bytes()
        TARGETS[name](data)
        TARGETS[name](data[: len(data) // 2])


def test_no_corpus_is_left_over() -> None:
    assert {each.name for each in CORPUS.iterdir()} == set(TARGETS)
