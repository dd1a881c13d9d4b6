"""Anybody sends a notice by the public form, and follows it by the link in the letter."""

import re
from datetime import UTC, date, datetime

import httpx
import pytest
from sqlmodel import select

from scanner import appeal_outcomes, appealing, dmca_agent, keys, left_copies, tenant_sizes
from scanner.appeal_parts import AppealDecision
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.notice_senders import digest_of
from scanner.tables import Appeal, JournalRow, Notice, Sanction, Track
from scanner.transparency import report
from scanner.verdicts import Verdict
from tests import casework, noticed, reviewing
from tests.scanner.api.conftest import Api, MakeApi, Platform

NOW = datetime(2026, 11, 26, 15, tzinfo=UTC)
GIVEN = {
    "form": "dmca",
    "signature": "Ada Author",
    "work": "The song “Blue Door”",
    "email": "ada@example.org",
    "good_faith": "good-faith-1",
    "accuracy": "accuracy-1",
}


@pytest.fixture
def track(api: Api, platform: Platform) -> Track:
    casework.at(api.service, NOW)
    caller = Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())
    return casework.decided_track(api.service, caller)


def link_of(api: Api) -> tuple[str, str]:
    """The address and the token in the newest letter."""
    letter = casework.letters(api.service)[-1]
    found = re.search(r"(/public/notices/[0-9a-f-]+)\?token=([\w-]+)", letter.body)
    assert found is not None
    return found[1], found[2]


def sent(client: httpx.Client, track: Track, **more: str | None) -> httpx.Response:
    given = GIVEN | {"location": f"https://music.example/{track.id}\n"} | more
    return client.post(
        "/public/notices", data={name: value for name, value in given.items() if value}
    )


@pytest.mark.parametrize("form", ["dmca", "dsa", "likeness"])
def test_each_form_asks_for_each_element_without_script(api: Api, platform, form: str) -> None:
    from appeals.forms import FORMS

    page = api.client().get(f"/public/notices/new?form={form}")

    assert page.status_code == 200
    assert all(f'name="{each.name}"' in page.text for each in FORMS[form])
    assert "hx-post" not in page.text  # the form is sent by the browser itself
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy
    assert api.client().get("/public/notices/new?form=order").status_code == 404


def test_errors_stand_beside_their_elements_and_what_was_given_stays(
    api: Api, platform: Platform, track: Track
) -> None:
    page = sent(api.client(), track, accuracy=None, work="<b>Blue</b> Door")

    assert page.status_code == 422
    assert 'id="accuracy-problem"' in page.text and 'id="work-problem"' not in page.text
    assert "&lt;b&gt;Blue" in page.text and "Send as it is" in page.text
    assert api.count(Notice) == 0
    without_address = sent(api.client(), track, email="nobody", as_is="yes")
    assert without_address.status_code == 422 and 'id="email-problem"' in without_address.text


def test_a_notice_counts_once_its_address_is_confirmed(
    api: Api, platform: Platform, track: Track
) -> None:
    """DSA-16: nothing before; the link shows it, and programs that follow links confirm nothing."""
    client = api.client()
    assert sent(client, track).status_code == 201
    address, token = link_of(api)

    page = client.get(address, params={"token": token})
    assert "<strong>received</strong>" in page.text and "Confirm my address" in page.text
    assert api.count(Notice, Notice.state == "received") == 1
    confirmed = client.post(f"{address}/confirm", data={"token": token})
    again = client.post(f"{address}/confirm", data={"token": token})

    assert (
        "<strong>with a person</strong>" in confirmed.text
        and "<strong>with a person</strong>" in again.text
    )
    assert [each.template for each in casework.letters(api.service)] == [
        "notice-confirm",
        "notice-received",
    ]
    assert client.get(address, params={"token": "x"}).status_code == 404
    assert client.post(f"{address}/retraction", data={"token": "x"}).status_code == 404
    taken_back = client.post(f"{address}/retraction", data={"token": token})
    assert "<strong>taken back</strong>" in taken_back.text


def test_what_is_sent_as_it_is_is_cured_by_the_link(
    api: Api, platform: Platform, track: Track
) -> None:
    client = api.client()
    assert sent(client, track, accuracy=None, as_is="yes", language="de").status_code == 201
    address, token = link_of(api)
    page = client.post(f"{address}/confirm", data={"token": token})

    assert "<strong>something is missing</strong>" in page.text and 'name="accuracy"' in page.text
    (letter,) = casework.letters(api.service, template="notice-incomplete")
    assert (
        letter.language == "de"
        and "bis zum 10. Dezember 2026 (Nordamerikanische Ostküstenzeit)" in letter.body
    )
    cured = client.post(f"{address}/cure", data={"token": token, "accuracy": "accuracy-1"})
    assert "<strong>with a person</strong>" in cured.text


