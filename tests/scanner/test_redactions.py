"""Texts go out without what names or reaches somebody, and no text takes long."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.redactions import REDACTED, black_out

NUMBERS = [
    "+34 600 123 456",
    "+34.600.123.456",
    "+1-212-555-0123",
    "+49 (0)30 1234-567",
    "+49\u00a030\u00a01234567",
    "\uff0b34 600 123 456",
    "0049 30 123456",
    "(212) 555-0123",
    "212.555.0123",
    "030/1234567",
    "600123456",
    "555-1234",
]
ADDRESSES = ["ana@label.example", "@anaruiz", "https://ana.example/x", "www.ana.example", "a@b"]
KEPT = [
    "from 1999-2004",
    "on 2019-05-12, or 12.05.2019 at 10:15",
    "USRC17607839, 128 bpm, 3 tracks of 24",
    "track 019a1234-5678-7000-8000-0123456789ab",
]
NASTY = [
    "a",
    "1",
    "1 ",
    "1-",
    "((",
    "+",
    "@",
    "a@",
    "a.",
    "https://",
    "www.",
    "\u00e9",
    "0(",
    "19-",
]


@pytest.mark.parametrize("reach", NUMBERS + ADDRESSES)
@pytest.mark.parametrize("around", ["{}", "The song Blue: call ({}), or write.", "x {}, y"])
def test_what_reaches_somebody_is_blacked_out(reach: str, around: str) -> None:
    left = black_out(around.format(reach))
    assert REDACTED in left
    assert not any(part in left for part in (reach, reach[-5:], reach[:5]))


@pytest.mark.parametrize("text", KEPT)
def test_dates_and_identifiers_are_kept(text: str) -> None:
    assert black_out(text) == text


def test_names_go_whole_and_word_by_word_in_any_case() -> None:
    names = ["Ana Ruiz-Soto", "Li Wu", "zoe@x.example"]
    text = "ANA RUIZ-SOTO and soto; li wu, not liwu; Zoe; Anabel; Zo\u00e9 Ru\u0131z"
    assert black_out(text, names) == (
        f"{REDACTED} and {REDACTED}; {REDACTED}, not liwu; {REDACTED}; Anabel; Zo\u00e9 Ru\u0131z"
    )


@pytest.mark.parametrize(
    ("name", "text"), [("李小龙", "这是李小龙的歌"), ("สมชาย", "เพลงของสมชายครับ")]
)
def test_names_go_where_words_are_written_without_gaps(name: str, text: str) -> None:
    assert black_out(text, [name]) == text.replace(name, REDACTED)


@settings(max_examples=40, deadline=timedelta(seconds=2))
@given(
    st.lists(st.tuples(st.sampled_from(NASTY), st.integers(1, 8000)), min_size=1, max_size=4),
    st.lists(st.text(max_size=5000), max_size=3),
)
def test_no_text_takes_long(parts: list[tuple[str, int]], names: list[str]) -> None:
    """A text of tens of thousands of characters is done in a moment, whatever it repeats."""
    black_out("".join(part * count for part, count in parts), [*names, "a" * 5000])
