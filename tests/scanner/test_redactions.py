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
    "+34\t600\t123\t456",
    "+34 600 \u00b7 123 \u00b7 456",
    "[+34] 600 123 456",
    "1-800-FLOWERS",
]
ADDRESSES = ["ana@label.example", "@anaruiz", "https://ana.example/x", "www.ana.example", "a@b"]
HIDDEN = [
    "ana(at)label.example",
    "ana.ruiz(at)host",
    "ana [at] label dot com",
    "ana.ruiz (at) label [dot] co [dot] uk",
    "ana {at} label.fr",
    "ana at label dot com",
    "ana [arroba] sello punto es",
    "ana[ät]firma(punkt)de",
]
PROFILES = ["soundcloud.com/anaruiz", "instagram.com/ana.ruiz", "label.example/~ana"]
TITLES = [
    "Live (at) Wembley, Live at the Apollo",
    "Look at the dot matrix, at dawn, dot com boom",
    "Mr. Blue Sky, will.i.am, a.k.a. Pablo",
    "youtube.com, spotify.com.",
    "U2, 99 Luftballons, 7 rings, 24K Magic, 1-800 days of rain",
    "DE89 is no account, nor is GB29 or AB12CD34EF56GH78",
]
KEPT = [
    "from 1999-2004",
    "on 2019-05-12, or 12.05.2019 at 10:15",
    "USRC17607839, 128 bpm, 3 tracks of 24",
    "track 019a1234-5678-7000-8000-0123456789ab",
]
NASTY = [
    "a (at) ",
    "a at b dot ",
    "a.b.c.",
    "DE89 3704 ",
    "[at]",
    "a(dot)",
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


@pytest.mark.parametrize("reach", HIDDEN + PROFILES)
@pytest.mark.parametrize("around", ["{}", "Write to {} about it.", "({})", "x {}, y"])
def test_what_is_written_for_people_alone_is_blacked_out_too(reach: str, around: str) -> None:
    left = black_out(around.format(reach))
    assert REDACTED in left
    assert not any(part in left.casefold() for part in ("ana", "label", "sello", "firma", "host"))


def test_a_domain_with_a_name_in_it_is_theirs() -> None:
    text = "See anaruiz.com, not label.com."
    assert black_out(text, ["Ana Ruiz"]) == f"See {REDACTED}, not label.com."


LETTERS = st.characters(codec="ascii", categories=["L"])
WORDS = st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=12)


@settings(deadline=None)
@given(WORDS)
def test_ordinary_words_are_kept(words: list[str]) -> None:
    text = " ".join(words)
    assert black_out(text) == text


@settings(deadline=None)
@given(
    st.from_regex(r"[a-z][a-z0-9]{1,12}([.+-][a-z0-9]{1,8})?", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9-]{1,12}", fullmatch=True),
    st.sampled_from(["(at)", " [at] ", " (at) ", "{at}", " [ AT ] "]),
    st.sampled_from([".", " dot ", "[dot]", " (dot) "]),
    st.sampled_from(["com", "de", "org", "co.uk"]),
)
def test_hidden_addresses_of_any_name_go(
    local: str, host: str, at: str, dot: str, end: str
) -> None:
    address = f"{local}{at}{host}{dot}{end}"
    assert black_out(f"x: {address} !") == f"x: {REDACTED} !"


@settings(deadline=None)
@given(
    st.integers(0, 10**18 - 1),
    st.sampled_from(["", " ", "-"]),
    st.sampled_from(["", ", thanks", " is mine"]),
)
def test_accounts_with_right_check_digits_go_and_what_follows_stays(
    number: int, gap: str, rest: str
) -> None:
    body = f"{number:018}"
    check = 98 - int(body + "131400") % 97
    account = f"DE{check:02}{body}"
    parts = gap.join(account[start : start + 4] for start in range(0, 22, 4))
    assert black_out(f"to {parts}{rest}") == f"to {REDACTED}{rest}"


@pytest.mark.parametrize("text", KEPT + TITLES)
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