def test_a_suspended_sender_is_told_why_and_until_when_and_it_is_recorded(
    api: Api, platform: Platform, track: Track
) -> None:
    """DSA-23."""
    party = digest_of(platform.tenant.id, "ada@example.org")
    sanction = Sanction(
        id=new_id(),
        tenant_id=platform.tenant.id,
        party_kind="notifier",
        party_id=party,
        what="notices",
        kind="suspension",
        state="in_force",
        factors={},
        reason="Six unfounded notices in a week.",
        signed_by="olga",
        starts_at=datetime(2026, 11, 1, tzinfo=UTC),
        ends_at=datetime(2026, 12, 24, 18, tzinfo=UTC),
        created_at=NOW,
    )
    with api.service.database.transaction() as session:
        session.add(sanction)

    page = sent(api.client(), track)
    by_key = platform.http.post(
        "/v1/notices", json={"form": "dmca", "elements": {"email": "Ada@example.org"}}
    )

    assert page.status_code == by_key.status_code == 403
    for answer in (page, by_key):
        assert "2026-12-24" in answer.text and "Six unfounded" in answer.text
    with api.service.database.reading() as session:
        query = select(JournalRow).where(JournalRow.type == "clearance.notice.turned_away")
        rows = session.exec(query).all()
    assert [row.data["sanction_id"] for row in rows] == [sanction.id] * 2
    casework.at(api.service, datetime(2026, 12, 25, tzinfo=UTC))
    assert sent(api.client(), track).status_code == 201


def test_with_several_platforms_one_must_be_named(api: Api, platform: Platform) -> None:
    other = api.platform("other")
    client = api.client()

    assert client.get("/public/notices/new").status_code == 404
    assert other.tenant.name in client.get("/public/notices/new?platform=other").text


def test_visitors_who_send_too_much_are_slowed_down(make_api: MakeApi) -> None:
    api = make_api(public_rate_limit="2/minute")
    api.platform()
    client = api.client()

    statuses = [client.get("/public/notices/new").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_the_agent_is_shown_and_the_end_of_the_registration_is_told_in_time(
    make_api: MakeApi,
) -> None:
    """DMCA-C4: 90, 30 and 7 days before, each admin once."""
    api = make_api(
        dmca_agent_name="Agnes Agent",
        dmca_agent_email="agent@music.example",
        dmca_agent_registration="DMCA-1000001",
        dmca_agent_registered_at=date(2024, 3, 1),
    )
    api.platform()
    keys.create_user(api.service, "root@music.example", "admin", "a long password of theirs")
    page = api.client().get("/public/dmca-agent")
    assert "Agnes Agent" in page.text and "DMCA-1000001" in page.text

    told = []
    for day in (
        datetime(2026, 11, 26, tzinfo=UTC),
        datetime(2026, 12, 1, 12, tzinfo=UTC),
        datetime(2026, 12, 2, 12, tzinfo=UTC),
        datetime(2027, 1, 31, 12, tzinfo=UTC),
        datetime(2027, 2, 22, 12, tzinfo=UTC),
        datetime(2027, 2, 23, 12, tzinfo=UTC),
    ):
        casework.at(api.service, day)
        told.append(dmca_agent.watch(api.service))

    assert told == [0, 1, 0, 1, 1, 0]
    assert all(each.address == "root@music.example" for each in casework.letters(api.service))
    assert "6 days" in api.client().get("/readyz").text
    assert 'days_left{registration="DMCA-1000001"} 6.0' in api.client().get("/metrics").text
    assert api.client().get("/readyz").status_code == 200


def test_without_an_agent_there_is_no_page(api: Api) -> None:
    assert api.client().get("/public/dmca-agent").status_code == 404


def test_who_was_refused_appeals_by_the_link_in_their_letter_without_a_key(
    api: Api, platform: Platform, track: Track
) -> None:
    """DSA-20: a notifier complains as easily as they sent the notice, and answers what is asked."""
    client, service = api.client(), api.service
    sent(client, track)
    address, token = link_of(api)
    client.post(f"{address}/confirm", data={"token": token})
    notice_id = address.rpartition("/")[2]
    assert "Send the appeal" not in client.get(address, params={"token": token}).text
    noticed.decided(service, notice_id, noticed.REFUSE)
    (refused,) = casework.letters(service, template="notice-refused")
    assert token in refused.body

    assert "Send the appeal" in client.get(address, params={"token": token}).text
    empty = client.post(f"{address}/appeal", data={"token": token, "reason": " "})
    assert empty.status_code == 422
    foreign = client.post(f"{address}/appeal", data={"token": "x", "reason": "It is mine."})
    assert foreign.status_code == 404
    filed = client.post(f"{address}/appeal", data={"token": token, "reason": "It <is> mine."})
    assert filed.status_code == 200
    assert "It &lt;is&gt; mine." in filed.text and "Send the appeal" not in filed.text

    caller = Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())
    officer = casework.person(service, caller, "olga", "appeals_officer")
    with service.database.reading() as session:
        row = session.exec(select(Appeal)).one()
    appealing.assign(service, officer, row.id)
    appealing.ask(service, officer, row.id, "Since when?")
    assert "Since when?" in client.get(address, params={"token": token}).text
    said = client.post(f"{address}/appeal-answer", data={"token": token, "text": "Since May."})
    assert said.status_code == 200 and "Since when?" not in said.text
    appeal_outcomes.decide(service, officer, row.id, AppealDecision("deny", "It is licensed."))
    assert "It is licensed." in client.get(address, params={"token": token}).text


