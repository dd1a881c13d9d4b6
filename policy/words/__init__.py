"""Explicit words: a text in; categories, counts and places out.

>>> from policy.words import screen
>>> [(each.category, each.spans) for each in screen("This sh1t again").findings]
[('profanity', ((5, 9),))]

Lists say what is written, not what is meant: they find no contempt that is put politely, and a
person decides what a finding means.
"""

from policy.words.language import language_of
from policy.words.screening import CATEGORIES, Finding, Screened, screen

__all__ = ["CATEGORIES", "Finding", "Screened", "language_of", "screen"]
