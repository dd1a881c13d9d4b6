"""A sentence in English is told in another language, with all that stands in it."""

import pickle

from scanner.messages import Message

FRENCH = {
    "Declared: %(what)s": "Déclaré : %(what)s",
    "AI-generated: %(parts)s": "Généré par IA : %(parts)s",
    "vocals": "voix",
}


def french(pattern: str) -> str:
    return FRENCH.get(pattern, pattern)


def test_it_is_its_english() -> None:
    parts = Message("AI-generated: %(parts)s", parts=(Message("vocals"), Message("post")))
    assert Message("Declared: %(what)s", what=parts) == "Declared: AI-generated: vocals, post"


def test_what_stands_in_it_is_told_too_and_a_percent_sign_in_a_name_is_none_of_it() -> None:
    parts = Message("AI-generated: %(parts)s", parts=(Message("vocals"), "100 %(s)"))
    told = Message("Declared: %(what)s", what=parts).told(french)
    assert told == "Déclaré : Généré par IA : voix, 100 %(s)"
    assert Message("100 %").told(french) == "100 %"


def test_it_outlives_a_pickle() -> None:
    kept = pickle.loads(pickle.dumps(Message("AI-generated: %(parts)s", parts="vocals")))
    assert kept == "AI-generated: vocals"
    assert kept.told(french) == "Généré par IA : vocals"
