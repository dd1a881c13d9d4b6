"""Reviewers at work in the console: a shift by keyboard, and what nobody sees who has not taken the case."""

import itertools
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlmodel import col, select

from scanner import appeal_outcomes, appealing, cases, inline, verdicts
from scanner.appeal_parts import AppealDecision
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.clock import new_id, utc_now
from scanner.console import access, sessions
from scanner.journal import Actor
from scanner.tables import (
    Appeal,
    Case,
    CaseVerdict,
    StatementOfReasons,
    Track,
    TrackMatch,
    User,
)
from tests import casework, noticed, reviewing
from tests.casework import at
from tests.console import area_officer
from tests.console.conftest import World, csrf_in, email_of, opened, shot

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHIFT = 20
WIDE = {"width": 1280, "height": 900}
_hours = itertools.count(1)


def put_up(world: World, count: int, **columns: Any) -> list[str]:
    """Cases of tracks with the sound and the match of the world's own, which law wants answered today."""
    service, made = world.service, []
    with service.database.reading() as session:
        source = session.get_one(Track, world.track_id)
        found = session.exec(
            select(TrackMatch).where(TrackMatch.analysis_id == source.analysis_id)
        ).all()
    for _ in range(count):
        due = service.now() + timedelta(minutes=10 * next(_hours))
        case = reviewing.about_track(service, world.caller, sha256=source.sha256)
        with service.database.transaction() as session:
            track = session.get_one(Track, case.track_id)
            track.account_id, track.file_name = source.account_id, f"song {len(made)}.wav"
            row = session.get_one(Case, case.id)
            row.legal_due_at = due
            for name, value in columns.items():
                setattr(row, name, value)
            for each in found:
                copy = each.model_dump() | {"id": new_id(), "track_id": track.id}
                session.add(TrackMatch(**copy | {"analysis_id": track.analysis_id}))
        made.append(case.id)
    return made


def person(world: World, role: str) -> Caller:
    with world.service.database.reading() as session:
        user = session.exec(select(User).where(User.email == email_of(role))).one()
    return Caller(world.caller.tenant_id, Actor(user.id, role), frozenset(), user_id=user.id)


def give_back(world: World, role: str, case_ids: Sequence[str]) -> None:
    for case_id in case_ids:
        cases.release(world.service, person(world, role), case_id)


def states(world: World, case_ids: Sequence[str]) -> list[str]:
    with world.service.database.reading() as session:
        rows = session.exec(select(Case.state).where(col(Case.id).in_(case_ids)))
        return sorted(rows)


def case_in(address: str) -> str:
    found = re.search(r"/cases/([0-9a-f-]{36})", address)
    assert found, address
    return found[1]


