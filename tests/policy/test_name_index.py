"""What is found by trigrams is what a look at every name finds, and among equals the first."""

from hypothesis import example, given
from hypothesis import strategies as st
from rapidfuzz import fuzz, process

from policy.name_index import NameIndex

NAMES = st.text("abcé", min_size=1, max_size=24)


def nearest(keys: list[str], text: str, sure: float) -> tuple[str, float] | None:
    found = process.extractOne(text, keys, scorer=fuzz.ratio, score_cutoff=sure)
    return None if found is None else (found[0], found[1])


@given(st.lists(NAMES, max_size=30, unique=True), NAMES, st.sampled_from([85.0, 88.0]))
@example(["aaaaaaaa", "aaaaaaaaaa"], "aaaaaaaaa", 85.0)
@example([], "a", 88.0)
def test_no_near_name_is_missed(keys: list[str], text: str, sure: float) -> None:
    assert NameIndex(keys, sure).nearest(text) == nearest(keys, text, sure)


@given(NAMES, st.data())
def test_a_misspelt_name_is_found(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    changed = data.draw(st.sampled_from(["", "b", "cc"]))
    text = name[:at] + changed + name[at + 1 :]
    others = data.draw(st.lists(NAMES, max_size=10))
    keys = list(dict.fromkeys([*others, name]))

    assert NameIndex(keys, 85.0).nearest(text) == nearest(keys, text, 85.0)
