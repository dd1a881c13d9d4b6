"""Forms: each element by itself, what to do about it, and the path to cure."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appeals.forms import FORMS, TEXTS, validate

WHOLE: dict[str, dict[str, Any]] = {
    "dmca": {
        "signature": "Ann Author",
        "work": "The song 'Nachtstück'",
        "location": ["https://music.example/t/1"],
        "email": "ann@label.example.com",
        "good_faith": "good-faith-1",
        "accuracy": "accuracy-1",
    },
    "dsa": {
        "reason": "The lyrics call for violence against a group of people.",
        "location": ["019a-track"],
        "name": "Ben",
        "email": "ben@mail.example.com",
        "good_faith": "dsa-good-faith-1",
    },
    "likeness": {
        "person": "Cleo",
        "reason": "It is my voice, made by a machine, and nobody asked me.",
        "location": ["019a-track"],
        "name": "Cleo, myself",
        "email": "cleo@mail.example.com",
        "good_faith": "dsa-good-faith-1",
    },
    "order": {
        "authority": "Amtsgericht Köln",
        "reference": "12 C 345/26",
        "legal_ground": "§ 97 UrhG",
        "location": ["019a-track"],
        "email": "post@court.example.com",
    },
    "threat": {"reason": "The singer names a school and a day.", "location": ["019a-track"]},
    "counter-dmca": {
        "signature": "Cleo Creator",
        "location": ["https://music.example/t/1"],
        "mistake": "mistake-1",
        "name": "Cleo Creator",
        "address": "1 Main Street, Springfield",
        "phone": "+1 212 555 0123",
        "email": "cleo@mail.example.com",
        "jurisdiction": "jurisdiction-1",
    },
}
EACH = [(form, element.name) for form, elements in FORMS.items() for element in elements]


@pytest.mark.parametrize("form", FORMS)
def test_a_form_with_all_its_elements_is_complete(form: str) -> None:
    result = validate(form, WHOLE[form])
    assert (result.complete, result.missing, result.must_be_helped) == (True, {}, False)


@pytest.mark.parametrize(("form", "name"), EACH)
def test_what_lacks_one_element_lacks_that_one_and_says_so(form: str, name: str) -> None:
    result = validate(form, {key: value for key, value in WHOLE[form].items() if key != name})
    assert list(result.missing) == [name]
    assert len(result.missing[name]) > 10


# DMCA-N has six elements, DMCA-CN four groups of them, DSA-16 four.
@pytest.mark.parametrize(
    ("form", "law", "names"),
    [
        (
            "dmca",
            "DMCA-N",
            {"signature", "work", "location", "email", "good_faith", "accuracy"},
        ),
        ("dsa", "DSA-16", {"reason", "location", "name", "email", "good_faith"}),
        (
            "counter-dmca",
            "DMCA-CN",
            {
                "signature",
                "location",
                "mistake",
                "name",
                "address",
                "phone",
                "email",
                "jurisdiction",
            },
        ),
    ],
)
def test_a_form_asks_for_what_its_law_asks_for(form: str, law: str, names: set[str]) -> None:
    assert {each.name for each in FORMS[form]} == names
    assert {each.legal_basis for each in FORMS[form]} == {law}


def test_who_names_work_material_and_contact_is_helped() -> None:
    """DMCA-NC."""
    core = {key: WHOLE["dmca"][key] for key in ("work", "location", "email")}
    assert validate("dmca", core).must_be_helped
    for key in core:
        assert not validate("dmca", {**core, key: None}).must_be_helped


@pytest.mark.parametrize(
    ("form", "name", "value", "words"),
    [
        ("dmca", "email", "ann at label", "e-mail"),
        ("dmca", "location", [], "at least one"),
        ("dmca", "location", "https://music.example/t/1", "at least one"),
        ("dmca", "location", ["all songs by him"], "exact address"),
        ("dmca", "location", ["x"] * 1001, "at most 1000"),
        ("dmca", "accuracy", True, "not agreed"),
        ("dmca", "accuracy", "good-faith-1", "another text"),
        ("dmca", "signature", "   ", "empty"),
        ("dmca", "work", "x" * 5001, "shorten"),
        ("dsa", "reason", "bad", "too short"),
        ("counter-dmca", "phone", "none", "+49"),
        ("counter-dmca", "phone", "+1 12", "+49"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    form: str, name: str, value: Any, words: str
) -> None:
    assert words in validate(form, {**WHOLE[form], name: value}).missing[name]


def test_every_text_that_is_agreed_to_is_one_of_those_kept() -> None:
    versions = {each.text for elements in FORMS.values() for each in elements if each.text}
    assert versions == set(TEXTS)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each, max_size=3)
)


@given(form=st.sampled_from(sorted(FORMS)), data=st.data())
def test_whatever_is_given_is_looked_at_and_never_fails(form: str, data: st.DataObject) -> None:
    given = {each.name: data.draw(ANYTHING) for each in FORMS[form]}
    result = validate(form, given)
    assert [each.name for each in result.elements] == [each.name for each in FORMS[form]]
    assert result.complete == (result.missing == {})