def test_a_shift_of_twenty_cases_is_decided_by_keys_alone(world: World, browser: "Browser") -> None:
    case_ids = put_up(world, SHIFT)
    with opened(browser, world, "reviewer", viewport=WIDE) as page:
        page.keyboard.press("t")
        for number in range(SHIFT):
            case_id = _waiting(page, case_ids)
            if number == 0:
                _listen(page)
            _decide(page, "3" if number % 2 else "1")
            if number == 1:
                page.wait_for_url(lambda url, known=case_id: known not in url)
                page.keyboard.press("u")
                page.wait_for_url(f"**/cases/{case_id}*")
                _waiting(page, [case_id])
                page.keyboard.press("3")
                page.keyboard.press("r")
                page.keyboard.press("ArrowDown")
                page.wait_for_selector("#told-to-them blockquote")
                shot(page, "review-deciding")
                page.keyboard.press("Enter")
            page.wait_for_url(lambda url, known=case_id: known not in url)
        shot(page, "review-after-the-shift")
        page.goto("/queue")
    assert states(world, case_ids) == ["decided"] * SHIFT

    at(world.service, utc_now() + timedelta(minutes=11))
    try:
        verdicts.settle_due(world.service)
        assert states(world, case_ids) == ["closed"] * SHIFT
        with world.service.database.reading() as session:
            tracks = session.exec(select(Case.track_id).where(col(Case.id).in_(case_ids))).all()
        for track_id in tracks:
            inline.drive(world.service, str(track_id))
        with world.service.database.reading() as session:
            said = session.exec(
                select(Track.state, StatementOfReasons.effect)
                .outerjoin(StatementOfReasons, col(StatementOfReasons.track_id) == col(Track.id))
                .where(col(Track.id).in_(tracks))
            ).all()
        assert sorted(said, key=str) == sorted(
            [("blocked", "blocked")] * (SHIFT // 2) + [("released", None)] * (SHIFT // 2), key=str
        )
    finally:
        world.service.now = utc_now
        with world.service.database.reading() as session:
            held = session.exec(
                select(Case.id).where(Case.holder == person(world, "reviewer").user_id, Case.state == "leased")
            ).all()  # fmt: skip
        give_back(world, "reviewer", [each for each in held if each != world.case_id])


def _waiting(page: "Page", case_ids: Sequence[str]) -> str:
    page.wait_for_selector("[data-verdict][data-keyed]")  # before that a key is nobody's
    case_id = case_in(page.url)
    assert case_id in case_ids
    return case_id


def _listen(page: "Page") -> None:
    """Both sounds run; one key changes between them, another warps the reference."""
    page.wait_for_selector("[data-ready]")
    page.keyboard.press("Space")
    page.wait_for_selector('[data-play][aria-pressed="true"]')
    page.keyboard.press("x")
    page.wait_for_selector("[data-reference-plays]")
    assert page.get_attribute("[data-player]", "data-hears") == "reference"
    page.keyboard.press("w")
    page.wait_for_selector('[data-warp][aria-pressed="true"]')
    page.keyboard.press("x")
    assert page.get_attribute("[data-ab]", "aria-pressed") == "false"
    page.keyboard.press("Space")
    page.wait_for_selector('[data-play][aria-pressed="false"]')


def _decide(page: "Page", number: str) -> None:
    page.keyboard.press(number)
    page.keyboard.press("r")
    page.keyboard.press("ArrowDown")
    if number == "3":
        page.wait_for_selector("#told-to-them blockquote")
    page.keyboard.press("Enter")


def test_two_reviewers_at_once_never_hold_one_case(world: World) -> None:
    case_ids = put_up(world, 8)
    with world.http("reviewer") as one, world.http("appeals_officer") as two:

        def take(client: Any) -> list[str]:
            csrf = csrf_in(client.get("/queue").text)
            answers = [client.post("/queue/next", data={"csrf": csrf}) for _ in range(4)]
            return [case_in(answer.headers["location"]) for answer in answers]

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(take, (one, two))
    assert len({*first, *second}) == 8
    assert {*first, *second} == set(case_ids)
    give_back(world, "reviewer", first)
    give_back(world, "appeals_officer", second)


def test_who_has_not_taken_a_case_sees_neither_evidence_nor_who_has_it(world: World) -> None:
    [case_id] = put_up(world, 1)
    path = f"/cases/{case_id}"
    with world.service.database.reading() as session:
        track_id = session.get_one(Case, case_id).track_id
    cases.lease(world.service, person(world, "appeals_officer"), case_id)
    pseudonym = world.service.pseudonyms.on(world.caller.tenant_id).of(
        str(person(world, "appeals_officer").user_id)
    )
    with world.http("reviewer") as client:
        for text in (client.get(path).text, client.get("/queue").text):
            assert pseudonym in text
            assert email_of("appeals_officer") not in text
        assert "song 0.wav" not in client.get(path).text
        sounds = (
            f"{path}/audio",
            f"{path}/reference.webm",
            f"{path}/warped.webm",
            f"{path}/similarity.png",
        )
        for each in (*sounds, f"/tracks/{track_id}", f"/tracks/{track_id}/audio"):  # fmt: skip
            assert client.get(each).status_code == 403, each
        csrf = csrf_in(client.get(path).text)
        answer = client.post(f"{path}/take", data={"csrf": csrf})
        assert answer.status_code == 409 and "song 0.wav" not in answer.text
        give_back(world, "appeals_officer", [case_id])
        assert client.post(f"{path}/take", data={"csrf": csrf}).status_code == 303
        assert "song 0.wav" in client.get(path).text
        for each in sounds[:3]:
            assert client.get(each).status_code == 200, each
    give_back(world, "reviewer", [case_id])


def test_a_second_reviewer_sees_neither_verdict_nor_rules(world: World) -> None:
    [case_id] = put_up(world, 1)
    first = person(world, "appeals_officer")
    cases.lease(world.service, first, case_id)
    verdicts.decide(
        world.service, first, case_id, verdicts.Verdict("block", "human.copy-confirmed", "My view.")
    )
    with world.http("appeals_officer") as client:
        csrf = csrf_in(client.get("/queue").text)
        client.post(f"/cases/{case_id}/second-opinion", data={"csrf": csrf})
    with world.http("reviewer") as client:
        csrf = csrf_in(client.get("/queue").text)
        client.post(f"/cases/{case_id}/take", data={"csrf": csrf})
        text = client.get(f"/cases/{case_id}").text
        assert "Your own judgement" in text and "song 0.wav" in text
        for hidden in ("My view.", "It is a copy.", "Why it is here", "case decided"):
            assert hidden not in text
        form = {"csrf": csrf, "verdict": "block", "reason": "human.copy-confirmed"}
        assert client.post(f"/cases/{case_id}/verdict", data=form).status_code == 303
    assert states(world, [case_id]) == ["closed"]


def test_alike_cases_are_heard_decided_together_and_taken_back(world: World) -> None:
    case_ids = put_up(world, 7)
    with world.http("reviewer") as client:
        csrf = csrf_in(client.get("/queue").text)
        path = f"/cases/{case_ids[0]}"
        client.post(f"{path}/take", data={"csrf": csrf})
        page = client.get(f"{path}/alike?by=audio").text
        count = int(re.search(r"<h1>(\d+) cases are alike", page)[1])  # type: ignore[index]
        assert count >= 7
        client.post(f"{path}/alike", data={"csrf": csrf, "by": "audio"})
        page = client.get(f"{path}/alike?by=audio").text
        assert page.count("<audio") >= 5
        assert "Decide them all" not in page  # nothing was heard yet
        form = {"csrf": csrf, "by": "audio", "verdict": "release", "reason": "human.nothing-wrong"}
        early = {"case_ids": ",".join(case_ids)}
        assert client.post(f"{path}/alike/verdict", data=form | early).status_code == 422
        heard = re.findall(r'action="(/cases/[0-9a-f-]+/heard)"', page)
        for number, each in enumerate(heard):
            assert f"{number} of 5 are heard" in client.get(f"{path}/alike?by=audio").text
            back = client.post(each, data={"csrf": csrf, "next_path": f"{path}/alike?by=audio"})
            assert back.headers["location"] == f"{path}/alike?by=audio"
        page = client.get(f"{path}/alike?by=audio").text
        ids = re.search(r'name="case_ids" value="([^"]+)"', page)[1]  # type: ignore[index]
        done = client.post(f"{path}/alike/verdict", data=form | {"case_ids": ids}).text
        assert states(world, case_ids) == ["decided"] * 7
        ids = re.search(r'name="case_ids" value="([^"]+)"', done)[1]  # type: ignore[index]
        client.post(f"{path}/alike/undo", data={"csrf": csrf, "case_ids": ids})
        assert states(world, case_ids) == ["leased", *["queued"] * 6]
    give_back(world, "reviewer", case_ids[:1])


def test_a_verdict_that_cannot_be_says_what_can_and_nothing_is_decided(world: World) -> None:
    [case_id] = put_up(world, 1)
    with world.http("reviewer") as client:
        csrf = csrf_in(client.get("/queue").text)
        client.post(f"/cases/{case_id}/take", data={"csrf": csrf})
        for wrong, said in (
            ({"verdict": "block"}, "choose a reason"),
            ({"reason": "human.nothing-wrong"}, "choose what to decide"),
            ({"verdict": "restrict", "reason": "human.rules-broken"}, "name the restrictions"),
            ({"verdict": "block", "reason": "human.nothing-wrong"}, "does not go with block"),
        ):
            answer = client.post(f"/cases/{case_id}/verdict", data={"csrf": csrf} | wrong)
            assert 400 <= answer.status_code < 500 and said in answer.text, wrong
        limited = {"verdict": "restrict", "reason": "human.rules-broken", "territories": "de, AT"}
        told = client.post(f"/cases/{case_id}/preview", data={"csrf": csrf} | limited).text
        assert "It can&#39;t be had in" in told
    assert states(world, [case_id]) == ["leased"]
    with world.service.database.reading() as session:
        assert not session.exec(select(CaseVerdict).where(CaseVerdict.case_id == case_id)).all()
    give_back(world, "reviewer", [case_id])


@pytest.mark.parametrize("group", ["uploader", "file", "reference"])
def test_the_queue_puts_cases_together_and_shows_one_group(world: World, group: str) -> None:
    case_ids = put_up(world, 2)
    with world.http("reviewer") as client:
        page = client.get(f"/queue?group={group}").text
        like = re.search(r"like=([0-9a-f-]{36})", page)[1]  # type: ignore[index]
        listed = client.get(f"/queue?group={group}&like={like}").text
        assert all(case_id in listed for case_id in case_ids)
        assert "like" in client.get(f"/queue?group={group}&like={new_id()}").text
        live = client.get(f"/queue/live?group={group}&like={like}&shown={case_ids[0]}").text
        assert f'id="state-{case_ids[0]}"' in live and "other case" in live


def test_keys_are_ones_own_two_alike_are_refused_and_nothing_fires_while_typing(
    world: World, browser: "Browser"
) -> None:
    [case_id] = put_up(world, 1)
    with opened(browser, world, "reviewer", viewport=WIDE) as page:
        page.goto("/care/keys")
        page.focus("[name=key-take]")
        page.keyboard.press("z")
        page.focus("[name=key-escalate]")
        page.keyboard.press("z")
        page.click("main button:has-text('Save')")
        page.wait_for_selector(".problem")
        world.complaints.clear()
        assert page.locator("[aria-invalid=true]").count() == 2
        shot(page, "review-keys-alike")
        page.focus("[name=key-escalate]")
        page.keyboard.press("e")
        page.click("main button:has-text('Save')")
        page.wait_for_url("**/care/keys?saved=true")

        page.goto(f"/cases/{case_id}")
        page.keyboard.press("t")
        assert page.locator("[data-act=take] kbd").inner_text() == "z"
        page.keyboard.press("z")
        page.wait_for_selector("[data-verdict]")
        page.focus("section textarea[name=text]")
        page.keyboard.type("deg1 z")
        assert page.input_value("section textarea[name=text]") == "deg1 z"
        assert page.locator("[name=verdict]:checked").count() == 0
        assert page.url.rstrip("?").endswith(case_id)

        page.goto("/care/keys")
        page.click("text=Back to the keys as they were at first")
        page.wait_for_url("**/care/keys?saved=true")
        assert page.input_value("[name=key-take]") == "t"
    give_back(world, "reviewer", [case_id])


def test_a_row_changes_before_its_reader_as_soon_as_a_colleague_takes_the_case(
    world: World, browser: "Browser"
) -> None:
    case_id, service = world.ids["untaken_id"], world.service
    with service.database.reading() as session:
        holder = session.exec(select(User.id).where(User.email == email_of("reviewer"))).one()
    with opened(browser, world, "appeals_officer", viewport=WIDE) as page:
        refused = {"status": 204}  # a browser opens it again by itself no more
        page.route("**/queue/events", lambda route: route.fulfill(**refused), times=1)
        with page.expect_response("**/queue/live?*"):  # the stream is open, the second time
            page.goto("/queue?state=all")
        row = page.locator("tr", has=page.locator(f"a[href^='/cases/{case_id}']"))
        assert "somebody has it" not in row.inner_text()
        with service.database.transaction() as session:
            case = session.get_one(Case, case_id)
            before = (case.state, case.holder, case.due_at)
            case.state, case.holder, case.version = "leased", holder, case.version + 1
            case.due_at = service.now() + timedelta(minutes=10)
        row.get_by_text("somebody has it").wait_for()
    with service.database.transaction() as session:
        case = session.get_one(Case, case_id)
        case.state, case.holder, case.due_at = before


def test_the_queues_news_come_at_once_with_each_change_and_end_with_the_session(
    world: World,
) -> None:
    def moved() -> None:
        with world.service.database.transaction() as session:
            session.get_one(Case, world.ids["untaken_id"]).version += 1

    with world.http("reviewer") as client, client.stream("GET", "/queue/events") as answer:
        told = (line for line in answer.iter_lines() if line.startswith("event:"))
        assert next(told) == "event: changed"  # what changed before, nobody told
        moved()
        assert next(told) == "event: changed"
        sessions.log_out(world.service, client.cookies[access.COOKIE])
        moved()
        assert set(told) <= {
            "event: changed"
        }  # one, where nobody else had followed before; then it ends


def test_an_officer_takes_an_appeal_on_asks_and_grants_it(world: World) -> None:
    row = area_officer.contested(world, "lou")
    address = f"/appeals/{row.id}"
    with world.http("appeals_officer") as client:
        assert address in client.get("/appeals").text
        assert 'name="outcome"' not in client.get(address).text  # nobody has it yet

        def post(act: str, **fields: str) -> httpx.Response:
            form = {"csrf": csrf_in(client.get(address).text), **fields}
            return client.post(f"{address}/{act}", data=form)

        assert post("assign").status_code == 303
        assert address in client.get("/appeals?state=mine").text
        assert post("ask", question="Whose voice is it?").status_code == 303
        appealing.say(world.service, world.caller, row.id, "It is mine.")
        told = client.get(address).text
        assert "I sang it myself." in told
        assert "It copies a song." in told
        assert "It is mine." in told
        refused = post("decision", outcome="grant", reason=" ")
        assert refused.status_code == 422
        assert "write something" in refused.text
        assert post("decision", outcome="grant", reason="It is their voice.").status_code == 303
        assert "granted" in client.get(address).text
    inline.drive(world.service, str(row.track_id))
    assert casework.track_of(world.service, str(row.track_id)).state == "released"


def test_an_officer_leaves_a_part_and_what_is_stricter_is_refused_with_what_was_typed(
    world: World,
) -> None:
    row = area_officer.contested(world, "pat")
    address = f"/appeals/{row.id}"
    with world.http("appeals_officer") as client:
        csrf = csrf_in(client.get(address).text)
        client.post(f"{address}/assign", data={"csrf": csrf})
        form = {"csrf": csrf, "outcome": "grant_partly", "becomes": "restrict", "limit_age": "1"}
        wrong = client.post(f"{address}/decision", data=form | {"min_age": "x", "reason": "Half."})
        assert wrong.status_code == 422
        assert "Half." in wrong.text
        done = client.post(f"{address}/decision", data=form | {"min_age": "16", "reason": "Half."})
        assert done.status_code == 303
    inline.drive(world.service, str(row.track_id))
    assert casework.track_of(world.service, str(row.track_id)).state == "conditioned"


def test_an_officer_has_a_refused_likeness_blocked_as_a_body_said(world: World) -> None:
    """DSA-21: what was chosen stays chosen where the form is refused."""
    service, caller = world.service, world.caller
    track = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, track.id, form="likeness")
    noticed.decided(service, notice.id, noticed.REFUSE)
    row = appealing.file(service, caller, AppealAsked("notice", notice.id, "It is my voice."))
    denies = casework.person(service, caller, "una", "appeals_officer")
    appealing.assign(service, denies, row.id)
    appeal_outcomes.decide(service, denies, row.id, AppealDecision("deny", "Another voice."))
    appeal_outcomes.go_out_of_court(service, caller, row.id, "User Rights")
    address = f"/appeals/{row.id}"
    with world.http("appeals_officer") as client:
        shown = client.get(address).text
        form = {"csrf": csrf_in(shown), "reverses": "1", "becomes": "block"}
        wrong = client.post(f"{address}/outcome", data=form | {"outcome": " "})
        assert wrong.status_code == 422
        assert 'name="reverses" value="1" checked' in wrong.text
        assert '<option value="block" selected' in wrong.text
        done = client.post(f"{address}/outcome", data=form | {"outcome": "It is hers."})
        assert done.status_code == 303
    assert noticed.read(service, notice.id).remedy == "block"


