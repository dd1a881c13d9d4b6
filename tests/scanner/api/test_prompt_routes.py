"""A prompt is screened against the catalogue of whoever asks."""

from tests.scanner.api.conftest import Platform, problem, sound

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
