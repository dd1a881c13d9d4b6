"""The studio, as a musician meets it."""

import base64
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scanner import ages, entry_links, inline, take_invitations
from scanner.ages import AgeSaid
from scanner.bus.worker import environment
from scanner.tables import Generation, Preview, Take, Tenant
from tests import casework
from tests.console.conftest import csrf_in, opened, serious_issues, shot
from tests.generator.test_given_melody import midi
from tests.program import PROGRAM
from tests.servers import wait_until
from tests.taken import let_work

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.console.conftest import World

TUNE = {"name": "tune.mid", "mimeType": "audio/midi", "buffer": midi()}
PROMPT = "calm, 120 bpm, G major, 4 bars, piano and cello"


def drive(world: "World", ids: list[str]) -> None:
    """Do what workers do: make the takes, clear their tracks."""
    for each in ids:
        inline.drive_generation(world.service, each)
        with world.service.database.reading() as session:
            row = session.get_one(Generation, each)
        if row.track_id:
            inline.drive(world.service, row.track_id)


def ids_in(url: str) -> list[str]:
    return [each.partition("=")[2] for each in url.partition("?")[2].split("&")]


@pytest.fixture
def studio(world: "World", browser: "Browser") -> Iterator["Page"]:
    with opened(browser, world, "musician") as page:
        page.goto("/studio")
        yield page


def test_a_prompt_says_what_was_understood_what_was_not_and_what_contradicts(world) -> None:
    with world.http("musician") as http:
        csrf = csrf_in(http.get("/studio").text)
        prompt = "fast and 84 bpm, D minor, cello, like a zorp"
        told = http.post("/studio/reading", data={"prompt": prompt, "csrf": csrf}).text
        assert "D minor" in told and "cello" in told and "zorp" in told
        assert "What counts: 84." in told
        told = http.post("/studio/reading", data={"prompt": "like Blue Hour", "csrf": csrf}).text
        assert "no song is imitated by its title" in told


def test_what_was_typed_stays_when_it_can_not_be_made(world) -> None:
    with world.http("musician") as http:
        csrf = csrf_in(http.get("/studio").text)
        fields = {
            "prompt": "a waltz",
            "instruments": "kazoo",
            "lyrics": "Hold the light",
            "csrf": csrf,
        }
        for path in ("/studio/takes", "/studio/previews"):
            answer = http.post(path, data=fields)
            assert answer.status_code == 422
            assert "kazoo" in answer.text and "a waltz" in answer.text
            assert ">Hold the light</textarea>" in answer.text


def posted_melody(content: bytes) -> dict[str, str]:
    return {"melody": base64.b64encode(content).decode(), "melody_name": "tune.mid"}


def test_of_a_melody_file_notes_bars_tempo_key_and_range_are_told_back(world) -> None:
    with world.http("musician", accept_language="de") as http:
        csrf = csrf_in(http.get("/studio").text)

        def told(**fields: str) -> str:
            answer = http.post("/studio/melody", data={"csrf": csrf, **fields})
            assert answer.status_code == 200
            return answer.text

        shown = told(**posted_melody(midi()))
        for each in ("tune.mid", "<dd>16 ", "<dd>4 ", "<dd>84</dd>", "d-Moll", "D4 bis D5"):
            assert each in shown, each
        for content, why in (
            (b"MThd nothing", "speichern Sie sie neu"),
            (midi(())[:14], "lässt sich nicht lesen"),
            (midi(()), "keine Noten außer Schlagzeug"),
            (b"MThd" + bytes(100_000), "mehr als 100000 Bytes"),
        ):
            shown = told(**posted_melody(content))
            assert why in shown and 'name="melody"' not in shown, shown
        shown = told(melody="", melody_name="big.mid", melody_size="100001")
        assert "mehr als 100000 Bytes" in shown


def test_a_melody_file_is_kept_with_every_take_asked_for_and_on_a_page_that_says_no(world) -> None:
    with world.http("musician") as http:
        csrf = csrf_in(http.get("/studio").text)
        fields = {"prompt": "flute and piano", "count": "2", "csrf": csrf, **posted_melody(midi())}
        refused = http.post("/studio/takes", data=fields | {"instruments": "kazoo"})
        assert refused.status_code == 422
        assert f'name="melody" value="{fields["melody"]}"' in refused.text
        damaged = http.post("/studio/takes", data=fields | posted_melody(b"MThd nothing"))
        assert damaged.status_code == 422 and "save it anew" in damaged.text
        made = http.post("/studio/takes", data=fields)
    with world.service.database.reading() as session:
        kept = [
            session.get_one(Generation, each).melody_sha256
            for each in ids_in(made.headers["location"])
        ]
    assert kept == [hashlib.sha256(midi()).hexdigest()] * 2


