"""What a client declares is taken as it is, or named field by field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from scanner import inline
from scanner.declarations import MAX_ERRORS, Declaration, DeclarationError, countries
from scanner.tables import PolicyDecision, Submission
from tests import casework, rollouts
from tests.running import add_tenant

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
        ("attestation", '{"text_version": "1", "signer": "A", "at": "2026-11-01T12:00:00"}'),
        ("sources", json.dumps([{"title": "x", "start": -1}])),
        ("sources", '[{"title": "x", "start": NaN}]'),
        ("ai_disclosure", json.dumps({"vo\0cals": "none"})),
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


def test_an_unknown_field_of_a_part_is_named_with_those_of_that_part() -> None:
    named = errors_of(
        attestation={"by": "A"}, licences=[{"licensor": "A", "by": 1}], sources=[{"by": 1}]
    )

    assert "signer" in named["attestation.by"]
    assert "licensor" in named["licences.0.by"]
    assert "isrc" in named["sources.0.by"]
    assert not any("external_id" in detail for detail in named.values())


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


# --- each field


LICENCE = {"licensor": "Label"}
SOURCE = {"title": "Loop"}
SIGNED = {"text_version": "2026-1", "signer": "A. Field", "at": "2026-11-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("external_id", " X 1 ", "X 1"),
        ("external_id", "x" * 200, "x" * 200),
        ("account", "Ünï 音", "Ünï 音"),
        ("territories", "", None),
        ("territories", " DE ,, US ,", ["DE", "US"]),
        ("territories", '["DE", "US"]', ["DE", "US"]),
        ("territories", ["DE"], ["DE"]),
        ("age_band", "child", "child"),
        ("age_band", "teen", "teen"),
        ("age_band", "adult", "adult"),
        ("isrc", "USRC17607839", "USRC17607839"),
        ("isrc", "us-rc1-76-07839", "USRC17607839"),
        ("iswc", "T-034.524.680-1", "T-034.524.680-1"),
        ("iswc", " t0345246801 ", "T-034.524.680-1"),
        ("iswc", "T-034524680-1", "T-034.524.680-1"),
        ("lyrics", "x" * 50_000, "x" * 50_000),
        ("lyrics", " la\n la ", " la\n la "),
        ("licences", [LICENCE], [LICENCE]),
        ("licences", "[]", []),
        (
            "licences",
            [LICENCE | {"valid_from": "2026-01-01", "valid_to": "2026-01-01"}],
            [LICENCE | {"valid_from": "2026-01-01", "valid_to": "2026-01-01"}],
        ),
        ("sources", [SOURCE | {"start": 0, "end": 1.5}], [SOURCE | {"start": 0.0, "end": 1.5}]),
        ("sources", [SOURCE | {"isrc": "us-rc1-76-07839"}], [SOURCE | {"isrc": "USRC17607839"}]),
        ("attestation", SIGNED, SIGNED),
        ("attestation", SIGNED | {"lawful_use": "parody"}, SIGNED | {"lawful_use": "parody"}),
        ("ai_disclosure", {}, {}),
        ("ai_disclosure", {"vocals": "none"}, {"vocals": "none"}),
        ("ai_disclosure", {"lyrics": "assisted"}, {"lyrics": "assisted"}),
    ],
)
def test_a_good_value_is_kept_as_it_was_declared(field, value, kept) -> None:
    declaration = Declaration.parse({field: value})

    assert declaration.to_json() == ({} if kept is None else {field: kept})
    assert Declaration.parse(declaration.to_json()) == declaration


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("external_id", " ", "external_id"),
        ("external_id", 7, "external_id"),
        ("account", ["x"], "account"),
        ("account", "a\0b", "account"),
        ("account", "half \ud83d", "account"),
        ("territories", "de", "territories.0"),
        ("territories", "DEU", "territories.0"),
        ("territories", "UK", "territories.0"),
        ("territories", "EU", "territories.0"),
        ("territories", "DE,XK", "territories.1"),
        ("territories", '["DE"', "territories"),
        ("territories", '{"DE": 1}', "territories"),
        ("territories", [1], "territories.0"),
        ("territories", ["DE"] * 301, "territories"),
        ("age_band", "Adult", "age_band"),
        ("isrc", "USRC1760783", "isrc"),
        ("isrc", "USRC176078390", "isrc"),
        ("isrc", "11RC17607839", "isrc"),
        ("isrc", 12, "isrc"),
        ("iswc", "T-034.524.68-01", "iswc"),
        ("iswc", "T-٠٣٤.٥٢٤.٦٨٠-١", "iswc"),
        ("iswc", "C-034.524.680-1", "iswc"),
        ("iswc", "T-034.524.680-1 x", "iswc"),
        ("lyrics", "la\0la", "lyrics"),
        ("licences", "plain words", "licences"),
        ("licences", LICENCE, "licences"),
        ("licences", ["Label"], "licences.0"),
        ("licences", [LICENCE] * 101, "licences"),
        ("licences", [LICENCE | {"licensor": ""}], "licences.0.licensor"),
        ("licences", [LICENCE | {"scope": "x" * 501}], "licences.0.scope"),
        ("licences", [LICENCE | {"territories": ["XX"]}], "licences.0.territories.0"),
        ("licences", [LICENCE | {"valid_from": "tomorrow"}], "licences.0.valid_from"),
        ("licences", [LICENCE | {"valid_from": "2026-02-30"}], "licences.0.valid_from"),
        (
            "licences",
            [LICENCE, LICENCE | {"valid_from": "2026-02-02", "valid_to": "2026-02-01"}],
            "licences.1",
        ),
        ("licences", [LICENCE | {"price": 3}], "licences.0.price"),
        ("sources", [SOURCE] * 201, "sources"),
        ("sources", [{}], "sources.0.title"),
        ("sources", [SOURCE | {"isrc": "x"}], "sources.0.isrc"),
        ("sources", [SOURCE | {"start": -0.1}], "sources.0.start"),
        ("sources", [SOURCE | {"start": float("nan")}], "sources.0.start"),
        ("sources", [SOURCE | {"end": float("inf")}], "sources.0.end"),
        ("sources", '[{"title": "x", "end": Infinity}]', "sources"),
        ("sources", '[{"title": "x", "end": 1e999}]', "sources"),
        ("sources", [SOURCE | {"start": 2, "end": 2}], "sources.0"),
        ("attestation", "I promise", "attestation"),
        ("attestation", {}, "attestation.text_version"),
        ("attestation", SIGNED | {"at": "noon"}, "attestation.at"),
        ("attestation", SIGNED | {"lawful_use": "I like it"}, "attestation.lawful_use"),
        ("attestation", SIGNED | {"statement": "x" * 2001}, "attestation.statement"),
        ("attestation", SIGNED | {"statement": "x\0"}, "attestation.statement"),
        ("ai_disclosure", {"vocals": True}, "ai_disclosure.vocals"),
        ("ai_disclosure", {"drums": "none"}, "ai_disclosure.drums"),
        ("ern", 7, "ern"),
        ("ern", [], "ern"),
        ("ern", "<a>\ud800</a>", "ern"),
    ],
)
def test_a_bad_value_is_named_by_its_exact_place(field, value, named) -> None:
    assert named in errors_of(**{field: value})


def test_a_bad_country_is_not_echoed_at_length() -> None:
    [detail] = errors_of(territories=["X" * 100_000]).values()

    assert len(detail) < 200


def test_an_unknown_field_is_named_also_when_it_is_empty() -> None:
    assert set(errors_of(nickname="", other=None)) == {"nickname", "other"}


def test_the_answer_to_countless_mistakes_stays_short() -> None:
    with pytest.raises(DeclarationError) as refused:
        Declaration.parse({f"{n}" * 1000: "x" for n in range(5000)})

    assert len(refused.value.errors) == MAX_ERRORS
    assert all(len(each["field"]) <= 100 for each in refused.value.errors)


def test_a_declaration_of_nothing_is_empty() -> None:
    assert Declaration.parse({}).to_json() == {}
    assert Declaration.parse(dict.fromkeys(Declaration.model_fields)).to_json() == {}
    assert Declaration.parse(dict.fromkeys(Declaration.model_fields, "")).to_json() == {}


def test_every_country_of_iso_3166_is_known_and_nothing_else() -> None:
    assert {"DE", "US", "GB", "BQ", "SS", "AX", "UM", "TW", "PS"} <= countries()
    assert not {"EU", "UN", "UK", "XK", "ZZ", "QO", "SU", "YU", "AN", "IC", "AC"} & countries()
    assert len(countries()) == 249


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2))
def test_two_letters_are_a_territory_exactly_if_they_are_a_country(code) -> None:
    if code in countries():
        assert Declaration.parse({"territories": code}).territories == (code,)
    else:
        assert set(errors_of(territories=code)) == {"territories.0"}


@given(st.lists(st.sampled_from(sorted(countries())), min_size=1, max_size=300))
def test_territories_read_the_same_however_they_are_written(codes) -> None:
    parsed = [
        Declaration.parse({"territories": each}).territories
        for each in (codes, ",".join(codes), json.dumps(codes), " , ".join(codes))
    ]

    assert parsed == [tuple(codes)] * 4


def test_the_first_iswc_ever_given_is_taken() -> None:
    assert Declaration.parse({"iswc": "T-000.000.001-0"}).iswc == "T-000.000.001-0"


@given(st.integers(0, 999_999_999), st.integers(0, 8), st.integers(1, 9))
def test_a_mistyped_digit_of_an_iswc_is_found_where_the_weights_can(number, place, change) -> None:
    digits = [int(char) for char in f"{number:09d}"]
    check = -(1 + sum(n * digit for n, digit in enumerate(digits, 1))) % 10
    digits[place] = (digits[place] + change) % 10
    mistyped = "T" + "".join(map(str, digits)) + str(check)

    if (place + 1) * change % 10 == 0:  # the standard's own blind spots
        assert Declaration.parse({"iswc": mistyped}).iswc is not None
    else:
        assert "check digit" in errors_of(iswc=mistyped)["iswc"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(Declaration.model_fields)), JSON, max_size=4))
def test_any_json_is_taken_or_refused_by_name_and_what_is_taken_can_be_sent_on(fields) -> None:
    for form in (fields, {name: json.dumps(value) for name, value in fields.items()}):
        try:
            declaration = Declaration.parse(form)
        except DeclarationError as refused:
            assert refused.errors
        else:
            sent = json.dumps(declaration.to_json(), allow_nan=False)
            assert Declaration.parse(json.loads(sent)) == declaration


def test_who_was_asked_and_did_not_attest_is_put_before_a_person(make_service) -> None:
    service = make_service()
    caller = add_tenant(service)
    event = rollouts.analysed(service, caller)
    with service.database.transaction() as session:
        row = session.exec(select(Submission).where(Submission.track_id == event.subject)).one()
        row.declaration = Declaration.parse({"attestation_refused": "true"}).to_json()
    inline.drive(service, event.subject)

    track = casework.track_of(service, event.subject)
    with service.database.reading() as session:
        decision = session.get_one(PolicyDecision, track.decision_id)
    assert decision.facts["rights_attested"] is False
    assert (track.state, decision.reasons[0]["rule"]) == ("quarantined", "rights-not-attested")


def test_nobody_attests_and_refuses_at_once() -> None:
    signed = {"text_version": "1", "signer": "A", "at": "2026-11-01T12:00:00Z"}
    assert "either" in errors_of(attestation=signed, attestation_refused=True)["body"]
