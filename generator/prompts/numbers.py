"""Numbers in words, to 99, in the four languages."""

from typing import Final

_ENGLISH: Final = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_GERMAN: Final = [
    "ein",
    "zwei",
    "drei",
    "vier",
    "funf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwolf",
    "dreizehn",
    "vierzehn",
    "funfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
]
_FRENCH: Final = [
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
    "dix-sept",
    "dix-huit",
    "dix-neuf",
]
_SPANISH: Final = [
    "un",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciseis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
]
_TENS: Final = {
    "twenty thirty forty fifty sixty seventy eighty ninety": "{tens}-{unit}",
    "zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig": "{unit}und{tens}",
    "vingt trente quarante cinquante soixante": "{tens}-{unit}",
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa": "{tens} y {unit}",
}
_UNITS: Final = (_ENGLISH, _GERMAN, _FRENCH, _SPANISH)


def _words() -> dict[str, int]:
    found = {"a": 1, "an": 1, "eine": 1, "einen": 1, "une": 1, "una": 1, "uno": 1}
    for units, (tens, pattern) in zip(_UNITS, _TENS.items(), strict=True):
        found |= {word: n for n, word in enumerate(units, 1)}
        for ten, word in enumerate(tens.split(), 2):
            found[word] = 10 * ten
            for n, unit in enumerate(units[:9], 1):
                found[pattern.format(tens=word, unit=unit)] = 10 * ten + n
    return found


NUMBERS: Final = _words()
"""Without accents, in lower case."""
