"""Messages of DDEX ERN in the shapes of their versions: what is read of them and what is refused."""

import pytest

from scanner.ddex import MAX_BYTES, parse_ern
from scanner.declarations import Declaration, DeclarationError

ERN_38 = """<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/38" MessageSchemaVersionId="ern/38">
  <MessageHeader><MessageId>M-38</MessageId></MessageHeader>
  <ResourceList>
    <SoundRecording>
      <SoundRecordingId><ISRC>DEA621700042</ISRC></SoundRecordingId>
      <ReferenceTitle><TitleText> Nachtfähre </TitleText><SubTitle>Live</SubTitle></ReferenceTitle>
      <SoundRecordingDetailsByTerritory>
        <TerritoryCode>Worldwide</TerritoryCode>
        <DisplayArtist><PartyName><FullName>Mila Brandt</FullName></PartyName></DisplayArtist>
        <DisplayArtist><PartyName><FullName>Chor West</FullName></PartyName></DisplayArtist>
        <PLine><Year>2026</Year><PLineText>2026 Hafenton</PLineText></PLine>
        <ParentalWarningType>NotExplicit</ParentalWarningType>
      </SoundRecordingDetailsByTerritory>
      <SoundRecordingDetailsByTerritory>
        <TerritoryCode>JP</TerritoryCode>
        <DisplayArtist><PartyName><FullName>Mila Brandt</FullName></PartyName></DisplayArtist>
      </SoundRecordingDetailsByTerritory>
    </SoundRecording>
    <SoundRecording>
      <SoundRecordingId><ISRC>DEA621700043</ISRC></SoundRecordingId>
      <ReferenceTitle><TitleText>Another</TitleText></ReferenceTitle>
    </SoundRecording>
  </ResourceList>
  <ReleaseList><Release>
    <ReferenceTitle><TitleText>The Album</TitleText></ReferenceTitle>
    <CLine><Year>2026</Year><CLineText>2026 Hafenton Verlag</CLineText></CLine>
  </Release></ReleaseList>
</ern:NewReleaseMessage>"""

ERN_41 = """<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/41">
  <MessageHeader><MessageId>M-41</MessageId></MessageHeader>
  <PartyList><Party><PartyReference>P1</PartyReference>
    <PartyName><FullName>Ada Field</FullName></PartyName></Party></PartyList>
  <ResourceList><SoundRecording>
    <ResourceReference>A1</ResourceReference>
    <ResourceId><ISRC>GBAYE2600001</ISRC></ResourceId>
    <DisplayTitleText>Glass Harbour</DisplayTitleText>
    <DisplayTitle><TitleText>Glass Harbour</TitleText></DisplayTitle>
    <DisplayArtistName>Ada Field feat. Bo</DisplayArtistName>
    <DisplayArtist SequenceNumber="1"><ArtistPartyReference>P1</ArtistPartyReference></DisplayArtist>
    <ParentalWarningType>Explicit</ParentalWarningType>
  </SoundRecording></ResourceList>
  <ReleaseList><Release>
    <PLine><Year>2026</Year><PLineText>2026 Field</PLineText></PLine>
  </Release></ReleaseList>
</ern:NewReleaseMessage>"""

ERN_43 = """<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43">
  <MessageHeader><MessageId>M-43</MessageId></MessageHeader>
  <ResourceList><SoundRecording>
    <SoundRecordingEdition><ResourceId><ISRC>GBAYE2600002</ISRC></ResourceId>
      <PLine><PLineText>2026 Field</PLineText></PLine></SoundRecordingEdition>
    <DisplayTitle><TitleText>Signal Fires</TitleText></DisplayTitle>
    <DisplayArtistName>Ada Field</DisplayArtistName>
    <Contributor><IsGeneratedByAI>true</IsGeneratedByAI></Contributor>
    <Lyrics><AIContribution>
      <Kind>assisted</Kind>
    </AIContribution></Lyrics>
    <Mix><IsAIGenerated>false</IsAIGenerated></Mix>
  </SoundRecording></ResourceList>
</ern:NewReleaseMessage>"""


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            ERN_38,
            {
                "message_id": "M-38",
                "title": "Nachtfähre",
                "artists": ["Mila Brandt", "Chor West"],
                "isrc": "DEA621700042",
                "p_line": "2026 Hafenton",
                "c_line": "2026 Hafenton Verlag",
                "parental_warning": "NotExplicit",
            },
        ),
        (
            ERN_41,
            {
                "message_id": "M-41",
                "title": "Glass Harbour",
                "artists": ["Ada Field feat. Bo"],
                "isrc": "GBAYE2600001",
                "p_line": "2026 Field",
                "parental_warning": "Explicit",
            },
        ),
        (
            ERN_43,
            {
                "message_id": "M-43",
                "title": "Signal Fires",
                "artists": ["Ada Field"],
                "isrc": "GBAYE2600002",
                "p_line": "2026 Field",
                "ai_contributions": ["Contributor", "Lyrics"],
            },
        ),
    ],
)
def test_each_version_of_ern_gives_its_first_recording(message, fields) -> None:
    declaration = Declaration.parse({"ern": message})

    assert declaration.ern == fields
    assert Declaration.parse(declaration.to_json()) == declaration


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "UTF-16", "windows-1252"])
def test_text_that_names_the_encoding_it_once_had_is_read_as_text(encoding) -> None:
    message = ERN_38.replace("UTF-8", encoding)

    assert parse_ern(message)["title"] == "Nachtfähre"
    if encoding != "UTF-8":
        assert parse_ern(message.encode(encoding))["title"] == "Nachtfähre"


