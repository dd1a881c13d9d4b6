"""What a reviewer looks at and listens to beside the match: notes, stems, similar cases, what the creator added."""

import io
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sqlmodel import col, select

import policy
from scanner import policies
from scanner.judgements import decision_row
from scanner.packs_in_force import InForce
from scanner.tables import Analysis, Case, PolicyDecision, PresumedUse, Track
from tests import rollouts
from tests.console.conftest import World, csrf_in, opened, shot
from tests.console.test_review import WIDE, give_back, put_up
from tests.servers import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_notes_of_both_sides_are_drawn_for_light_and_dark_pages(world: World) -> None:
    with world.http("reviewer") as client:
        address = f"/cases/{world.case_id}/chroma.png"
        pictures = {}
        for dark in ("false", "true"):
            answer = client.get(f"{address}?dark={dark}")
            assert answer.headers["content-type"] == "image/png"
            assert client.get(f"{address}?dark={dark}").content == answer.content
            pictures[dark] = Image.open(io.BytesIO(answer.content)).convert("RGBA")
            assert pictures[dark].getpixel((2, 2))[3] == 0  # the page's own ground
        light, dark = (_ink(pictures[each]) for each in ("false", "true"))
        assert light < 100
        assert dark > 180
        for wrong in ("match=0&segment=99", "match=99&segment=99"):
            assert client.get(f"{address}?{wrong}").status_code == 404


