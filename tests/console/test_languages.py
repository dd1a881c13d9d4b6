"""The console speaks four languages, and says everything in each."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final, get_args

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import appeals
import policy
import scanner.console
from appeals import disputes, forms, presumed_uses
from generator.instruments import INSTRUMENTS
from generator.keys import SCALES
from generator.moods import MOODS
from generator.plan import planned
from generator.request import Request
from scanner import badges, declarations, disclosures, event_schemas, events
from scanner.analysis import DETECTORS
from scanner.console import (
    attestation_words,
    badge_words,
    languages,
    music_words,
    rendering,
    report_words,
    studio_views,
)
from scanner.letters import texts
from scanner.messages import Message as KeptMessage
from scanner.privacy import holds
from scanner.privacy.registry import registry
from scanner.schemas.statements import StatementAnswer
from scanner.schemas.tracks import WordsFound
from scanner.settings import Settings
from scanner.transparency.counting import Tally
from scanner.transparency.report import sections
from scanner.transparency.tables import rows
from tests.console import error_templates

CONSOLE: Final = Path(scanner.console.__file__).parent
OTHERS: Final = [code for code in languages.LANGUAGES if code != "en"]


ALIKE: Final[dict[str, set[str]]] = {
    "de": {
        "Browser", "Form", "Genre", "Index", "Manifest", "Median", "Name", "PSI", "Pseudonym",
        "Solo", "Studio", "Take", "Take %(number)s", "Tempo", "Text", "Webhooks",
        "%(field)s: %(told)s", "ZIP", "flute, harp, double bass", "in %(place)s",
    },
    "fr": {
        "%(num)s note", "%(num)s notes", "Administration", "Audit", "Catalogue", "Conditions",
        "Configuration", "E-mail", "Genre", "Index", "Instruments", "Licences", "Menu",
        "Messages", "PSI", "Pages", "Piano roll", "Provenance", "Question", "Score", "Segments",
        "Solo", "Source", "Studio", "Suspension", "Table", "Tempo", "Verdict", "Verdicts",
        "Version", "Versions", "Volume", "Webhooks", "ZIP", "agent", "audio", "banjo", "baroque",
        "composition", "document", "exclusion", "flute, harp, double bass", "glockenspiel",
        "import", "instruments", "invitation", "licence", "marimba", "master", "note", "page", "parent", "parents",
        "piano", "provenance", "question", "sanction", "saxophone", "segment", "suspension",
        "trombone", "verdict", "vibraphone", "violence", "webhook",
    },
    "es": {
        "%(field)s: %(told)s", "Error", "PSI", "Solo", "Tempo", "Webhooks", "ZIP", "audio", "banjo", "flute, harp, double bass",
        "glockenspiel", "marimba", "no", "oboe", "piano", "sexual", "viola", "webhook",
    },
}  # fmt: skip
"""Messages that are the same in English."""


def said() -> Iterator[str | tuple[str, str]]:
    """Every message of the pages."""
    options = {"trim_blocks": "true", "lstrip_blocks": "true"}
    for template in (CONSOLE / "templates").glob("*.html"):
        for _, _, message, _ in babel_extract(BytesIO(template.read_bytes()), ["_", "ngettext"], [], options):  # fmt: skip
            if isinstance(message, str):
                yield message
            elif message:
                texts = tuple(each for each in message if each)
                if texts:
                    yield texts[0] if len(texts) == 1 else texts[:2]
    for path in CONSOLE.rglob("*.py"):
        for _, message, _, _ in extract("python", BytesIO(path.read_bytes()), keywords={"_": None}):
            yield message
    for field in Settings.model_fields.values():
        yield str(field.description)
    for entry in registry().values():
        yield entry.purpose
        long = entry.retention.words()
        yield long.pattern
        yield from (each.pattern for each in long.values.values() if isinstance(each, KeptMessage))


def messages(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return [message for message in read_po(file) if message.id]


@pytest.mark.parametrize("language", OTHERS)
def test_no_message_stands_in_two_files(language: str) -> None:
    ids = [message.id for path in languages.files(language) for message in messages(path)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", OTHERS)
def test_everything_is_said_in_every_language_with_the_same_values(language: str) -> None:
    catalog = [message for path in languages.files(language) for message in messages(path)]
    errors = error_templates.collected()
    wanted = set(said()) | errors
    assert len(wanted) > 1500
    assert {message.id for message in catalog} == wanted
    for message in catalog:
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(texts), message.id
        for source, text in zip(ids, texts, strict=True):
            assert _values(text) == _values(source) or (
                message.id in errors and _values(text) < _values(source)
            ), message.id


def _values(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", text))


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "en"), ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("pt-BR, es;q=0.3", "es"),
        ("fr;q=0, es", "es"), ("fr;q=x", "en"), ("*", "en"), ("en-GB, de;q=0.9", "en"), (",;;q=", "en"),
    ],
)  # fmt: skip
def test_the_browsers_first_known_language_is_used(accept: str | None, language: str) -> None:
    assert languages.wanted(accept) == language


def test_counted_things_take_each_languages_plural() -> None:
    one, many = "%(num)s case is open.", "%(num)s cases are open."
    assert languages.words("fr").ngettext(one, many, 0) == "%(num)s cas est ouvert."
    assert languages.words("de").ngettext(one, many, 0) == "%(num)s Fälle sind offen."
    assert languages.words("en").ngettext(one, many, 1) == one


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "Somebody under 16 may have"), ("de", "Zustimmung eines Elternteils")],
)
def test_who_may_not_have_music_made_reads_why_in_their_language(language: str, told: str) -> None:
    child = policy.Person(policy.default_jurisdictions().of("DE"), "child", "high")
    gate = policy.gate("generate", child, datetime(2026, 11, 27, 12, tzinfo=UTC))
    for shown in (gate, gate.to_json()):
        page = rendering._environment(language).get_template("studio_words.html").module
        assert told in page.limits(shown)


def test_a_reason_that_was_kept_before_there_were_translations_is_shown_as_it_is() -> None:
    kept = {"reasons": [{"rule": "gate.x", "text": "As it was.", "outcome": "refused"}]}
    page = rendering._environment("fr").get_template("studio_words.html").module
    assert "As it was." in page.limits(kept)


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_what_happened_in_a_case_and_who_did_it_have_words(language: str) -> None:
    words = rendering._environment(language).get_template("words.html").module
    steps = {each for each in event_schemas.types() if each.split(".")[1] in ("track", "case")}

    assert steps
    assert set(words.EVENTS) == steps
    assert set(words.WHO) >= {role.value for role in appeals.Role}


@pytest.mark.parametrize(
    ("language", "person"),
    [("en", "person"), ("de", "Mensch"), ("fr", "personne"), ("es", "persona")],
)
def test_a_ruling_names_nobody_since_law_rules_too(language: str, person: str) -> None:
    """Who did it stands beside it: a reviewer, or the service where law's clock did."""
    words = rendering._environment(language).get_template("words.html").module

    assert person not in words.EVENTS[events.TrackRuled.type]