def test_comments_and_processing_instructions_do_no_harm() -> None:
    message = ERN_41.replace("<ResourceList>", "<!-- x --><?y z?><ResourceList>")

    assert parse_ern(message) == parse_ern(ERN_41)


def test_long_and_many_values_are_bounded() -> None:
    names = "".join(f"<DisplayArtistName>A{n}</DisplayArtistName>" for n in range(5000))
    message = (
        f"<NewReleaseMessage><MessageId>{'m' * 9000}</MessageId><SoundRecording>{names}"
        "</SoundRecording></NewReleaseMessage>"
    )
    fields = parse_ern(message)

    assert len(fields["message_id"]) == 500
    assert len(fields["artists"]) == 50


def test_a_message_has_at_most_a_mebibyte() -> None:
    start, end = "<NewReleaseMessage><MessageId>m</MessageId>", "</NewReleaseMessage>"
    room = MAX_BYTES - len(start + end)

    assert parse_ern(start + " " * room + end) == {"message_id": "m"}
    with pytest.raises(ValueError, match="at most"):
        parse_ern(start + " " * (room + 1) + end)
    with pytest.raises(ValueError, match="at most"):
        parse_ern(start + "é" * (room // 2 + 1) + end)


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "<",
        "<NewReleaseMessage>",
        "<NewReleaseMessage/><NewReleaseMessage/>",
        "<PurgeReleaseMessage/>",
        "<x><NewReleaseMessage/></x>",
        "<NewReleaseMessage>&unknown;</NewReleaseMessage>",
        "<NewReleaseMessage>\0</NewReleaseMessage>",
        "<NewReleaseMessage>" + "<a>" * 5000 + "</a>" * 5000 + "</NewReleaseMessage>",
    ],
)
def test_what_is_no_new_release_message_is_refused(message) -> None:
    with pytest.raises(ValueError, match=r"ERN|DDEX"):
        parse_ern(message)


def bomb(kind: str, target: str) -> str:
    levels = "".join(
        f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "ha"}'
        f'{("&e" + str(n - 1) + ";") * 9 if n else ""}">'
        for n in range(12)
    )
    subsets = {
        "laughs": levels,
        "quadratic": f'<!ENTITY e11 "{"x" * 100_000}">',
        "file": f'<!ENTITY e11 SYSTEM "file://{target}">',
        "parameter": f'<!ENTITY % e SYSTEM "file://{target}"> %e; <!ENTITY e11 "x">',
    }
    return f"<!DOCTYPE NewReleaseMessage [{subsets[kind]}]>"


@pytest.mark.parametrize("kind", ["laughs", "quadratic", "file", "parameter"])
@pytest.mark.parametrize("place", ["text", "attribute", "nowhere"])
def test_entities_neither_grow_nor_read_files(kind, place, tmp_path) -> None:
    (tmp_path / "secret").write_text("do not tell")
    message = (
        bomb(kind, str(tmp_path / "secret"))
        + {
            "text": "<NewReleaseMessage><MessageId>&e11;</MessageId></NewReleaseMessage>",
            "attribute": '<NewReleaseMessage a="' + "&e11;" * 500 + '"/>',
            "nowhere": "<NewReleaseMessage><MessageId>m</MessageId></NewReleaseMessage>",
        }[place]
    )
    with pytest.raises(ValueError, match=r"document type|well-formed") as refused:
        parse_ern(message)

    assert "do not tell" not in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"anything": "x"},
        {"title": 7},
        {"title": ""},
        {"title": "x" * 501},
        {"title": "a\0b"},
        {"title": "\ud800"},
        {"title": {"deep": {"er": []}}},
        {"artists": "Ada"},
        {"artists": ["x"] * 51},
        {"artists": [["Ada"]]},
        {7: "x"},
    ],
)
def test_fields_that_no_message_gives_are_refused(fields) -> None:
    with pytest.raises(DeclarationError) as refused:
        Declaration.parse({"ern": fields})
    assert "ern" in {each["field"] for each in refused.value.errors}
