"""What a client declares is taken as it is, or named field by field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.declarations import Declaration, DeclarationError, countries

ERN = """<?xml version="1.0"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/{version}">
 <MessageHeader><MessageId>M1</MessageId></MessageHeader>
 <ResourceList><SoundRecording>
  <SoundRecordingId><ISRC>USRC17607839</ISRC></SoundRecordingId>
  <ReferenceTitle><TitleText>Glass Harbour</TitleText></ReferenceTitle>
  <DisplayArtist><PartyName><FullName>Ada Field</FullName></PartyName></DisplayArtist>
  <ParentalWarningType>Explicit</ParentalWarningType>
  <PLine><Year>2026</Year><PLineText>(P) 2026 Field</PLineText></PLine>
  <Contributor><IsGeneratedByAI>true</IsGeneratedByAI></Contributor>
 </SoundRecording></ResourceList>
</ern:NewReleaseMessage>"""


def errors_of(**fields) -> dict[str, str]:
    with pytest.raises(DeclarationError) as refused:
        Declaration.parse(fields)
    return {each["field"]: each["detail"] for each in refused.value.errors}


def test_lists_and_objects_may_come_as_text_from_a_form() -> None:
    given_as_text = {
        "territories": "DE, US",
        "licences": json.dumps([{"licensor": "Label", "territories": ["DE"]}]),
        "ai_disclosure": json.dumps({"vocals": "generated"}),
        "attestation": json.dumps(
            {"text_version": "2026-1", "signer": "A. Field", "at": "2026-11-01T12:00:00Z"}
        ),
        "sources": "[]",
        "account": "",
    }

    declaration = Declaration.parse(given_as_text)

    assert declaration.territories == ("DE", "US")
    assert declaration.to_json()["licences"] == [{"licensor": "Label", "territories": ["DE"]}]
    assert declaration.to_json()["ai_disclosure"] == {"vocals": "generated"}
    assert declaration.account is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("territories", "XX"),
        ("territories", "DE,ZZ"),
        ("age_band", "senior"),
        ("isrc", "123"),
        ("iswc", "T-034.524.680-2"),
        ("iswc", "034524680"),
        ("licences", "[{"),
        ("licences", json.dumps([{"scope": "all"}])),
        ("attestation", json.dumps({"signer": "A"})),
        ("ai_disclosure", json.dumps({"vocals": "maybe"})),
        ("sources", json.dumps([{"title": "x", "start": -1}])),
        ("lyrics", "x" * 50_001),
        ("external_id", "x" * 201),
        ("ern", "<html/>"),
        ("ern", "no xml"),
        ("ern", "<a>" * 600_000),
        ("licences", "[" * 100_000),
    ],
)
def test_a_bad_value_is_named_with_its_field(field, value) -> None:
    named = errors_of(**{field: value})

    assert all(name.split(".")[0] == field for name in named)
    assert all(named.values())


def test_an_unknown_field_is_named_with_the_known_ones() -> None:
    assert "external_id" in errors_of(nickname="x")["nickname"]


def test_every_error_is_told_at_once() -> None:
    assert set(errors_of(isrc="1", age_band="old", nickname="x")) == {
        "isrc",
        "age_band",
        "nickname",
    }


@pytest.mark.parametrize("version", ["38", "41", "43"])
def test_an_ern_message_gives_the_fields_that_clearance_uses(version) -> None:
    assert Declaration.parse({"ern": ERN.format(version=version)}).ern == {
        "message_id": "M1",
        "title": "Glass Harbour",
        "artists": ["Ada Field"],
        "isrc": "USRC17607839",
        "p_line": "(P) 2026 Field",
        "parental_warning": "Explicit",
        "ai_contributions": ["Contributor"],
    }


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
def test_an_ern_message_with_a_document_type_is_refused(doctype) -> None:
    message = f"{doctype}<NewReleaseMessage><MessageId>1</MessageId></NewReleaseMessage>"

    assert "document type" in errors_of(ern=message)["ern"]


def test_codes_are_written_one_way() -> None:
    declaration = Declaration.parse({"isrc": "us-rc1-76-07839", "iswc": "T0345246801"})

    assert (declaration.isrc, declaration.iswc) == ("USRC17607839", "T-034.524.680-1")


@given(st.sampled_from(sorted(countries())))
def test_every_country_is_taken(code) -> None:
    assert Declaration.parse({"territories": [code]}).territories == (code,)


@given(st.integers(0, 999_999_999), st.integers(1, 9))
def test_any_other_check_digit_of_an_iswc_is_refused(number, other) -> None:
    digits = f"{number:09d}"
    check = (10 - (1 + sum(n * int(d) for n, d in enumerate(digits, 1))) % 10) % 10
    right, wrong = f"T{digits}{check}", f"T{digits}{(check + other) % 10}"

    assert Declaration.parse({"iswc": right}).iswc is not None
    with pytest.raises(DeclarationError):
        Declaration.parse({"iswc": wrong})


@given(st.dictionaries(st.sampled_from(sorted(Declaration.model_fields)), st.text(max_size=40)))
def test_any_text_is_taken_or_refused_by_name(fields) -> None:
    try:
        declaration = Declaration.parse(fields)
    except DeclarationError as refused:
        assert refused.errors
    else:
        assert Declaration.parse(declaration.to_json()) == declaration