@pytest.mark.parametrize(
    ("language", "key"), [("de", "Tonart"), ("fr", "Tonalité"), ("es", "Tonalidad")]
)
def test_the_key_of_music_is_no_key_of_an_api(language: str, key: str) -> None:
    words = rendering._environment(language).get_template("studio_words.html").module

    assert words.FIELDS["key"] == key
    assert languages.words(language).gettext("Key") != key


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "3 Dec 2026|12,345.7|0%|> 99.9%|+0.5|1 kB|33.33"),
        ("de", "3. Dez. 2026|12.345,7|0%|> 99,9%|+0,5|1 kB|33,33"),
        ("fr", "3 déc. 2026|12 345,7|0%|> 99,9%|+0,5|1 ko|33,33"),
        ("es", "3 dic 2026|12.345,7|0%|> 99,9%|+0,5|1 kB|33,33"),
    ],
)
def test_days_and_numbers_have_the_form_of_their_language(language: str, told: str) -> None:
    written = rendering._environment(language).from_string(
        "{{ '2026-12-03'|day }}|{{ 12345.67|number(1) }}|{{ -0.001|percent }}"
        "|{{ 0.99999|probability|safe }}|{{ 0.48|signed }}|{{ 26|size }}|{{ 33.33|number(none) }}"
    )
    plain = written.render().replace("\N{NO-BREAK SPACE}%", "%")

    assert " ".join(plain.split()) == told


