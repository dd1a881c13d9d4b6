"""A prompt is screened against the catalogue of whoever asks."""

import json

import pytest
from sqlmodel import select

from scanner.analysis import Evidence
from scanner.tables import LyricShingle, ReferenceLyrics, Submission
from scanner.track_facts import facts_of
from tests.scanner.api.conftest import Api, MakeApi, Platform, problem, sound

ADDRESS = "/v1/prompts/screen"


def test_a_prompt_that_names_a_protected_artist_is_refused_with_the_words(
    platform: Platform,
) -> None:
    prompt = "a slow ballad in the style of Mara Velond"

    answer = platform.http.post(ADDRESS, json={"prompt": prompt, "protected": ["Mara Velonde"]})

    told = answer.json()
    (objection,) = told["objections"]
    assert answer.status_code == 200
    assert (told["accepted"], told["signals"]) == (False, ["artist"])
    assert prompt[objection["start"] : objection["end"]] == objection["words"] == "Mara Velond"
    assert objection["protects"] == "Mara Velonde"
    assert told["rephrase"]
    assert "Eigenschaften" in told["rephrase_texts"][0]["de"]


def test_a_harmless_prompt_is_accepted(platform: Platform) -> None:
    told = platform.http.post(ADDRESS, json={"prompt": "a slow waltz for strings"}).json()

    assert told["accepted"]
    assert told["signals"] == told["objections"] == told["rephrase"] == []


def test_titles_of_ones_own_catalogue_are_protected(platform: Platform) -> None:
    before = platform.http.post(ADDRESS, json={"prompt": "a cover of Harbour of Glass"}).json()
    added = platform.http.post(
        "/v1/references",
        files={"file": ("one.wav", sound(91))},
        data={"title": "Harbour of Glass", "holder": "Lark Records"},
        headers={"Idempotency-Key": "one"},
    )
    after = platform.http.post(ADDRESS, json={"prompt": "a cover of Harbour of Glas"}).json()
    label = platform.http.post(ADDRESS, json={"prompt": "sounds like Lark Records"}).json()

    assert added.status_code in {200, 201, 202}, added.text
    assert before["accepted"]
    assert after["signals"] == ["title"]
    assert label["signals"] == ["artist"]


def test_an_empty_prompt_is_no_prompt(platform: Platform) -> None:
    assert problem(platform.http.post(ADDRESS, json={"prompt": ""})) == "bad-fields"


def test_a_title_that_is_changed_is_protected_from_then_on(platform: Platform) -> None:
    added = platform.http.post(
        "/v1/references",
        files={"file": ("one.wav", sound(91))},
        data={"title": "Harbour of Glass", "holder": "Lark Records"},
        headers={"Idempotency-Key": "one"},
    )

    def accepted(title: str) -> bool:
        asked = {"prompt": f"a cover of {title}"}
        return bool(platform.http.post(ADDRESS, json=asked).json()["accepted"])

    address = f"/v1/references/{added.json()['id']}"
    assert (accepted("Harbour of Glass"), accepted("Fields of Copper")) == (False, True)

    changed = platform.http.patch(
        address, json={"title": "Fields of Copper"}, headers={"If-Match": added.headers["ETag"]}
    )
    assert changed.status_code == 200, changed.text

    assert (accepted("Harbour of Glass"), accepted("Fields of Copper")) == (True, False)


LYRICS = """We were copper, we were thunder,
we were wires in the rain;
leave the ladder where the harbour
holds the colour of the grain"""
QUOTING = "a waltz: we were copper we were thunder, we were wires"


def signals(platform: Platform, prompt: str) -> list[str]:
    return list(platform.http.post(ADDRESS, json={"prompt": prompt}).json()["signals"])


