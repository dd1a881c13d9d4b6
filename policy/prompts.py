"""Prompts: may a request for music be answered; if not, which words stand against it and what would do.

Names are known from a register only: who is in the catalogue or asked to be left out. Nobody is
protected whom no register names, and no list of artists comes with the program.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from policy.core_texts import SOURCE
from policy.facts import PromptSignal
from policy.gate_texts import told
from policy.name_index import NameIndex
from policy.quoting import KnownSongs, Songs, quotations
from policy.words import screen
from policy.words.folding import Word, fold, in_order, words_of

_SURE: Final = 88.0
_SURE_TITLE: Final = 85.0
"""Similarity in percent (Indel, of letters alone) from which a name or a title is meant."""
_LONGEST_NAME: Final = 6
_LEAST_LETTERS: Final = 5
_QUOTES: Final = {'"': '"', "“": "”", "„": "“", "«": "»"}
_CUES: Final = frozenset(
    [
        "style",
        "stil",
        "stile",
        "estilo",
        "estylu",
        "stylu",
        "stylem",
        "manner",
        "maniere",
        "voice",
        "stimme",
        "voix",
        "voz",
        "voce",
        "glosem",
        "голосом",
        "стиле",
        "sounds",
        "sound",
        "klingt",
        "suene",
        "like",
        "wie",
        "como",
        "comme",
        "come",
        "gibi",
        "tarzinda",
        "jak",
        "sing",
        "sings",
        "remix",
        "cover",
        "coverversion",
        "version",
        "reprise",
        "remake",
        "rewrite",
        "feat",
        "featuring",
        "inspired",
        "imitate",
        "clone",
        "vocals",
        "vibes",
        "type",
        "melody",
        "sequel",
    ]
)


@dataclass(frozen=True)
class Register:
    """What prompts may not name.

    Parameters
    ----------
    artists : tuple of str
        Artists and holders of the catalogue, and whoever asked to be left out.
    titles : tuple of str
        Of protected songs. One of a single word counts only after a cue, or in quotation marks.
    lyrics : tuple of str
        Of protected songs, whole.
    """

    artists: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    lyrics: tuple[str, ...] = ()

    @cached_property
    def artist_keys(self) -> dict[str, str]:
        return {key: name for name in self.artists if (key := _key(name))}

    @cached_property
    def title_keys(self) -> dict[str, str]:
        return {key: title for title in self.titles if (key := _key(title))}

    @cached_property
    def artist_index(self) -> NameIndex:
        return NameIndex(self.artist_keys, _SURE)

    @cached_property
    def title_index(self) -> NameIndex:
        return NameIndex(self.title_keys, _SURE_TITLE)

    @cached_property
    def songs(self) -> Songs:
        return KnownSongs(self.lyrics)


@dataclass(frozen=True)
class Objection:
    """What stands against a prompt.

    Parameters
    ----------
    words : str
        Of the prompt, as written.
    span : (start, end)
        Where they are: characters, end excluded.
    protects : str, optional
        Name or title of the register that they are taken for.
    """

    signal: PromptSignal
    words: str
    span: tuple[int, int]
    protects: str | None = None


@dataclass(frozen=True)
class ScreenedPrompt:
    """Whether a prompt is accepted; if not, why, and how to say it otherwise."""

    objections: tuple[Objection, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.objections

    @property
    def signals(self) -> tuple[PromptSignal, ...]:
        """What was found, each once: the fact `generation.prompt_signals`."""
        return tuple(dict.fromkeys(each.signal for each in self.objections))

    @property
    def rephrase(self) -> tuple[str, ...]:
        """How to say it otherwise, in English."""
        return tuple(each[SOURCE] for each in self.rephrasings)

    @property
    def rephrasings(self) -> tuple[Mapping[str, str], ...]:
        """How to say it otherwise, by language; one for each signal."""
        return tuple(told(f"rephrase-{signal}") for signal in self.signals)


def screen_prompt(prompt: str, *registers: Register, songs: Songs | None = None) -> ScreenedPrompt:
    """Look for protected names and titles, misspelt too, for quoted lyrics, and for hate.

    What a register needs to be searched is made once and kept with it. ``songs`` are lyrics that are kept
    elsewhere.
    """
    words = words_of(prompt)
    parts = in_order(words)
    quoted = list(_quoted(prompt))
    found = list(_hate(prompt))
    for register in registers:
        found += [
            *_named(prompt, parts, register, "artist", quoted),
            *_named(prompt, parts, register, "title", quoted),
            *_spelt(prompt, words, register.artist_keys),
            *_quoting(prompt, words, register.songs),
        ]
    if songs is not None:
        found += _quoting(prompt, words, songs)
    return ScreenedPrompt(tuple(_apart(prompt, found)))


def screen_lyrics(lyrics: str, songs: Songs) -> ScreenedPrompt:
    """Look in lyrics that are to be sung for those of others, and for hate; they may name whom they like."""
    found = [*_hate(lyrics), *_quoting(lyrics, words_of(lyrics), songs)]
    return ScreenedPrompt(tuple(_apart(lyrics, found)))


def _named(
    prompt: str,
    words: Sequence[Word],
    register: Register,
    signal: Literal["artist", "title"],
    quoted: Sequence[tuple[int, int]],
) -> Iterator[Objection]:
    """Yield stretches of words that are, or nearly are, a name."""
    is_artist = signal == "artist"
    keys = register.artist_keys if is_artist else register.title_keys
    index = register.artist_index if is_artist else register.title_index
    found = []
    for first, last, text in _stretches(words):
        match = index.nearest(text)
        if match is None:
            continue
        key, score = match
        span = (words[first].start, words[last].end)
        is_cued = span in quoted or _after_cue(words, first, last)
        if (score == 100 or len(key) >= _LEAST_LETTERS) and (" " in keys[key] or is_cued):
            found.append((score, span, keys[key]))
    taken: list[tuple[int, int]] = []
    for _, span, name in sorted(found, key=lambda each: (-each[0], each[1][0] - each[1][1])):
        if all(span[1] <= start or end <= span[0] for start, end in taken):
            taken.append(span)
            yield Objection(signal, prompt[span[0] : span[1]], span, name)


def _stretches(words: Sequence[Word]) -> Iterator[tuple[int, int, str]]:
    """Yield runs of up to six words, in all ways that their first or last may be read."""
    for first in range(len(words)):
        for last in range(first, min(first + _LONGEST_NAME, len(words))):
            run = words[first : last + 1]
            yield first, last, "".join(each.forms[0] for each in run)
            if any(len(each.forms) > 1 for each in run):
                yield first, last, "".join(each.forms[-1] for each in run)
                yield first, last, "".join(each.forms[min(1, len(each.forms) - 1)] for each in run)
            ending = run[-1].forms[0]
            if ending.endswith("s") and len(ending) > 1:  # a possessive without its apostrophe
                yield first, last, "".join(each.forms[0] for each in run)[:-1]


def _spelt(prompt: str, words: Sequence[Word], keys: dict[str, str]) -> Iterator[Objection]:
    """Yield names whose letters are set apart."""
    letters = "".join(word.forms[0] if len(word.forms[0]) == 1 else " " for word in words)
    if len(max(letters.split(" "), key=len)) < _LEAST_LETTERS:
        return
    for key, name in keys.items():
        at = letters.find(key)
        if len(key) >= _LEAST_LETTERS and at >= 0:
            span = (words[at].start, words[at + len(key) - 1].end)
            if len(letters) == len(words):
                yield Objection("artist", prompt[span[0] : span[1]], span, name)


def _quoting(text: str, words: Sequence[Word], songs: Songs) -> Iterator[Objection]:
    for start, end, song in quotations(words, songs):
        yield Objection("quoted-lyrics", text[start:end], (start, end), song.title)


def _hate(prompt: str) -> Iterator[Objection]:
    for found in screen(prompt).findings:
        if found.category == "hate":
            for start, end in found.spans:
                yield Objection("hate", prompt[start:end], (start, end))


def _after_cue(words: Sequence[Word], first: int, last: int) -> bool:
    """Whether words that ask for a likeness stand close before a name, or right after it."""
    near = [*words[max(0, first - 4) : first], *words[last + 1 : last + 3]]
    return any(form in _CUES for word in near for form in word.forms)


def _quoted(prompt: str) -> Iterator[tuple[int, int]]:
    """Yield what stands between quotation marks."""
    at = 0
    while at < len(prompt):
        end = prompt.find(_QUOTES.get(prompt[at], "\0"), at + 1)
        if prompt[at] in _QUOTES and end > at:
            yield at + 1, end
            at = end
        at += 1


def _apart(prompt: str, objections: Sequence[Objection]) -> list[Objection]:
    """Put in order; of overlapping ones with the same signal keep the longest; quotations become one."""
    kept: list[Objection] = []
    for each in sorted(objections, key=lambda each: (each.span[0], -each.span[1])):
        n = next((n for n, old in enumerate(kept) if _same(old, each)), None)
        if n is None:
            kept.append(each)
        elif each.signal == "quoted-lyrics":
            start, end = kept[n].span[0], max(kept[n].span[1], each.span[1])
            kept[n] = replace(kept[n], words=prompt[start:end], span=(start, end))
    return kept


def _same(one: Objection, other: Objection) -> bool:
    return one.signal == other.signal and other.span[0] < one.span[1]


def _key(name: str) -> str:
    return "".join(each for each in fold(name) if each.isalnum())
