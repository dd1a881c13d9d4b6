"""A rights holder's stories in the browser: a notice to its end, a catalogue from a file, a dispute answered."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from scanner import (
    catalogue_imports,
    counter_notices,
    inline,
    keys,
    left_copies,
    notice_views,
    stay_down,
)
from scanner.clock import utc_now
from scanner.console import public_words
from scanner.tables import Appeal, Holder, PresumedUse, User
from scanner.transparency.tables import RULES
from tests import casework, cataloguing, claiming, noticed
from tests.console.conftest import PASSWORD, World, csrf_in, log_in, opened, serious_issues, shot

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def label_of(world: World) -> Holder:
    with world.service.database.reading() as session:
        return session.get_one(Holder, world.ids["holder_id"])


def test_a_notice_goes_to_its_counter_notice_and_the_track_comes_back(
    world: World, browser: "Browser"
) -> None:
    """DMCA-N, DMCA-CN, DMCA-R: the holder by the page, the creator by the platform, the clock moved."""
    service, caller = world.service, world.caller
    track = casework.decided_track(service, caller)
    with opened(browser, world, "rights_holder") as page:
        page.goto("/rights/notices/new")
        page.fill("#signature", "Ada Author")
        page.fill("#work", "The song “Blue Door”")
        page.fill("#location", track.id)
        page.check("#good_faith")
        page.click("main form button")
        page.wait_for_selector("#accuracy-problem")
        world.complaints.clear()  # the browser says that the answer was 422
        assert page.input_value("#work") == "The song “Blue Door”"
        assert page.locator("#accuracy-problem").count() == 1
        page.check("#accuracy")
        page.click("main form button")
        page.wait_for_url("**/rights/notices/0*")
        assert "with a person" in page.inner_text("main .facts")
        notice_id = page.url.rpartition("/")[2]
    noticed.decided(service, notice_id)
    assert casework.track_of(service, track.id).state == "blocked"
    notice = notice_views.find(service, caller, notice_id)
    elements = noticed.COUNTER | {"location": [track.id]}
    counter = counter_notices.file(service, caller, notice, track.id, elements)
    with opened(browser, world, "rights_holder") as page:
        page.goto(f"/rights/notices/{notice_id}")
        assert "The track comes back between" in page.inner_text("main")
        assert "Cleo Creator" in page.inner_text("main")
    casework.at(service, utc_now())
    try:
        casework.later(service, days=30)
        inline.drive(service, track.id)
        assert casework.track_of(service, track.id).state == "released"
        with opened(browser, world, "rights_holder") as page:
            page.goto(f"/rights/notices/{notice_id}")
            assert "the track is back" in page.inner_text("main")
    finally:
        service.now = utc_now
    assert counter.notice_id == notice_id


def test_a_dispute_is_answered_with_what_was_typed_kept_when_it_is_wrong(world: World) -> None:
    address = f"/rights/disputes/{world.ids['dispute_id']}"
    with world.http("rights_holder") as client:
        page = client.get(address)
        assert "Answer by" in page.text and "It is another recording or work" in page.text
        fields = {"csrf": csrf_in(page.text), "answer": "uphold", "text": "It is our remaster."}
        wrong = client.post(f"{address}/answer", data=fields | {"remedy": "territory"})
        assert wrong.status_code == 422
        assert "It is our remaster." in wrong.text and "territories" in wrong.text
        done = client.post(f"{address}/answer", data=fields)
        assert done.status_code == 303
        assert "claim upheld" in client.get(address).text
        record = client.get("/rights/catalogue/record").text
        # what the holder says of their own claim counts for nothing; what they let go, as wrong
        assert "Of 1 contested claim that was decided, 0 % stood." in record.replace(
            "\N{NO-BREAK SPACE}", " "
        )
        reference = client.get(f"/rights/catalogue/{world.ids['reference_id']}").text
        assert "Suggested, since you lost disputes" in reference


def test_a_recording_is_changed_excluded_in_part_and_shared(world: World) -> None:
    address = f"/rights/catalogue/{world.ids['reference_id']}"
    with world.http("rights_holder") as client:
        csrf = {"csrf": csrf_in(client.get(address).text)}
        fields = {
            "title": "=Door",
            "policy": "block",
            "territories": "de fr",
            "isrc": "",
            "lyrics": "Open\r\nthe door",
        }
        assert client.post(address, data=csrf | fields).status_code == 303
        wrong = client.post(address, data=csrf | fields | {"territories": "Utopia"})
        assert wrong.status_code == 422 and 'value="Utopia"' in wrong.text
        assert client.post(f"{address}/exclusions", data=csrf | {"start": "0:01", "end": "8"}).status_code == 303  # fmt: skip
        too_much = client.post(
            f"{address}/shares", data=csrf | {"right": "recording", "percent": "50"}
        )
        assert too_much.status_code == 409 and "110 %" in too_much.text
        page = client.get(address).text
        assert "DE FR" in page and "0:01 – 0:08" in page
        assert ">Open\nthe door</textarea>" in page
        assert "Suggested, since" not in page
        assert ",'=Door," in client.get("/rights/catalogue/export.csv").text


@pytest.mark.parametrize("path", ["catalogue/{reference_id}", "claims/{claim_id}", "disputes/{dispute_id}", "notices/{notice_id}", "imports/{import_id}"])  # fmt: skip
def test_another_holders_things_read_as_unknown(world: World, path: str) -> None:
    email = "other@label.example"
    with world.service.database.reading() as session:
        known = session.exec(keys.select(User).where(User.email == email)).first()
    if known is None:
        other = claiming.holder(world.service, world.caller, "Other")
        keys.create_user(world.service, email, "rights_holder", PASSWORD, holder_id=other.id)
    with world.http() as client:
        log_in(client, email)
        assert client.get("/rights/catalogue").status_code == 200
        assert client.get(f"/rights/{path.format_map(world.ids)}").status_code == 404


def test_a_login_that_names_no_holder_is_told_what_it_lacks(world: World) -> None:
    keys.create_user(world.service, "nobody@label.example", "rights_holder", PASSWORD)
    with world.http() as client:
        log_in(client, "nobody@label.example")
        answer = client.get("/rights/catalogue")
    assert answer.status_code == 403
    assert "--holder ID" in answer.text


def test_a_year_is_public_once_it_is_over_in_the_legal_zone_and_only_where_the_operator_wants_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = world.service
    with world.http() as client:
        early = datetime(2027, 1, 1, 2, tzinfo=UTC)  # in New York it is New Year's Eve
        monkeypatch.setattr(service, "now", lambda: early)
        assert client.get("/public/transparency/2026").status_code == 404
        unwanted = service.settings.model_copy(update={"public_reports": False})
        monkeypatch.setattr(service, "settings", unwanted)
        assert client.get("/public/transparency/2025").status_code == 404
        assert "publishes its reports elsewhere" in client.get("/public/transparency").text


def test_every_part_of_a_report_has_a_name_on_the_public_page() -> None:
    assert set(public_words.SECTIONS) == set(RULES)


def test_public_pages_speak_the_readers_language(world: World) -> None:
    with world.http(accept_language="de") as client:
        policies = client.get("/public/policies").text
        assert "Es wird gesperrt" in policies
        assert (
            '/eli/reg/2022/2065/oj" rel="noreferrer">Gesetz über digitale Dienste, Artikel 17</a>'
            in policies
        )
        assert "Urheberrechtsverletzung melden" in client.get("/public/notices/new").text
        assert client.get("/public/transparency/2099").status_code == 404
        assert "dmca" in client.get("/public/transparency/2025/figures.csv").text
        badge = client.get(f"/public/tracks/{world.ids['out']}")
        assert "Was nicht bekannt ist" in badge.text
        assert client.get(f"/public/tracks/{world.ids['claim_id']}").status_code == 404


def test_a_list_of_300_recordings_is_taken_in_but_for_three_lines(
    world: World, browser: "Browser"
) -> None:
    songs = cataloguing.many(world.service, world.caller, label_of(world), 300)
    lines = [f"{each.isrc};track;DE" for each in songs]
    lines[4], lines[99] = f"{songs[4].isrc};sell;DE", "USRC19999999;track;DE"
    lines[200] = f"{songs[200].isrc};track;Utopia"
    raw = "\ufeff" + "\r\n".join(["isrc;policy;territories", *lines])
    with opened(browser, world, "rights_holder") as page:
        page.goto("/rights/imports")
        page.set_input_files(
            "#file", {"name": "list.csv", "mimeType": "text/csv", "buffer": raw.encode()}
        )
        page.click("main form button")
        page.wait_for_url("**/rights/imports/0*")
        while catalogue_imports.run_due(world.service):
            pass
        page.wait_for_selector("text=Download the report")
        told = page.inner_text("#result")
        shot(page, "holder-import-done")
        assert "297" in told and "3" in told
        assert [row.inner_text() for row in page.locator("tbody th").all()] == ["6", "101", "202"]


def test_a_presumed_use_is_contested_blocked_commented_on_and_let_be(world: World) -> None:
    use, service = world.ids["use_id"], world.service
    address = f"/rights/presumed/{use}"
    with world.http("rights_holder") as holder, world.http("creator") as creator:
        assert "Red Gate" in holder.get("/rights/presumed").text
        assert 'class="state">presumed lawful' in creator.get(f"/my/presumed/{use}").text
        assert "match.matched_seconds" in holder.get(address).text
        csrf = csrf_in(holder.get("/check").text)
        said = {
            "csrf": csrf,
            "reason": "It is the hook of the song.",
            "block": "yes",
            "name": "Lena Vogt",
        }
        wrong = holder.post(f"{address}/complaint", data=said)
        assert wrong.status_code == 422
        assert "statement" in wrong.text and "It is the hook of the song." in wrong.text
        whole = said | {"statement": "It sells a car.", "agreed": "premature-block-1"}
        assert holder.post(f"{address}/complaint", data=whole).status_code == 303
        shown = holder.get(address).text
        assert "blocked until a person decides" in shown and "A person decides by" in shown

        told = creator.get(f"/my/presumed/{use}").text
        assert "It is the hook of the song." in told
        words = {"csrf": csrf_in(told), "text": "It is a parody of the hook."}
        assert creator.post(f"/my/presumed/{use}/comment", data=words).status_code == 303
        assert words["text"] in creator.get(f"/my/presumed/{use}").text

        with service.database.reading() as session:
            inline.drive(service, session.get_one(PresumedUse, use).track_id)
        assert holder.post(f"{address}/withdraw", data={"csrf": csrf}).status_code == 303
        assert "complaint taken back" in holder.get(address).text
    with service.database.reading() as session:
        assert session.get_one(PresumedUse, use).state == "withdrawn"


def test_a_holder_appeals_the_refusal_of_their_notice(world: World) -> None:
    """DSA-20."""
    service = world.service
    track = casework.decided_track(service, world.caller)
    theirs = claiming.of(world.caller, label_of(world))
    notice = noticed.sent(service, theirs, track.id)
    noticed.decided(service, notice.id, noticed.REFUSE)
    with world.http("rights_holder") as client:
        address = f"/rights/notices/{notice.id}"
        shown = client.get(address).text
        assert f'action="{address}/appeal"' in shown
        fields = {"csrf": csrf_in(shown), "reason": ""}
        assert client.post(f"{address}/appeal", data=fields).status_code == 422
        sent = client.post(f"{address}/appeal", data=fields | {"reason": "It is our master."})
        assert sent.status_code == 303
        shown = client.get(address).text
    assert "It is our master." in shown and f'action="{address}/appeal"' not in shown


def test_a_holder_appeals_copies_that_were_left(
    world: World, browser: "Browser", monkeypatch: pytest.MonkeyPatch
) -> None:
    """DSA-20: on the page of the notice, which stays accessible with its form."""
    service, caller = world.service, world.caller
    work = world.ids["reference_id"]
    copies = [noticed.analysed_copy(service, caller, work) for _ in range(2)]
    track = casework.decided_track(service, caller)
    theirs = claiming.of(caller, label_of(world))
    notice = noticed.sent(service, theirs, track.id, reference_id=work)
    noticed.decided(service, notice.id)
    for case in noticed.cases(service, "stay_down"):
        if case.matter_id == notice.id:
            with service.database.transaction() as session:
                stay_down.apply(service, session, case, noticed.REFUSE, noticed.RITA)
    told_at = service.now() + left_copies.GATHERED
    with monkeypatch.context() as clock:
        clock.setattr(service, "now", lambda: told_at)
        left_copies.tell_due(service)
    address = f"/rights/notices/{notice.id}"
    with opened(browser, world, "rights_holder") as page:
        page.goto(address)
        assert page.locator('[name^="copy-"]').count() >= 2
        assert serious_issues(world, page) == []
    with world.http("rights_holder") as client:
        fields = {"csrf": csrf_in(client.get(address).text), "reason": "It is our master."}
        nothing = client.post(f"{address}/copies-appeal", data=fields)
        assert nothing.status_code == 422 and "choose at least one track" in nothing.text
        assert ">It is our master.</textarea>" in nothing.text
        many = {f"copy-{number}": "1" for number in range(left_copies.MOST)}
        none = client.post(f"{address}/copies-appeal", data=fields | many)
        assert none.status_code == 409 and "appeals filed: 0 of 200" in none.text
        sent = client.post(f"{address}/copies-appeal", data=fields | {f"copy-{copies[0]}": "1"})
        assert sent.status_code == 303
        shown = client.get(address).text
    assert "It is our master." in shown
    assert [f'name="copy-{copy}"' in shown for copy in copies] == [False, True]
    with service.database.reading() as session:
        query = select(Appeal.id).where(Appeal.track_id == copies[0])
        appeal_id = session.exec(query).one()
    with world.http("appeals_officer") as client:
        shown = client.get(f"/appeals/{appeal_id}").text
    assert "Appeal against a copy that was left" in shown and "grant_partly" not in shown
