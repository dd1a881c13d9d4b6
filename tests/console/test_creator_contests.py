"""What a creator contests: a dispute to its end, counter-notices, and what can be asked of whom and by when."""

from typing import TYPE_CHECKING

import httpx
from sqlmodel import select

from scanner import counter_notices, inline, keys
from scanner.clock import utc_now
from scanner.role_scopes import HOLDER_SCOPES
from scanner.tables import Case, ContestDraft, Holder, StatementOfReasons
from tests import casework, claiming, noticed
from tests.console.conftest import World, csrf_in, opened, serious_issues, shot
from tests.console.creations import ana_of, held
from tests.console.test_browser import NARROW, WIDE
from tests.scanner.api.conftest import TLS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WHY = "I bought a licence from the label on the first of May."


def test_a_dispute_is_written_by_keys_alone_answered_appealed_and_won_by_silence(
    world: World, browser: "Browser"
) -> None:
    """DSM-17-9, DSA-20."""
    label, track_id, claim_id = held(world, "Silver Rain")
    with opened(browser, world, "creator", viewport=WIDE) as page:
        page.goto(f"/my/tracks/{track_id}")
        assert "Your track matches “Silver Rain”" in page.inner_text("main")
        page.locator("a", has_text="I have a licence or permission").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/my/contest/claim/**")
        page.locator("#why-licence").focus()
        page.keyboard.type("too short")
        page.keyboard.press("Tab")
        page.wait_for_selector("#saved:has-text('Saved on')")
        with world.service.database.reading() as session:
            kept = session.exec(
                select(ContestDraft).where(ContestDraft.subject_id == claim_id)
            ).one()
            assert "too short" not in str(kept.content)
        page.locator("main form button", has_text="Send").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".problem")
        assert page.input_value("#why-licence") == "too short"
        shot(page, "creator-dispute-wrong")
        assert serious_issues(world, page) == []
        world.complaints.clear()  # the console tells that the answer was 422

        page.locator("#why-licence").focus()
        page.keyboard.press("Control+a")
        page.keyboard.type(WHY)
        page.locator("#name").focus()
        page.keyboard.type("Ana Lopez")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/my/matters/dispute/**")
        assert "If they stay silent, the claim ends" in page.inner_text("main")
        page.set_input_files(
            "#file", {"name": "licence.txt", "mimeType": "text/plain", "buffer": b"Paid in full."}
        )
        page.click("text=Add the file")
        page.wait_for_selector("text=licence.txt")
        shot(page, "creator-dispute-sent")
        assert serious_issues(world, page) == []

        dispute_id = page.url.split("/")[-1].split("?")[0]
        _answered(world, label, dispute_id, {"answer": "uphold", "text": "We sold no licence."})
        page.goto(f"/my/tracks/{track_id}")
        assert "We sold no licence." in page.inner_text("main")
        page.click("text=Appeal against the claim")
        page.fill("#reason", "Here is the receipt for it.")
        page.click("text=Send the appeal")
        page.wait_for_url("**/my/matters/appeal/**")
        page.goto(f"/my/tracks/{track_id}")
        shot(page, "creator-track-appealed")
        assert "The rights holder says why the claim is right." in page.inner_text("main")

    try:
        casework.later(world.service, days=9)
        inline.drive(world.service, track_id)
    finally:
        casework.at(world.service, utc_now())
        world.service.now = utc_now
    with opened(browser, world, "creator", viewport=NARROW) as page:
        page.goto(f"/my/tracks/{track_id}")
        assert "Your track is out, without limits." in page.inner_text("main")
        assert "you were right" in page.inner_text("main") or "closed" in page.inner_text("main")


def _answered(world: World, label: Holder, dispute_id: str, answer: dict[str, str]) -> None:
    _, token = keys.create_key(
        world.service, world.caller.tenant_id, label.name, HOLDER_SCOPES, holder_id=label.id
    )
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=world.url, headers=headers, trust_env=False, verify=TLS) as client:
        answered = client.post(f"/v1/disputes/{dispute_id}/answer", json=answer)
        assert answered.status_code == 200, answered.text


def test_before_a_counter_notice_it_is_asked_twice_who_gets_the_name(world: World) -> None:
    """DMCA-CN, and that nothing is sent before the second answer."""
    service, caller = world.service, world.caller
    taken = casework.decided_track(service, caller, account_id=ana_of(world).id)
    notice = noticed.sent(service, caller, taken.id)
    noticed.decided(service, notice.id)
    path = f"/my/contest/notice/{notice.id}"
    with world.http("creator") as client:
        csrf = csrf_in(client.get(path).text)
        fields = {
            **{name: noticed.COUNTER[name] for name in ("signature", "name", "address", "phone")},
            "email": "cleo@example.org",
            "mistake": "yes",
            "jurisdiction": "yes",
            "csrf": csrf,
        }
        unsaid = client.post(path, data=fields)
        assert unsaid.status_code == 422
        assert "1 Main Street, Springfield" in unsaid.text

        asked = client.post(path, data={**fields, "known": "yes"})
        assert (asked.status_code, "Send your name?" in asked.text) == (200, True)
        assert not casework.events(service, notice.id)[-1].type.endswith("countered")
        assert casework.letters(service, template="counter-forwarded", matter_id=notice.id) == []

        sent = client.post(path, data={"sure": "yes", "csrf": csrf})
        assert sent.headers["location"].startswith("/my/matters/counter_notice/")
        shown = client.get(sent.headers["location"]).text
        assert "If we hear of no court case, your track comes back." in shown
        assert "by your counter-notice" in client.get(f"/my/tracks/{taken.id}").text


def test_what_the_platform_sent_by_half_is_completed_and_then_taken_back(world: World) -> None:
    """DMCA-CN."""
    service, caller = world.service, world.caller
    taken = casework.decided_track(service, caller, account_id=ana_of(world).id)
    notice = noticed.sent(service, caller, taken.id)
    noticed.decided(service, notice.id)
    given = {"signature": "Cleo Creator", "location": [taken.id]}
    half = counter_notices.file(service, caller, notice, taken.id, given)
    page = f"/my/matters/counter_notice/{half.id}"
    with world.http("creator") as client:
        shown = client.get(page).text
        assert f"/my/contest/notice/{notice.id}" in shown
        csrf = csrf_in(shown)
        whole = noticed.COUNTER | {"mistake": "yes", "jurisdiction": "yes", "known": "yes"}
        for fields in (whole, {"sure": "yes"}):
            client.post(f"/my/contest/notice/{notice.id}", data=fields | {"csrf": csrf})
        assert "waits for the end of its time" in client.get(page).text
        client.post(f"{page}/withdraw", data={"csrf": csrf})
        assert "taken back" in client.get(page).text
        assert client.post(f"{page}/dance", data={"csrf": csrf}).status_code == 404


def test_the_list_says_what_of_a_claimed_or_blocked_track_can_be_contested_and_by_when(
    world: World,
) -> None:
    """DSA-20, DSM-17-9."""
    _, track_id, _ = held(world, "Old Pier")
    blocked = casework.decided_track(
        world.service, world.caller, account_id=ana_of(world).id, file_name="stone bridge.wav"
    )
    claiming.ruled(world.service, world.caller, blocked.id, "block")
    with world.http("creator") as client:
        rows = client.get("/my/tracks").text.split("<tr>")
    claimed_row = next(each for each in rows if track_id in each)
    blocked_row = next(each for each in rows if blocked.id in each)

    assert "you can contest the decision, you can dispute the claim" in claimed_row
    assert "you can contest the decision" in blocked_row
    assert all(
        "<time datetime=" in each and "nothing" not in each for each in (claimed_row, blocked_row)
    )


def test_a_person_is_asked_for_where_rules_alone_decided_and_no_appeal_is_open(
    world: World,
) -> None:
    """GDPR-22, where a small platform offers no appeal (DSA-19)."""
    _, track_id, _ = held(world, "Left Out")
    with world.service.database.transaction() as session:
        stated = session.exec(
            select(StatementOfReasons).where(StatementOfReasons.track_id == track_id)
        ).one()
        assert stated.automated_decision
        stated.open_to_appeal, stated.contest_until = False, None
    with world.http("creator") as client:
        shown = client.get(f"/my/tracks/{track_id}").text
        assert f"/my/contest/decision/{stated.decision_id}" not in shown
        form = {"csrf": csrf_in(shown), "text": "It is my own song."}
        assert f'action="/my/tracks/{track_id}/human-review"' in shown
        sent = client.post(f"/my/tracks/{track_id}/human-review", data=form)
        assert sent.status_code == 303
    with world.service.database.reading() as session:
        query = select(Case).where(Case.track_id == track_id, Case.kind == "human_review")
        assert "It is my own song." in str(session.exec(query).one().reasons)