def test_a_number_is_not_torn_from_its_percent_sign() -> None:
    written = rendering._environment("en").from_string("{{ 0.6|percent }}").render()

    assert written == "60\N{NO-BREAK SPACE}%"


def test_every_figure_of_a_transparency_report_has_words() -> None:
    """Of categories that only statements bring, too: their words are the schema's."""
    empty = sections(Tally(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)))
    found = rows(empty)
    stated = StatementAnswer.model_fields
    named = {
        word
        for field in ("effect", "restricts", "source", "ground")
        for word in re.findall(r"'(\w+)'", str(stated[field].annotation))
    }

    for _, category, indicator, *_ in found:
        assert not category or category in report_words.CATEGORIES
        assert indicator in report_words.FIGURES
    assert {"law", "money", "claim", "blocked"} <= named
    assert named <= set(report_words.FIGURES)


def test_a_figure_is_called_by_its_kinds_and_itself() -> None:
    assert report_words.said("dmca", "lapsed") == ["Copyright (DMCA)", "Lapsed"]
    assert report_words.said("uploads/warning", "in_force") == ["Uploads", "Warning", "In force"]
    assert report_words.said("", "of_a_kind_to_come") == ["of a kind to come"]


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (None, "–"), ([], "–"), (True, "ja"), ([True, False], "ja, nein"), ("block", "block"),
        ({"strikes": 0, "standing": "good"}, "strikes: 0, standing: good"), (0.03888888888888889, "0,0389"),
    ],
)  # fmt: skip
def test_what_a_rule_saw_is_written_for_people(fact: object, told: str) -> None:
    shown = rendering._environment("de").from_string("{{ value|fact }}")

    assert shown.render(value=fact) == told


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_detectors_and_what_is_held_have_words(language: str) -> None:
    words = rendering._environment(language).get_template("words.html").module

    assert set(words.DETECTORS) == set(DETECTORS)
    assert set(words.OBJECT_KINDS) >= set(holds.KINDS)
    assert set(words.WORD_CATEGORIES) == set(
        get_args(WordsFound.model_fields["category"].annotation)
    )
    assert set(words.WORD_SOURCES) == set(get_args(WordsFound.model_fields["source"].annotation))
    assert "long-track: " + words.DECISIONS["review"] == str(words.fired("long-track: review"))
    assert str(words.fired("as-it-was")) == "as-it-was"


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_a_badge_is_said_in_every_language(language: str) -> None:
    texts: set[str] = set(declarations.AiDisclosure.model_fields)
    for name, value in {**vars(badges), **vars(disclosures)}.items():
        if (
            name.isupper()
            and name not in {"RULE_BASED", "FAILED"}
            and isinstance(value, str | dict)
        ):
            texts |= {value} if isinstance(value, str) else set(value.values())
    texts = {each for each in texts if not each.startswith("%(")}

    assert {badges.UNKNOWN, "vocals", "AI-generated: %(parts)s"} <= texts
    assert texts <= set(badge_words.SENTENCES)
    known = languages.words(language)
    assert all(known.gettext(each) != each for each in texts - ALIKE[language])


@pytest.mark.parametrize(
    ("language", "stems", "key"),
    [
        ("en", "violin 2, double bass, take.wav", "D minor, F# major"),
        ("de", "Violine 2, Kontrabass, take.wav", "d-Moll, Fis-Dur"),
        ("fr", "violon 2, contrebasse, take.wav", "ré mineur, fa dièse majeur"),
        ("es", "violín 2, contrabajo, take.wav", "re menor, fa sostenido mayor"),
    ],
)
def test_music_is_spoken_of_as_musicians_do(language: str, stems: str, key: str) -> None:
    said = [music_words.stem(each, language) for each in ("violin 2", "double bass", "take.wav")]
    keys = [music_words.key(each, language) for each in ("D minor", "F# major")]

    assert ", ".join(said) == stems
    assert ", ".join(keys) == key


@pytest.mark.parametrize(
    ("name", "german"),
    [("B minor", "h-Moll"), ("Bb major", "B-Dur"), ("Eb major", "Es-Dur"), ("Ab minor", "as-Moll"), ("no key", "no key")],
)  # fmt: skip
def test_german_keys_are_h_and_b(name: str, german: str) -> None:
    assert music_words.key(name, "de") == german


