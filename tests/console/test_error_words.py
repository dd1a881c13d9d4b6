"""An error's message is found by its template, however it comes."""

from typing import Final

import pytest
from pydantic import BaseModel, Field, ValidationError

import policy
from generator.request import InvalidRequestError, request_of
from scanner.console import error_words, languages
from scanner.console.error_terms import TERMS
from scanner.console.error_words import in_words, label
from scanner.declarations import Declaration, DeclarationError
from scanner.errors import NotFoundError
from scanner.people import GateClosedError
from scanner.track_states import State
from scanner.wording import Told, filled
from tests.console import error_templates

OTHERS: Final = [code for code in languages.LANGUAGES if code != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_what_comes_as_english_is_known_by_the_one_template_that_it_fits(language: str) -> None:
    """With values that look like nothing else."""
    templates = [each for each in error_templates.collected() if "%(" in each]
    say = languages.words(language).gettext
    assert len(templates) > 200
    for template in templates:
        names = error_words._PLACE.findall(template)
        values = {each: "" if each == "expected_plural" else f"7{each}7" for each in names}
        told = filled(say(template), values)
        assert in_words(filled(template, values), language) == told, template


def test_what_brings_its_template_is_told_with_values_that_hold_its_own_words() -> None:
    name = "A.mp3: it can't be unpacked: make the ZIP anew"
    told = Told("%(name)s: it can't be unpacked: make the ZIP anew", name=name)

    assert in_words(told, "de") == (
        f"{in_words(name, 'de')} lässt sich nicht entpacken: Erstellen Sie das ZIP neu."
    )
    assert in_words(told, "en") == f"{name}: it can't be unpacked: make the ZIP anew"


def test_states_and_things_are_called_as_people_call_them_and_names_stay() -> None:
    told = Told("the track is %(state)s: try again in a moment", state=State.QUARANTINED)

    assert in_words(told, "de") == (
        "Stand des Titels: zur Prüfung angehalten. Versuchen Sie es gleich noch einmal."
    )
    assert in_words(str(NotFoundError("claim", "of this id")), "es").startswith("No existe: ")
    assert in_words(str(NotFoundError("bank", "Mine")), "fr") == "Cela n’existe pas : banque Mine"
    assert in_words("nobody ever wrote this", "fr") == "nobody ever wrote this"


def test_a_message_of_the_service_with_values_brings_its_template() -> None:
    """``Told("at most %(most)s files", most=MOST)``, not an f-string: docs/console.md says why."""
    assert error_templates.untold() == set()


def test_everything_that_can_be_missing_has_a_name() -> None:
    assert len(error_templates.missing_things()) > 30
    assert error_templates.missing_things() <= set(TERMS)


def test_several_messages_and_their_fields_are_told_one_by_one() -> None:
    with pytest.raises(InvalidRequestError) as found:
        request_of({"tempo": 4000, "instruments": ["kazoo"]})

    told = in_words(str(found.value), "de")
    assert told.startswith("Tempo: Das darf höchstens ")
    assert "Das Instrument 'kazoo' gibt es hier nicht: Wählen Sie aus Akkordeon, " in told
    assert in_words(str(found.value), "fr").startswith("Tempo : ")


@pytest.mark.parametrize(
    ("fields", "field", "german"),
    [
        ({"isrc": "1"}, "isrc", "Ein ISRC hat zwölf Zeichen, wie US-RC1-76-07839."),
        ({"account": 200 * "ab"}, "account", "Das darf höchstens 200 Zeichen haben."),
        ({"age_band": "old"}, "age_band", "Schreiben Sie eines von: 'child', 'teen' or 'adult'."),
        ({"licences": [{}]}, "licences.0.licensor", "Das fehlt."),
        ({"sources": [{"title": "A", "start": 3, "end": 2}]}, "sources.0", "Das Ende muss nach dem Anfang liegen."),
        ({"colour": "red"}, "colour", "Dieses Feld gibt es nicht; es gibt: "),
    ],
)  # fmt: skip
def test_what_is_declared_wrongly_is_told(
    fields: dict[str, object], field: str, german: str
) -> None:
    with pytest.raises(DeclarationError) as found:
        Declaration.parse(fields)

    told = {each["field"]: in_words(each["detail"], "de") for each in found.value.errors}
    assert told[field].startswith(german)


@pytest.mark.parametrize("language", OTHERS)
def test_pydantics_plurals_are_no_other_message(language: str) -> None:
    class _Form(BaseModel):
        one: str = Field(min_length=1)
        many: str = Field(min_length=2)

    with pytest.raises(ValidationError) as found:
        _Form(one="", many="")

    one, many = (in_words(each["msg"], language) for each in found.value.errors())
    assert one == many.replace("2", "1") != found.value.errors()[0]["msg"]


def test_a_closed_gate_has_its_words_by_language() -> None:
    texts = {"de": "Zu jung.", "fr": "Trop jeune."}
    error = GateClosedError([policy.GateReason("r", "Too young.", (), "refused", texts)])

    assert str(error) == "Too young."
    assert error_words.detail(error, {"detail": str(error)}, "de") == "Zu jung."
    assert error_words.detail(error, {"detail": str(error)}, "en") == "Too young."


def test_a_field_is_called_what_the_form_calls_it() -> None:
    assert label("title", "de") == "Titel"
    assert label("isrc", "fr") == "ISRC"
    assert label("territories.0", "es") == label("territories", "es") is not None
    assert label("colour", "de") is None


@pytest.mark.timeout(15)  # not enough, where the search goes back
def test_a_text_made_to_nearly_fit_a_template_is_told_apart_at_once() -> None:
    nearly = ("x" + " lasts x s: give x to x" * 43)[:990]
    for each in range(100):
        text = f"{each} {nearly}\0"
        assert in_words(text, "de") == text


def test_a_place_ends_where_the_words_after_it_first_stand() -> None:
    told = in_words("a lasts b lasts 5 s: give 1 to 2 to 3 s", "de")
    assert told == "a dauert b lasts 5 s: Geben Sie 1 bis 2 to 3 s."
