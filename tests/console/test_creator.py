"""A creator's tracks, links and data, a parent's consent; and what is another's."""

import io
import re
from typing import TYPE_CHECKING

import av
from sqlmodel import select

from scanner import cases, consents, entry_links, inline, people
from scanner.clock import new_id
from scanner.consents import ConsentAsked
from scanner.tables import Account, Case, Dispute, Letter, Reference, Submission, Track, TrackEdit
from tests import casework, claiming
from tests.console.conftest import World, csrf_in, enter, opened, serious_issues, shot
from tests.console.creations import ana_of, held
from tests.console.test_browser import NARROW, WIDE

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_a_creator_hears_the_matched_part_of_the_reference_and_nothing_of_anothers(
    world: World,
) -> None:
    """domain.md, who sees what: the matched reference segment and five seconds around it."""
    address = f"/my/tracks/{world.track_id}/reference.webm"
    with world.http("creator") as client:
        page = client.get(f"/my/tracks/{world.track_id}").text
        assert ">Digital Services Act, Article 17</a>" in page
        assert "DSA-" not in page
        (source, *_) = re.findall(r'src="([^"]*reference\.webm[^"]*)"', page)
        assert source.startswith(f"{address}?reference=")
        answer = client.get(source.replace("&amp;", "&"))
        assert answer.headers["content-type"] == "audio/webm"
        with av.open(io.BytesIO(answer.content)) as sound:
            assert 0 < sum(each.samples for each in sound.decode(audio=0)) <= 15.1 * 48_000
        assert client.get(f"{address}?segment=99").status_code == 404
        assert client.get(f"{address}?reference={new_id()}").status_code == 404
        _, claimed, _ = held(world, "Without a preview")
        assert client.get(f"/my/tracks/{claimed}/reference.webm").status_code == 404
        assert "reference.webm" not in client.get(f"/my/tracks/{claimed}").text
        others = casework.decided_track(
            world.service,
            world.caller,
            account_id=casework.account(world.service, world.caller, "eve").id,
        )
        assert client.get(f"/my/tracks/{others.id}/reference.webm").status_code == 404
    with world.http("reviewer") as client:
        assert client.get(address).status_code == 403


def test_a_part_is_muted_and_the_new_version_is_followed_until_it_is_out(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "creator", viewport=WIDE) as page:
        page.goto("/my/tracks/{track_id}".format_map(world.ids))
        page.wait_for_selector("[data-ready]")
        page.click("[data-preview]")
        page.wait_for_selector('[data-preview][aria-pressed="true"]')
        page.click("[data-preview]")
        page.select_option("[name=do-0]", "mute")
        page.fill("[name=start-0]", "nonsense")
        page.click("text=Make the new version")
        page.wait_for_selector(".choices .problem")
        assert page.input_value("[name=start-0]") == "nonsense"
        world.complaints.clear()
        page.fill("[name=start-0]", "0:00")
        page.fill("[name=end-0]", "0:23")
        page.click("text=Make the new version")
        page.wait_for_selector("[data-follow]")
        fixed = page.url.rsplit("/", 1)[1]
        inline.drive(world.service, fixed)
        page.wait_for_selector("text=What happened")
        assert world.ids["track_id"] != fixed