def test_copies_that_were_left_are_appealed_together_by_the_link_or_one_by_key(
    api: Api, platform: Platform
) -> None:
    """DSA-20: each is decided by itself; the officer's question is answered on the same page."""
    client, service = api.client(), api.service
    casework.at(service, NOW)
    caller = Caller(platform.tenant.id, Actor("platform", "platform"), frozenset())
    work = noticed.referenced(service, caller)
    copies = [noticed.analysed_copy(service, caller, work) for _ in range(4)]
    named = casework.decided_track(service, caller)
    notice = noticed.sent(service, caller, named.id, reference_id=work)
    noticed.decided(service, notice.id)
    rita = casework.person(service, caller, "rita")
    for case in noticed.cases(service, "stay_down"):
        reviewing.decided(service, rita, case, Verdict("dismiss", "notice.lawful"))
    reviewing.later(service, minutes=10)
    casework.at(service, service.now() + left_copies.GATHERED)
    left_copies.tell_due(service)
    address, token = link_of(api)

    page = client.get(address, params={"token": token})
    assert all(f'name="copy-{copy}"' in page.text for copy in copies)
    nothing = client.post(f"{address}/copies-appeal", data={"token": token, "reason": "No."})
    assert nothing.status_code == 422 and "choose at least one track" in nothing.text
    assert ">No.</textarea>" in nothing.text
    ticked = {f"copy-{copy}": "1" for copy in copies[:2]}
    filed = client.post(
        f"{address}/copies-appeal", data=ticked | {"token": token, "reason": "It <is> mine."}
    )
    assert filed.status_code == 200 and "It &lt;is&gt; mine." in filed.text
    assert [f'name="copy-{copy}"' in filed.text for copy in copies] == [False, False, True, True]
    late = {f"copy-{copies[0]}": "1", f"copy-{copies[3]}": "1"}  # from a page that is old
    in_part = client.post(
        f"{address}/copies-appeal",
        data=late | {"token": token, "reason": "It is mine."},
        headers={"Accept-Language": "de"},
    )
    assert in_part.status_code == 409
    told = f"Eingelegte Beschwerden: 1 von 2. Nicht gegen: {copies[0]}. Zum ersten dieser Titel: Dagegen"
    assert told in in_part.text
    assert [f'name="copy-{copy}"' in in_part.text for copy in copies] == [False, False, True, False]

    officer = casework.person(service, caller, "olga", "appeals_officer")
    with service.database.reading() as session:
        row = session.exec(select(Appeal).where(Appeal.track_id == copies[0])).one()
    appealing.assign(service, officer, row.id)
    appealing.ask(service, officer, row.id, "Since when?")
    assert "Since when?" in client.get(address, params={"token": token}).text
    said = {"token": token, "text": "Since May.", "track": copies[0]}
    answered = client.post(f"{address}/appeal-answer", data=said)
    assert answered.status_code == 200 and "Since when?" not in answered.text

    wanted = {"notice": notice.id, "track": copies[2], "reason": "No licence of ours."}
    by_key = platform.http.post("/v1/appeals", json=wanted)
    assert by_key.status_code == 201, by_key.text
    assert by_key.json()["subject"]["kind"] == "copy"
    again = client.post("/v1/appeals", json=wanted | {"token": token})
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (
        409,
        "illegal-transition",
    )
    told = report.of_period(service, platform.tenant.id, NOW.date(), NOW.date())
    assert told["complaints"]["by_basis"] == {"copy": 4}


def test_who_was_not_told_of_an_appeal_is_shown_no_form(
    api: Api, platform: Platform, track: Track
) -> None:
    """DSA-19."""
    client, service = api.client(), api.service
    tenant_sizes.resize(service, platform.tenant.id, True, keys.OPERATOR)
    tenant_sizes.choose(service, platform.tenant.id, False, keys.OPERATOR)
    sent(client, track)
    address, token = link_of(api)
    client.post(f"{address}/confirm", data={"token": token})
    noticed.decided(service, address.rpartition("/")[2], noticed.REFUSE)

    assert "Send the appeal" not in client.get(address, params={"token": token}).text
    late = client.post(f"{address}/appeal", data={"token": token, "reason": "It is mine."})
    assert late.status_code == 409 and "DSA-19" in late.text
