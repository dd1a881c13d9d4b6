"""How much of known lyrics a text is compared with."""

import random
from collections.abc import Collection, Mapping, Sequence

from policy import quoting
from policy.prompts import screen_lyrics
from policy.quoting import KnownSongs, Song


class Read(str):
    """Words that note how many letters of them were searched."""

    letters = 0

    def __contains__(self, part: object) -> bool:
        Read.letters += len(self)
        return super().__contains__(part)  # type: ignore[operator]


class ReadSongs:
    """Lyrics that note it."""

    def __init__(self, *lyrics: str) -> None:
        self._known = KnownSongs(lyrics)

    def having(self, shingles: Collection[str]) -> Mapping[str, Sequence[int]]:
        return self._known.having(shingles)

    def songs(self, numbers: Collection[int]) -> Mapping[int, Song]:
        found = self._known.songs(numbers)
        return {number: Song(Read(song.words)) for number, song in found.items()}


def test_a_text_that_is_like_everything_is_compared_within_bounds_and_what_it_quotes_is_found(
    monkeypatch,
) -> None:
    draw = random.Random(1)
    monkeypatch.setattr(quoting, "_MOST_LETTERS", 600_000)
    few = ["ba", "be", "bi", "bo", "bu", "da", "de", "di", "do", "du", "fa", "fe", "fi", "fo", "fu"]
    lyrics = [" ".join(draw.choices(few, k=1_500)) for _ in range(8)]
    words = draw.choices(few, k=300)
    words[150:200] = lyrics[3].split()[700:750]

    answer = screen_lyrics(" ".join(words), ReadSongs(*lyrics))

    assert 0 < Read.letters <= 600_000
    assert any(each.span[0] <= 450 and each.span[1] >= 599 for each in answer.objections)