def test_an_officer_who_had_a_part_is_told_so_and_offered_nothing(world: World) -> None:
    with world.service.database.reading() as session:
        query = select(User.id).where(User.email == email_of("appeals_officer"))
        officer_id = session.exec(query).one()
    row = area_officer.contested(world, "quin")
    with world.service.database.transaction() as session:
        kept = session.get_one(Appeal, row.id)
        kept.deciders = [*kept.deciders, officer_id]
    address = f"/appeals/{row.id}"
    with world.http("appeals_officer") as client:
        told = client.get(address).text
        assert "You had a part" in told
        assert f'action="{address}/assign"' not in told
        form = {"csrf": csrf_in(told)}
        assert client.post(f"{address}/assign", data=form).status_code == 409


def test_evidence_of_an_appeal_is_saved_and_not_shown(world: World) -> None:
    address = "/appeals/{appeal_id}/files/{evidence_id}".format_map(world.ids)
    with world.http("appeals_officer") as client:
        answer = client.get(address)
        assert answer.content == b"Recorded on 3 May, take 3."
        assert answer.headers["content-disposition"].startswith("attachment")
        other = area_officer.contested(world, "max")
        assert (
            client.get(f"/appeals/{other.id}/files/{world.ids['evidence_id']}").status_code == 404
        )