def test_a_melody_is_dropped_told_and_taken_away_by_keys(world, studio) -> None:
    dropped = studio.evaluate_handle(
        """(bytes) => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "tune.mid", { type: "audio/midi" }));
        return data; }""",
        list(midi()),
    )
    studio.locator("[data-melody] .drop").dispatch_event("drop", {"dataTransfer": dropped})
    studio.locator("#melody [name=melody]").wait_for(state="attached")
    assert "tune.mid" in studio.locator("#melody").inner_text()
    assert serious_issues(world, studio) == []
    shot(studio, "studio-melody")
    studio.get_by_role("button", name="Take the melody away").press("Enter")
    assert studio.locator("#melody").inner_text() == ""
    assert studio.evaluate("document.activeElement.id") == "melody-file"
    studio.set_input_files("#melody-file", TUNE | {"buffer": b"x" * 100_001})
    studio.get_by_text("more than 100000 bytes").wait_for()
    assert studio.input_value("#melody-file") == "", "it goes along with nothing"


def test_a_child_without_consent_sees_why_and_can_ask_for_nothing(world) -> None:
    ages.assure(world.service, world.caller, "noor", AgeSaid("document", band="child"))
    world.links["noor"] = entry_links.make(world.service, world.caller, "noor", 24)[1]
    with world.http("noor") as http:
        shown = http.get("/studio").text
    assert "right now" in shown and "disabled" in shown


def test_takes_and_previews_of_others_are_not_there(world) -> None:
    casework.account(world.service, world.caller, "stranger")
    world.links["stranger"] = entry_links.make(world.service, world.caller, "stranger", 24)[1]
    with world.http("stranger") as http:
        for path in (
            f"/studio/takes/{world.ids['take_id']}",
            f"/studio/made?of={world.ids['generation_id']}",
            f"/studio/previews/{world.ids['preview_id']}",
            f"/studio/previews/{world.ids['preview_id']}/audio",
        ):
            assert http.get(path).status_code == 404, path


def test_who_was_let_work_on_a_project_leaves_it_from_its_page(world) -> None:
    casework.account(world.service, world.caller, "helper")
    world.links["helper"] = entry_links.make(world.service, world.caller, "helper", 24)[1]
    take_id = world.ids["take_id"]
    ages.assure(world.service, world.caller, "helper", AgeSaid("document", band="adult"))
    let_work(world.service, world.caller, take_id, "helper")
    address = f"/studio/takes/{take_id}"
    with world.http("musician") as http:
        assert "Leave this project" not in http.get(address).text, "it is her own"
    with world.http("helper") as http:
        shown = http.get(address).text
        assert "Leave this project" in shown
        assert http.post(f"{address}/leave", data={"csrf": csrf_in(shown)}).status_code == 303
        assert http.get(address).status_code == 404


def test_who_is_asked_accepts_or_declines_in_the_studio_and_sees_nothing_else_before(
    world, browser
) -> None:
    take_id = world.ids["take_id"]
    for name in ("asked", "asked-too"):
        ages.assure(world.service, world.caller, name, AgeSaid("document", band="adult"))
        world.links[name] = entry_links.make(world.service, world.caller, name, 24)[1]
        take_invitations.invite(world.service, world.caller, take_id, name)
    with world.http("asked") as http:
        assert http.get(f"/studio/takes/{take_id}").status_code == 404
    with opened(browser, world, "asked", viewport={"width": 360, "height": 740}) as page:
        page.goto("/studio")
        assert "by mia" in page.locator(".asked").inner_text()
        assert serious_issues(world, page) == []
        shot(page, "studio-asked")
        page.get_by_role("button", name="Accept: dark").press("Enter")
        page.locator(".asked").wait_for(state="detached")
    with world.http("asked") as http:
        assert http.get(f"/studio/takes/{take_id}").status_code == 200
    with world.http("asked-too") as http:
        shown = http.get("/studio").text
        (each,) = re.findall(r"/studio/invitations/([^/]+)/decline", shown)
        fields = {"csrf": csrf_in(shown)}
        assert http.post(f"/studio/invitations/{each}/decline", data=fields).status_code == 303
        assert "You are asked" not in http.get("/studio").text
        assert http.get(f"/studio/takes/{take_id}").status_code == 404
        assert http.post(f"/studio/invitations/{each}/accept", data=fields).status_code == 409