def _ink(picture: Image.Image) -> int:
    """How light the letters of the heading are: the most frequent opaque grey of its rows, 0 to 255."""
    rows = picture.crop((0, 0, picture.width, 28))
    opaque = [(r + g + b) // 3 for r, g, b, a in rows.get_flattened_data() if a == 255]
    return max(set(opaque), key=opaque.count)


def test_a_stem_is_heard_by_itself_and_shows_what_was_found_in_it_alone(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "appeals_officer", viewport=WIDE) as page:
        page.goto("/cases/{stems_case_id}".format_map(world.ids))
        page.wait_for_selector("[data-ready]")
        page.keyboard.press("s")
        lanes = page.locator("[data-stem]")
        assert lanes.count() == 2
        assert lanes.nth(0).locator(".place").count() == 0
        assert lanes.nth(1).locator(".place").count() == 1
        page.keyboard.press("Space")
        page.wait_for_selector('[data-play][aria-pressed="true"]')
        lanes.nth(1).locator("[data-solo]").click()
        page.wait_for_selector("[data-stem]:nth-child(2)[data-plays]")
        assert page.locator("[data-stem]:nth-child(1)[data-plays]").count() == 0
        shot(page, "review-stems-solo")
        lanes.nth(1).locator("[data-solo]").click()
        lanes.nth(1).locator("[data-mute]").click()
        page.wait_for_selector("[data-stem]:nth-child(1)[data-plays]")
        page.wait_for_selector("[data-stem]:nth-child(2)[data-plays]", state="detached")
        lanes.nth(1).locator("[data-mute]").click()
        page.wait_for_selector("[data-plays]", state="detached")
        page.emulate_media(color_scheme="dark")
        page.click("summary:has-text('Notes of both sides')")
        drawn = "[...document.querySelectorAll('picture img')].every((each) => each.complete && each.naturalWidth > 0)"
        wait_until(lambda: page.evaluate(drawn), what="every picture")
        shot(page, "review-notes-dark")


def test_a_stem_of_another_track_and_a_document_of_another_case_read_as_unknown(
    world: World,
) -> None:
    ids = world.ids
    with world.http("appeals_officer") as client:
        sound = client.get(
            f"/cases/{world.case_id}/stems/{ids['stem_id']}/audio", headers={"Range": "bytes=0-99"}
        )
        assert (sound.status_code, len(sound.content)) == (206, 100)
        other = ids["stems_case_id"]
        assert client.get(f"/cases/{other}/stems/{ids['stem_id']}/audio").status_code == 404
        kept = client.get(f"/cases/{world.case_id}/documents/{ids['document_id']}")
        assert kept.content == b"One sample, paid in full."
        assert kept.headers["content-disposition"].startswith("attachment")
        assert client.get(f"/cases/{other}/documents/{ids['document_id']}").status_code == 404


def test_a_case_shows_similar_ones_who_claims_and_what_the_creator_added(world: World) -> None:
    with world.http("reviewer") as client:
        page = client.get(f"/cases/{world.case_id}").text
    main = page.split('id="alike-title"', 1)[1]
    assert f"/cases/{world.ids['untaken_id']}" in main.split("</section>", 1)[0]
    assert "same file" in main
    assert "Who claims it" in page and "Strikes in force" in page
    added = page.split('id="added-title"', 1)[1].split("</section>", 1)[0]
    assert "Blue Records" in added and "licence.txt" in added
    assert re.search(r'<mark title="[a-z-]+">', page)  # words that were found in the lyrics
    assert csrf_in(page)


@pytest.mark.parametrize(
    ("language", "flip", "exempted"),
    [
        ("en", "below 0.8 (is 0.9)", "A licence for &#39;Song&#39; is on record (DE)."),
        ("de", "unter 0,8 (jetzt: 0,9)", "Für „Song“ ist eine Lizenz hinterlegt (DE)."),
    ],
)
def test_what_would_flip_it_and_what_was_exempted_are_told_in_the_readers_language(
    world: World, language: str, flip: str, exempted: str
) -> None:
    [case_id] = put_up(world, 1)
    _judge(world, case_id)
    with world.http("appeals_officer") as client:
        csrf = csrf_in(client.get("/queue").text)
        client.post(f"/cases/{case_id}/take", data={"csrf": csrf})
        text = client.get(f"/cases/{case_id}", headers={"Accept-Language": language}).text
    give_back(world, "appeals_officer", [case_id])
    assert flip in text
    assert exempted in text


def _judge(world: World, case_id: str) -> None:
    """Let the packaged pack judge the case's track, which holds a song that is licensed in Germany."""
    match = {"reference_id": "r1", "title": "Song", "kind": "recording", "score": 0.9}
    licence = {"licensed": True, "licence_territories": ["DE"]}
    facts = policy.Facts.model_validate(
        {"detectors": {"fingerprint": "ok"}, "matches": [match | licence]}
    )
    pack = policy.default_pack()
    with world.service.database.transaction() as session:
        track = session.get_one(Track, session.get_one(Case, case_id).track_id)
        analysis = session.get_one(Analysis, track.analysis_id)
        decision = policy.decide(pack, facts)
        row = decision_row(world.service, track, analysis, facts, decision, InForce(pack))
        session.add(row)
        session.flush()
        track.decision_id = row.id


def test_a_case_shows_what_the_pack_in_the_shadow_would_have_decided(world: World) -> None:
    service, caller = world.service, world.caller
    with service.database.reading() as session:
        decision = session.get_one(PolicyDecision, session.get_one(Case, world.case_id).decision_id)
    with world.http("reviewer") as client:
        address = f"/cases/{world.case_id}"
        assert "shadow" not in client.get(address).text
        pack = rollouts.approved(service, caller, rollouts.pack_text(5, "hasty"))
        policies.shadow(service, caller, pack)
        shown = client.get(address).text.split('class="shadow"', 1)[1].split("</p>", 1)[0]
    assert "a person decides" in shown
    assert "<ins>long-track: a person decides</ins>" in shown
    assert f"<del>{decision.reasons[0]['rule']}: a person decides</del>" in shown
    assert "hasty@" in shown


def test_hard_words_are_covered_and_watermark_and_provenance_are_not(world: World) -> None:
    with world.http("reviewer") as client:
        page = client.get(f"/cases/{world.case_id}").text
    before, _, covered = page.partition('<details class="covered">')
    assert 'id="watermark-title"' in before and 'id="provenance-title"' in before
    assert "violence" in covered.split("</section>", 1)[0]


def test_a_match_that_a_rule_leaves_alone_is_hatched_and_says_why(world: World) -> None:
    with world.http("reviewer") as client:
        held = client.get(f"/cases/{world.case_id}").text
    assert 'class="ribbon" fill="url(#counts)"' in held
    assert "Plain: the recording matches." in held
    service = world.service
    with service.database.reading() as session:
        use = session.get_one(PresumedUse, world.ids["use_id"])
        query = select(Case).where(Case.track_id == use.track_id)
        case = session.exec(query).first()
    with world.http("appeals_officer") as client:
        page = client.get(f"/cases/{case.id}").text
    assert 'class="ribbon" fill="url(#alone)"' in page
    legend = page.split("Hatched: a rule leaves this match alone.", 1)[1].split("</p>", 1)[0]
    assert "Presumed lawful use (Germany)" in legend and "DE" in legend


def test_a_case_about_no_track_of_ours_has_a_page_too(world: World) -> None:
    with world.service.database.reading() as session:
        query = select(Case.id).where(Case.kind == "notice", col(Case.track_id).is_(None))
        case_id = session.exec(query).first()
    with world.http("appeals_officer") as client:
        answer = client.get(f"/cases/{case_id}")
    assert answer.status_code == 200
    assert "What matches" not in answer.text