def test_a_part_is_replaced_by_ones_own_and_by_nothing_else(world: World) -> None:
    database = world.service.database
    with database.transaction() as session:
        track = session.get_one(Track, world.ids["track_id"])
        fillable = new_id()
        changed = {"id": fillable, "state": "released", "file_name": "mine.wav"}
        session.add(Track(**track.model_dump() | changed))
        session.flush()
        sent = session.exec(select(Submission).where(Submission.track_id == track.id)).one()
        session.add(Submission(**sent.model_dump() | {"id": new_id(), "track_id": fillable}))
    path = "/my/tracks/{track_id}".format_map(world.ids)
    with world.http("creator") as client:
        page = client.get(path).text
        assert f'<option value="{fillable}">mine.wav</option>' in page
        part = {"do-0": "replace", "start-0": "0:00", "end-0": "0:05", "from-0": "0:01"}
        asked = part | {"csrf": csrf_in(page)}
        for donor in ("", world.ids["track_id"]):
            refused = client.post(f"{path}/fix", data=asked | {"with-0": donor})
            assert refused.status_code == 422
            assert "name another track of the same account" in refused.text
        for begins in ("nan", "-3", "inf"):
            typed = {"with-0": fillable, "from-0": begins}
            refused = client.post(f"{path}/fix", data=asked | typed)
            assert refused.status_code == 422
            assert "such as 1:15" in refused.text
        made = client.post(f"{path}/fix", data=asked | {"with-0": fillable})
        assert made.status_code == 303
    with database.reading() as session:
        (edit,) = [
            each for each in session.exec(select(TrackEdit)) if each.parts[0]["kind"] == "replace"
        ]
    assert edit.parts == [
        {"kind": "replace", "start": 0.0, "end": 5.0, "with_track": fillable, "from": 1.0}
    ]


def test_a_question_is_answered_on_the_tracks_page(world: World) -> None:
    service, caller = world.service, world.caller
    song = claiming.reference(service, caller, claiming.holder(service, caller, "Asks"), "block")
    track, _ = claiming.claimed(service, caller, song, account_id=ana_of(world).id)
    rita = casework.person(service, caller, "rita")
    with service.database.reading() as session:
        case_id = session.exec(select(Case.id).where(Case.track_id == track.id)).one()
    cases.lease(service, rita, case_id)
    cases.ask(service, rita, case_id, "Who sings the second verse?")
    with world.http("creator") as client:
        assert "answer a question" in client.get("/my/tracks").text
        shown = client.get(f"/my/tracks/{track.id}").text
        assert "Who sings the second verse?" in shown
        fields = {"csrf": csrf_in(shown), "text": "My sister does."}
        client.post(f"/my/questions/{case_id}", data=fields)
        after = client.get(f"/my/tracks/{track.id}").text
    assert "My sister does." in after
    assert "Your answer</label>" not in after


def test_what_is_another_accounts_reads_as_unknown(world: World) -> None:
    service, caller = world.service, world.caller
    casework.account(service, caller, "bob")
    _, bobs = entry_links.make(service, caller, "bob", 1)
    ids = world.ids
    with world.http() as client:
        enter(client, bobs)
        csrf = csrf_in(client.get("/my/tracks").text)
        foreign = [
            f"/my/tracks/{ids['track_id']}",
            f"/my/tracks/{ids['track_id']}/audio",
            f"/my/contest/claim/{ids['my_claim_id']}",
            f"/my/contest/dispute/{ids['contest_id']}",
            f"/my/contest/notice/{ids['my_notice_id']}",
            f"/my/contest/strike/{new_id()}",
            f"/my/matters/dispute/{ids['matter_id']}",
        ]
        for path in foreign:
            assert client.get(path).status_code == 404, path
        with service.database.reading() as session:
            letter = session.exec(
                select(Letter).where(Letter.recipient_id == ana_of(world).id)
            ).first()
        assert letter is not None
        for path in (
            f"/my/tracks/{ids['track_id']}/fix",
            f"/my/contest/claim/{ids['my_claim_id']}",
            f"/my/contest/claim/{ids['my_claim_id']}/draft",
            f"/my/matters/dispute/{ids['matter_id']}/withdraw",
            f"/my/letters/{letter.id}/read",
        ):
            assert client.post(path, data={"csrf": csrf}).status_code == 404, path
    with service.database.reading() as session:
        assert session.get_one(Dispute, ids["matter_id"]).state != "withdrawn"