def changed(platform: Platform, reference_id: str, **fields: str) -> None:
    answer = platform.http.patch(
        f"/v1/references/{reference_id}", json=fields, headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text


def test_lyrics_of_a_reference_may_not_be_quoted_from_the_moment_they_are_given(
    platform: Platform, wav: bytes
) -> None:
    before = signals(platform, QUOTING)
    made = platform.reference(wav, title="Ladder", lyrics=LYRICS)

    told = platform.http.post(ADDRESS, json={"prompt": QUOTING}).json()

    (objection,) = told["objections"]
    assert before == []
    assert made["lyrics_known"] is True
    assert objection["signal"] == "quoted-lyrics"
    assert objection["words"] == "we were copper we were thunder, we were wires"
    assert objection["protects"] == "Ladder"


@pytest.mark.parametrize(
    ("prompt", "quotes"),
    [
        ("leave the lader where the harbour holds", True),
        ("L3ave the ladder where the h4rbour holds", True),
        ("leave my ladder here", False),
        ("we were thunder, the harbour holds the grain, leave the rain", False),
    ],
)
def test_a_quotation_is_known_with_a_letter_changed_and_not_by_its_words_alone(
    platform: Platform, wav: bytes, prompt: str, quotes: bool
) -> None:
    platform.reference(wav, lyrics=LYRICS)

    assert ("quoted-lyrics" in signals(platform, prompt)) is quotes


def test_lyrics_are_changed_taken_back_and_forgotten_with_the_reference(
    api: Api, platform: Platform, wav: bytes
) -> None:
    made = platform.reference(wav)
    assert made["lyrics_known"] is False

    changed(platform, made["id"], lyrics=LYRICS)
    assert signals(platform, QUOTING) == ["quoted-lyrics"]
    changed(platform, made["id"], lyrics="Other words of nobody else at all")
    assert signals(platform, QUOTING) == []
    changed(platform, made["id"], lyrics="")
    assert platform.http.get(f"/v1/references/{made['id']}").json()["lyrics_known"] is False
    changed(platform, made["id"], lyrics=LYRICS)
    platform.http.delete(f"/v1/references/{made['id']}", headers={"If-Match": "*"})

    assert signals(platform, QUOTING) == []
    with api.service.database.reading() as session:
        assert session.exec(select(ReferenceLyrics)).all() == []
        assert session.exec(select(LyricShingle)).all() == []


def test_lyrics_protect_nothing_while_their_reference_is_not_active(
    platform: Platform, wav: bytes
) -> None:
    made = platform.reference(wav, lyrics=LYRICS)

    changed(platform, made["id"], snoozed_until="2099-01-01T00:00:00Z")

    assert signals(platform, QUOTING) == []


def test_lyrics_of_another_platform_protect_nothing_here(make_api: MakeApi, wav: bytes) -> None:
    api = make_api()
    api.platform("one").reference(wav, lyrics=LYRICS)

    assert signals(api.platform("two"), QUOTING) == []


@pytest.mark.parametrize("lyrics", ["la " * 7_000, "la\x07la"])
def test_lyrics_that_can_not_be_are_refused(platform: Platform, wav: bytes, lyrics: str) -> None:
    made = platform.reference(wav)

    answer = platform.http.patch(
        f"/v1/references/{made['id']}", json={"lyrics": lyrics}, headers={"If-Match": "*"}
    )

    assert problem(answer) == "bad-fields"
    assert answer.json()["errors"][0]["field"] == "lyrics"


def test_lyrics_of_signs_that_stand_for_many_are_kept_as_far_as_there_is_room(
    api: Api, platform: Platform, wav: bytes
) -> None:
    made = platform.reference(wav)

    changed(platform, made["id"], lyrics=LYRICS + "\n" + "\ufdfa " * 9_900)

    with api.service.database.reading() as session:
        (kept,) = session.exec(select(ReferenceLyrics)).all()
    room = ReferenceLyrics.__table__.c.folded.type.length  # type: ignore[attr-defined]
    assert room - 20 < len(kept.folded) <= room
    assert signals(platform, QUOTING) == ["quoted-lyrics"]


def test_lyrics_to_be_sung_may_name_but_not_quote(platform: Platform, wav: bytes) -> None:
    platform.reference(wav, title="Silver Harbour", lyrics=LYRICS)

    def asked(lyrics: str) -> list[str]:
        wanted = {"prompt": "calm, piano, 4 bars", "lyrics": lyrics}
        answer = platform.http.post(
            "/v1/generations", json=wanted, headers={"Idempotency-Key": lyrics[:5]}
        )
        return [reason["rule"] for reason in answer.json()["reasons"]]

    assert asked(LYRICS.splitlines()[0] + "\nand then we were wires") == ["prompt-quoted-lyrics"]
    timed = " ".join(f"<00:{n:02}.50>{word}" for n, word in enumerate(LYRICS.split()))
    assert set(asked(timed)) == {"prompt-quoted-lyrics"}
    assert asked("O Silver Harbour, hold me now") == []


def test_the_prompt_of_a_generated_track_is_screened_and_not_kept(
    api: Api, platform: Platform, wav: bytes
) -> None:
    platform.reference(sound(91), lyrics=LYRICS)
    made = {"model": "rules", "prompt": QUOTING}

    platform.submit(wav, generated=json.dumps(made))

    with api.service.database.reading() as session:
        (kept,) = session.exec(select(Submission)).all()
        now = api.service.now()
        facts = facts_of(session, kept.tenant_id, kept.declaration, Evidence(), now)
    assert kept.declaration["generated"].keys() == {"model", "prompt_sha256", "prompt_signals"}
    assert facts.generation is not None
    assert facts.generation.prompt_signals == ("quoted-lyrics",)
