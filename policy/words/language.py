"""Language of a text, as far as its words tell."""

import re
from functools import cache, lru_cache
from typing import Any, Final

LANGUAGES: Final = ("de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "tr")
"""Languages with patterns of our own."""
_LISTED: Final = (
    "cs", "da", "de", "el", "en", "es", "fi", "fr", "hu", "id", "it", "ja", "ko", "nl", "no",
    "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk",
)  # fmt: skip
_LEAST_LETTERS: Final = 8
_LETTER: Final = re.compile(r"[^\W\d_]")
_LIKELY: Final = 0.02


def language_of(text: str) -> str | None:
    """ISO 639-1 code of the likeliest language; None if there are too few letters to tell."""
    ranked = likely_languages(text)
    return ranked[0] if ranked else None


@lru_cache(maxsize=10_000)
def likely_languages(text: str) -> tuple[str, ...]:
    """Return the languages that a text may be in, the likeliest first, at most three."""
    if len(_LETTER.findall(text[:4000])) < _LEAST_LETTERS:
        return ()
    ranked = _identifier().rank(text[:4000])[:3]
    return tuple(code for n, (code, share) in enumerate(ranked) if n == 0 or share >= _LIKELY)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(_LISTED))
    return identifier
