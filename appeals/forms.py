"""Forms of notices and counter-notices: each element that law asks for, looked at by itself.

What is wrong with one element is said with what to do; nothing is refused for what can be cured (DMCA-NC).
Texts that are agreed to have a version, which is kept with the signature (DMCA-M).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import phonenumbers
from email_validator import EmailNotValidError, validate_email

Form = Literal["dmca", "dsa", "likeness", "order", "threat", "counter-dmca"]
Check = Callable[[Any], str | None]
"""Says what is wrong with a value and what to do; None if it is as it must be."""

LONGEST: Final = 5000
MOST: Final = 1000
SHORTEST_REASON: Final = 20

TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "good-faith-1": (
            "I believe in good faith that the use described is not authorised by the owner of the "
            "rights, its agent, or the law."
        ),
        "accuracy-1": (
            "What this notice says is accurate and, under penalty of perjury, I am authorised to act "
            "for the owner of an exclusive right that is allegedly infringed."
        ),
        "dsa-good-faith-1": (
            "I believe in good faith that what this notice says and alleges is accurate and complete."
        ),
        "mistake-1": (
            "Under penalty of perjury, I believe in good faith that the material was removed or "
            "disabled by mistake or because it was misidentified."
        ),
        "jurisdiction-1": (
            "I consent to the jurisdiction of the federal district court of my address or, outside the "
            "United States, of any district where the service may be found, and I will accept service "
            "of process from whoever sent the notice, or their agent."
        ),
    }
)
"""Texts that people agree to, by version; a text that was published never changes."""


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that a form asks for.

    Attributes
    ----------
    asks : str
        What is asked, as people are asked it.
    legal_basis : str
        Id of the rule of law.
    check : callable
    core : bool
        Without it the sender need not be helped (DMCA-NC); we help all the same.
    text : str, optional
        Version of the text that must be agreed to.
    """

    name: str
    asks: str
    legal_basis: str
    check: Check
    core: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ElementResult:
    """How one element was given; ``problem`` is None if it is as it must be."""

    name: str
    value: Any
    problem: str | None
    legal_basis: str

    @property
    def valid(self) -> bool:
        """Whether it is as it must be."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class FormResult:
    """How a form was filled in, element by element."""

    form: str
    elements: tuple[ElementResult, ...]

    @property
    def complete(self) -> bool:
        """Whether every element is as it must be."""
        return all(each.valid for each in self.elements)

    @property
    def missing(self) -> dict[str, str]:
        """What is to be cured, by element."""
        return {each.name: each.problem for each in self.elements if each.problem is not None}

    @property
    def must_be_helped(self) -> bool:
        """Whether law asks that the sender be told what is missing (DMCA-NC): work, material, contact."""
        core = {each.name for each in FORMS[self.form] if each.core}
        return not self.complete and all(each.valid for each in self.elements if each.name in core)


def validate(form: str, given: Mapping[str, Any]) -> FormResult:
    """Look at each element of a form.

    Parameters
    ----------
    form : str
        One of :data:`FORMS`.
    given : mapping
        Values by element; what the form does not ask for is left alone.

    Raises
    ------
    KeyError
        If there is no such form.
    """
    return FormResult(
        form,
        tuple(
            ElementResult(
                each.name, given.get(each.name), each.check(given.get(each.name)), each.legal_basis
            )
            for each in FORMS[form]
        ),
    )


# What a value must be


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return "it is empty: write it down"
    return f"it is longer than {LONGEST} characters: shorten it" if len(value) > LONGEST else None


def _reason(value: Any) -> str | None:
    wrong = _text(value)
    if wrong is None and len(value.strip()) < SHORTEST_REASON:
        wrong = "it is too short to be looked into: say what is unlawful about it, and why"
    return wrong


def _places(value: Any) -> str | None:
    if not isinstance(value, list | tuple) or not value:
        return "name at least one track, by its address or its id"
    if len(value) > MOST:
        return f"name at most {MOST} in one notice"
    if any(not isinstance(each, str) or _text(each) or " " in each.strip() for each in value):
        return "each must be the exact address or id of one track, not a search or a description"
    return None


def _email(value: Any) -> str | None:
    if wrong := _text(value):
        return wrong
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        return f"it is no e-mail address: {str(error)[0].lower()}{str(error)[1:]}"
    return None


def _phone(value: Any) -> str | None:
    if wrong := _text(value):
        return wrong
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return "it is no telephone number: write it with its country, as in +49 30 123456"
    if not phonenumbers.is_possible_number(number):
        return (
            "it is no telephone number that exists: write it with its country, as in +49 30 123456"
        )
    return None


def _agreed(version: str) -> Check:
    def check(value: Any) -> str | None:
        if value == version:
            return None
        if isinstance(value, str) and value in TEXTS:
            return "another text was agreed to: agree to the one that is shown"
        return "it was not agreed to: without it the form is not complete"

    return check


def _agreement(name: str, asks: str, legal_basis: str, version: str) -> Element:
    return Element(name, asks, legal_basis, _agreed(version), text=version)


_SIGNATURE: Final = "Sign with your full name, typed"

FORMS: Final[Mapping[str, tuple[Element, ...]]] = MappingProxyType(
    {
        "dmca": (
            Element("signature", _SIGNATURE, "DMCA-N", _text),
            Element(
                "work",
                "Which work is infringed, or which works, as a list",
                "DMCA-N",
                _text,
                core=True,
            ),
            Element("location", "Where the material is", "DMCA-N", _places, core=True),
            Element("email", "Where we can reach you", "DMCA-N", _email, core=True),
            _agreement("good_faith", "Do you say this in good faith?", "DMCA-N", "good-faith-1"),
            _agreement("accuracy", "Do you swear to it?", "DMCA-N", "accuracy-1"),
        ),
        "dsa": (
            Element("reason", "Why it is illegal", "DSA-16", _reason),
            Element("location", "Where it is", "DSA-16", _places, core=True),
            Element("name", "Your name", "DSA-16", _text),
            Element("email", "Your e-mail address", "DSA-16", _email, core=True),
            _agreement(
                "good_faith", "Do you say this in good faith?", "DSA-16", "dsa-good-faith-1"
            ),
        ),
        "likeness": (
            Element("person", "Whose voice or likeness it is", "VOICE", _text, core=True),
            Element("reason", "How it is recognised, and what was not agreed to", "VOICE", _reason),
            Element("location", "Where it is", "VOICE", _places, core=True),
            Element("name", "Your name, and what you are to that person", "VOICE", _text),
            Element("email", "Your e-mail address", "VOICE", _email, core=True),
            _agreement("good_faith", "Do you say this in good faith?", "VOICE", "dsa-good-faith-1"),
        ),
        "order": (
            Element("authority", "The authority that orders", "DSA-15", _text, core=True),
            Element("reference", "The order's file number", "DSA-15", _text),
            Element("legal_ground", "The law that it rests on", "DSA-15", _text),
            Element("location", "What it is about", "DSA-15", _places, core=True),
            Element("email", "Where we report what was done", "DSA-15", _email, core=True),
        ),
        "threat": (
            Element("reason", "Who is in danger, and from what", "DSA-18", _text),
            Element("location", "Where you saw it", "DSA-18", _places, core=True),
        ),
        "counter-dmca": (
            Element("signature", _SIGNATURE, "DMCA-CN", _text),
            Element(
                "location", "What was removed, and where it was", "DMCA-CN", _places, core=True
            ),
            _agreement("mistake", "Do you swear that it was a mistake?", "DMCA-CN", "mistake-1"),
            Element("name", "Your name", "DMCA-CN", _text),
            Element("address", "Your postal address", "DMCA-CN", _text),
            Element("phone", "Your telephone number", "DMCA-CN", _phone),
            Element("email", "Your e-mail address", "DMCA-CN", _email, core=True),
            _agreement("jurisdiction", "Do you accept the court?", "DMCA-CN", "jurisdiction-1"),
        ),
    }
)
"""What each form asks for, in the order in which it is asked."""
