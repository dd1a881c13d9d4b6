import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import BadKeyError, BadKeyFileError, Key, format_key_file, parse_key_file

SECRET = bytes(range(16))
LINE = f"key {SECRET.hex()}"
NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=40)


@given(st.binary(min_size=16, max_size=16), NAMES)
def test_a_key_file_gives_the_key_back_that_was_written(secret: bytes, name: str) -> None:
    assert parse_key_file(format_key_file(Key(secret, name)), "") == Key(secret, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (LINE, "file"),
        (f"# a comment\r\n\r\n\t{LINE}   # and more\n", "file"),
        (f"{LINE}\nname bare-name_1.2:3=/", "bare-name_1.2:3=/"),
        (f'name "two # words"\n{LINE}', "two # words"),
        (r'name "\"a\\b\""' + f"\n{LINE.upper().replace('KEY', 'key')}", '"a\\b"'),
    ],
)
def test_comments_blanks_and_quotes_are_read_as_audiowmark_writes_them(
    text: str, name: str
) -> None:
    assert parse_key_file(text, "file") == Key(SECRET, name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "exactly one key, this one 0"),
        (f"{LINE}\n{LINE}", "exactly one key, this one 2"),
        ("key 0123", "line 1"),
        (f"\n{LINE}0", "line 2"),
        (f"{LINE} again", "line 1"),
        (f"{LINE}\nnom x", "line 2"),
        (f"{LINE}\nname a b", "line 2"),
        (f"{LINE}\nname é", "must stand in quotes"),
        (f'{LINE}\nname "open', "must stand in quotes"),
        (f'{LINE}\nname "tab\t"', "control characters"),
    ],
)
def test_a_bad_key_file_is_refused_by_its_line_and_never_quoted(text: str, says: str) -> None:
    with pytest.raises(BadKeyFileError, match=says) as caught:
        parse_key_file(text, "file")
    assert SECRET.hex() not in str(caught.value)


def test_a_key_never_shows_its_bytes() -> None:
    assert SECRET.hex() not in repr(Key(SECRET, "a"))
    assert str(SECRET) not in repr(Key(SECRET, "a"))


@pytest.mark.parametrize(("secret", "name"), [(SECRET[:15], ""), (SECRET, "a\nb")])
def test_a_key_of_another_length_or_with_a_control_character_is_refused(
    secret: bytes, name: str
) -> None:
    with pytest.raises(BadKeyError):
        Key(secret, name)