def test_erasure_is_asked_for_once_and_everything_can_be_taken_along(world: World) -> None:
    """GDPR-15/20, GDPR-17."""
    with world.http("creator") as client:
        csrf = csrf_in(client.get("/my/data").text)
        for _ in range(2):
            assert client.post("/my/data/erasure", data={"csrf": csrf}).status_code == 303
        assert "You asked for it on" in client.get("/my/data").text
        assert client.get("/my/data/export").content[:2] == b"PK"
    told = casework.letters(world.service, template="erasure-asked")
    assert [each.recipient_id for each in told] == [ana_of(world).id]


def test_a_parent_reads_agrees_to_a_part_sets_hours_and_takes_it_back(
    world: World, browser: "Browser"
) -> None:
    """COPPA, GDPR-8, GDPR 7(1)."""
    service, caller = world.service, world.caller
    asked = ConsentAsked(
        "mum", ("upload", "generate"), "May Lee upload tracks?", "v2", method="phone"
    )
    world.links["mum"] = str(consents.request(service, caller, "lee", asked).token)
    with opened(browser, world, "mum", viewport=NARROW) as page:
        assert page.url.endswith("/parent")
        assert "May Lee upload tracks?" in page.inner_text("main")
        assert page.locator("text=What your child may do").count() == 0
        shot(page, "creator-parent-asked")
        page.uncheck("[name=scope-generate]")
        page.click("text=I agree to what is ticked")
        page.wait_for_selector("[data-link]")
        world.links["mum"] = page.inner_text("[data-link]").rsplit("#", 1)[1]
        shot(page, "creator-parent-agreed")
        assert serious_issues(world, page) == []
        with page.expect_download() as downloading:
            page.click("text=Download the receipt")
        assert downloading.value.suggested_filename.endswith(".json")
        page.fill("[name=opens]", "08:00")
        page.click("main button:has-text('Save')")
        page.wait_for_selector("text=Give both times")
        world.complaints.clear()
        page.fill("[name=opens]", "08:00")
        page.fill("[name=closes]", "20:00")
        page.fill("#daily", "3")
        page.uncheck("[name=publishing]")
        page.click("main button:has-text('Save')")
        page.wait_for_selector("text=What your child did lately")
        assert page.input_value("#daily") == "3"
    with service.database.reading() as session:
        lee = people.find(session, caller.tenant_id, "lee")
        person = people.person_of(service, session, lee.id)
    assert person.consents == {"upload"}

    with opened(browser, world, "mum", viewport=WIDE) as page:
        page.click("summary:has-text('Take it back')")
        page.click("text=Take my consent back")
        page.wait_for_selector("text=taken back, or refused")
        shot(page, "creator-parent-withdrawn")
    with service.database.reading() as session:
        assert people.consented(session, lee.id, service.now()) == frozenset()


def test_the_links_token_is_in_no_address_and_opens_nothing_once_it_is_revoked(
    world: World, browser: "Browser"
) -> None:
    service, caller = world.service, world.caller
    link, token = entry_links.make(service, caller, "ana", 1)
    context = browser.new_context(base_url=world.url)
    try:
        page = context.new_page()
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.on("request", lambda request: requested.append(request.headers.get("referer", "")))
        page.goto(f"/enter#{token}")
        page.wait_for_url("**/my/tracks")
        assert not any(token in each for each in requested)
        page.go_back()
        assert token not in page.url
        page.goto("/my/tracks")
        assert page.locator("h1").inner_text() == "My tracks"
        entry_links.revoke(service, caller, ana_of(world), link.id)
        page.goto("/my/tracks")
        assert "/login" in page.url
    finally:
        context.close()
    with world.http() as client:
        refused = enter(client, token)
        assert refused.status_code == 401
        assert not re.search(r"clearance_session=\w", refused.headers.get("set-cookie", ""))