def test_what_is_said_of_takes_that_are_being_checked_wraps_on_a_narrow_screen(
    world, studio
) -> None:
    studio.set_viewport_size({"width": 360, "height": 740})
    studio.goto(f"/studio/made?of={world.ids['generation_id']}")
    words = "Made. It is marked and compared before anything of it goes out."
    studio.locator(".side").evaluate(
        "(side, words) => { side.setAttribute('aria-busy', 'true');"
        " side.querySelector('.card p').textContent = words; }",
        words,
    )
    assert studio.evaluate("document.documentElement.scrollWidth") == 360


def test_listening_begins_on_the_page_changes_while_it_plays_and_ends(world, studio) -> None:
    studio.get_by_label("What you want to hear").fill(PROMPT)
    studio.get_by_text("G major").wait_for()
    studio.get_by_role("button", name="Listen").click()
    audio = studio.locator("#preview audio")
    audio.wait_for()
    audio.evaluate("(sound) => { sound.muted = true; return sound.play(); }")
    wait_until(lambda: audio.evaluate("(sound) => sound.currentTime") > 1, 60, "sound")
    with studio.expect_response(lambda answer: answer.url.endswith("/controls")) as changed:
        studio.locator("#preview").get_by_label("Mood").select_option("happy")
    assert changed.value.ok
    preview_id = audio.get_attribute("src").split("/")[3]
    shot(studio, "studio-preview-playing")
    studio.get_by_role("button", name="End it").click()

    def row() -> Preview:
        with world.service.database.reading() as session:
            return session.get_one(Preview, preview_id)

    wait_until(lambda: row().ended_at is not None, 60, "its end")
    assert row().controls["moods"] == ["happy"] and row().tally["bars"] >= 1


def test_from_a_prompt_to_a_download_that_names_its_take(world, studio, tmp_path) -> None:
    """Prompt, variations, lock, regenerate, release, download; a scan names the take."""
    studio.get_by_label("What you want to hear").fill(PROMPT)
    studio.get_by_label("A melody to build on").set_input_files(TUNE)
    studio.get_by_text("What was understood of it").wait_for()
    studio.get_by_role("combobox", name="How many").select_option("2")
    studio.get_by_role("button", name="Make takes").click()
    studio.wait_for_url("**/studio/made?**")
    drive(world, ids_in(studio.url))
    studio.get_by_role("button", name="Open").nth(1).wait_for(timeout=60_000)
    shot(studio, "studio-made-clear")
    studio.get_by_role("button", name="Open").first.click()
    studio.locator(".strip").filter(has_text="piano").get_by_label("Keep").check()
    studio.locator("form.vary").get_by_label("How many").select_option("1")
    studio.get_by_role("button", name="Make variations").click()
    studio.wait_for_url("**/studio/made?**")
    drive(world, ids_in(studio.url))
    studio.get_by_role("button", name="Open").first.click(timeout=60_000)
    assert studio.locator(".tree").get_by_text("kept: piano").is_visible()
    assert studio.get_by_text("its notes are kept").is_visible(), "of the melody, here too"
    studio.get_by_role("button", name="Play").click()
    studio.locator("[data-mixer][data-loaded='2']").wait_for(timeout=120_000)
    studio.get_by_role("button", name="Solo piano").click()
    shot(studio, "studio-take-playing")
    studio.get_by_text("Single files").click()
    with studio.expect_download(timeout=120_000) as got:
        studio.get_by_role("link", name="mix.flac").click()
    path = tmp_path / "mix.flac"
    got.value.save_as(path)
    _names_its_take(world, path, studio.url.rpartition("/")[2])


def _names_its_take(world: "World", path: Path, take_id: str) -> None:
    with world.service.database.reading() as session:
        digest = session.get_one(Take, take_id).digest
        tenant = session.get_one(Tenant, world.caller.tenant_id).name
    done = subprocess.run(
        [PROGRAM, "scan", str(path), "--json", "--tenant", tenant],
        capture_output=True,
        env=os.environ | environment(world.service.settings),
        check=False,
        timeout=300,
    )
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    assert digest in [mark.get("take_id") for mark in told["watermarks"]], told
    assert told["provenance"]["state"] in {"trusted", "valid"}, told["provenance"]