def test_every_instrument_mood_and_reason_of_the_generator_has_words() -> None:
    """Of plans that leave all open, say all, or fold: each reason that they give is told in French."""
    asked = [
        {}, {"genre": "waltz", "moods": ["sad", "calm"]}, {"tempo": 90, "key": "D minor", "bars": 3, "form": "ABACA"},
        {"genre": "blues"}, {"lyrics": "la la la", "instruments": ["drums"]}, {"lyrics": "la la la " * 90, "bars": 2},
        {"bars": 4, "seconds": 60},
    ]  # fmt: skip
    reasons = [each for fields in asked for each in planned(Request(**fields)).reasons]

    assert set(INSTRUMENTS) <= set(music_words.STEMS)
    assert set(MOODS) <= set(music_words.MOODS_AND_GENRES)
    assert {f"%(tonic)s {mode}" for mode in SCALES} == set(music_words.MODES)
    assert len({each.why for each in reasons}) > 10
    for each in reasons:
        assert music_words.why(each.why, "fr") != each.why, each
    assert music_words.why("between 60 and 80 for: sad calm waltz", "fr") == (
        "entre 60 et 80 pour : triste, calme, valse"
    )
    assert music_words.why("because it is so", "fr") == "because it is so"


@pytest.mark.parametrize(
    ("field", "typed", "english"),
    [
        ("key", "d-Moll", "D minor"), ("key", "fa dièse majeur", "F# major"), ("key", "F# major", "F# major"),
        ("key", "C", "C"), ("instruments", "Klavier", "piano"), ("instruments", "violin 2", "violin 2"),
        ("instruments", "kazoo", "kazoo"),
    ],
)  # fmt: skip
def test_exact_fields_are_read_in_the_languages_of_prompts(
    field: str, typed: str, english: str
) -> None:
    assert studio_views.in_english(field, typed) == english


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_attested_to_is_told_beside_the_english_that_counts(language: str) -> None:
    texts = {**forms.TEXTS, **disputes.ATTESTATIONS, **presumed_uses.ATTESTATIONS}.values()
    page = rendering._environment(language).get_template("attested.html").module

    assert set(texts) == set(attestation_words.ATTESTED)
    for text in texts:
        shown = str(page.attested(text))
        told = shown.split("</span>", 1)[1]
        assert f'<span lang="en">{text}</span>' in shown
        assert 'class="meant"' in told
        assert text not in told


def test_in_english_it_is_said_once() -> None:
    page = rendering._environment("en").get_template("attested.html").module

    assert str(page.attested("I agree.")) == '<span lang="en">I agree.</span>'


def test_letters_keep_paragraphs_and_lists_and_no_line_of_a_mail() -> None:
    letter = "Of you\nand me:\n\n- one\n- two\n\nThe end\nof it.\n"
    shown = rendering._environment("en").from_string("{{ text|reflowed }}").render(text=letter)

    assert shown == "Of you and me:\n\n- one\n- two\n\nThe end of it.\n"


@pytest.mark.parametrize("language", OTHERS)
def test_no_message_is_left_in_english(language: str) -> None:
    """What reads the same in both languages is named, so that a forgotten message is seen."""
    catalog = [message for path in languages.files(language) for message in messages(path)]
    same = {
        each
        for message in catalog
        for each, text in zip(*(_texts(it) for it in (message.id, message.string)), strict=True)
        if each == text
    }

    assert same == ALIKE[language]


def _texts(said: str | tuple[str, ...]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


@pytest.mark.parametrize(
    ("language", "claim", "complaint"),
    [("de", "anspruch|ansprüche", "beschwerde"), ("fr", "revendication", "réclamation|recours"), ("es", "reivindicaci", "reclamaci|recurso")],
)  # fmt: skip
def test_a_claim_and_a_complaint_about_it_have_words_of_their_own(
    language: str, claim: str, complaint: str
) -> None:
    checked = 0
    for path in languages.files(language):
        for message in messages(path):
            source, text = str(message.id).lower(), str(message.string).lower()
            about = set(re.findall(r"\b(claim|complain|appeal)", source))
            if len(about) == 1 and "appeals officer" not in source:
                other = complaint if about == {"claim"} else claim
                assert not re.search(other, text), message.id
                checked += 1
    assert checked > 40
    for template, own in (("claim-made", claim), ("appeal-received", complaint)):
        assert re.search(own, texts()[template][language]["subject"].lower())