def test_a_login_with_a_password_is_no_creator(world: World) -> None:
    with world.http() as client:
        from tests.console.conftest import email_of, log_in

        log_in(client, email_of("creator"))
        refused = client.get("/my/tracks")
    assert refused.status_code == 403
    assert "link that their platform gives" in refused.text


def test_a_parent_hears_what_was_found_in_the_childs_track_and_nothing_of_anothers(
    world: World,
) -> None:
    """domain.md, who sees what: of the child's tracks, as the child does."""
    with world.service.database.reading() as session:
        kim = session.exec(select(Account).where(Account.external_id == "kim")).one()
        song = session.exec(select(Reference).where(Reference.title == "Long Way Down")).one()
    track, _ = claiming.claimed(
        world.service, world.caller, song, account_id=kim.id, file_name="rainy day.wav"
    )
    with world.http("parent") as client:
        page = client.get("/parent").text
        sources = re.findall(r'src="([^"]*reference\.webm[^"]*)"', page)
        assert sources and all(each.startswith(f"/parent/tracks/{track.id}/") for each in sources)
        answer = client.get(sources[0].replace("&amp;", "&"))
        assert answer.headers["content-type"] == "audio/webm"
        assert client.get(f"/parent/tracks/{world.track_id}/reference.webm").status_code == 404


def test_a_country_is_left_out_after_seeing_what_it_changes_and_the_track_goes_out(
    world: World,
) -> None:
    service = world.service
    path = f"/my/tracks/{world.ids['limited_id']}"
    with world.http("creator") as client:
        form = client.get(f"{path}/changes/new/territories").text
        assert 'value="Austria, Germany"' in form  # where it can't be had
        fields = {"csrf": csrf_in(form), "mode": "without", "places": "Austria, Gondwana"}
        wrong = client.post(f"{path}/changes/new/territories", data=fields)
        assert (wrong.status_code, "Gondwana" in wrong.text) == (422, True)
        assert 'value="Austria, Gondwana"' in wrong.text
        drafted = client.post(
            f"{path}/changes/new/territories", data=fields | {"places": "Germany, at"}
        ).headers["location"]
        seen = client.get(drafted).text
        assert "It can't be had in: Austria, Germany." in seen
        assert "Your track goes out without limits." in seen
        assert "everywhere but Austria, Germany" in seen
        assert client.post(f"{drafted}/apply", data={"csrf": fields["csrf"]}).status_code == 303
        inline.drive(service, world.ids["limited_id"])
        after = client.get(path).text
        assert "Your track is out, without limits." in after
        assert "You changed what you had said about your track." in after
        assert "To take it back, upload the track anew." in client.get(drafted).text
        refused = client.post(f"{drafted}/undo", data={"csrf": fields["csrf"]})
        assert refused.status_code == 409


def test_a_licence_is_attached_as_a_document_before_it_counts(
    world: World, browser: "Browser"
) -> None:
    label, track_id, _ = held(world, "Paper Moon")
    with opened(browser, world, "creator", viewport=NARROW) as page:
        page.goto(f"/my/tracks/{track_id}")
        page.click("text=Attach a licence")
        page.fill("#licensor", label.name)
        page.click("main form button")
        page.wait_for_selector("#wrong-valid_from")
        world.complaints.clear()
        assert page.input_value("#licensor") == label.name
        page.fill("#valid_from", "2026-01-01")
        page.fill("#places", "Germany")
        page.click("main form button")
        page.wait_for_url("**/changes/*")
        put_in_force = page.get_by_role("button", name="Put it in force")
        assert put_in_force.count() == 0
        file = {"name": "licence.txt", "mimeType": "text/plain", "buffer": b"Paid in full."}
        page.set_input_files("#file", file)
        page.click("text=Add the file")
        page.wait_for_selector("text=licence.txt")
        shot(page, "creator-change-attached")
        assert serious_issues(world, page) == []
        put_in_force.click()
        page.wait_for_url(f"**/my/tracks/{track_id}")
        assert "in force" in page.inner_text("main")
