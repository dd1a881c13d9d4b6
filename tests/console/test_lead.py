"""Policy leads, auditors and admins at their pages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlmodel import col, select

from scanner import backtest_runs, keys, logins, policies, strike_policies
from scanner.clock import new_id, utc_now
from scanner.console import charts
from scanner.rollouts import id_of
from scanner.tables import ApiKey, DriftBaseline, DriftDay, JournalRow, Letter, User
from tests import rollouts
from tests.console.area_lead import STRICTER
from tests.console.conftest import PASSWORD, World, csrf_in, email_of, log_in, opened, shot
from tests.running import add_tenant
from tests.servers import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECOND = "second.lead@example.org"
REASON = "It sends too much to people."


COOKIES: dict[tuple[str, str], dict[str, str]] = {}


@contextmanager
def at_work(world: World, who: str) -> Iterator[httpx.Client]:
    """Give somebody's browser; a role logs in once, since logins are counted."""
    kept = COOKIES.get((world.url, who))
    with world.http(None if kept else who) as client:
        client.cookies.update(kept or {})
        COOKIES[world.url, who] = dict(client.cookies)
        yield client


def posted(world: World, who: str, path: str, **fields: Any) -> Any:
    with at_work(world, who) as client:
        csrf = csrf_in(client.get("/check").text)
        return client.post(path, data={"csrf": csrf, **fields})


def journalled(world: World, subject: str) -> list[JournalRow]:
    with world.service.database.reading() as session:
        query = select(JournalRow).where(JournalRow.subject == subject)
        return list(session.exec(query.order_by(col(JournalRow.version))))


def user_of(world: World, email: str) -> User:
    with world.service.database.reading() as session:
        return session.exec(select(User).where(User.email == email)).one()


def change_lead(page: "Page", email: str) -> None:
    page.click("header .who button")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(lambda url: "/login" not in url)


def test_a_pack_is_proposed_backtested_approved_by_another_lead_and_rolled_back(
    world: World, browser: "Browser"
) -> None:
    keys.create_user(
        world.service, SECOND, "policy_lead", PASSWORD, tenant_id=world.caller.tenant_id
    )
    with opened(browser, world, "policy_lead") as page:
        page.goto("/policies/upload")
        page.set_input_files(
            "#file",
            {"name": "p.yaml", "mimeType": "text/yaml", "buffer": b"name: short\nrules: 3\n"},
        )
        wait_until(lambda: len(page.input_value("#text")) > 9, what="the file in the field")
        page.click("text=Look it over")
        page.wait_for_selector(".problem")
        assert page.input_value("#text").startswith("name: short")
        assert world.complaints and all("422" in told for told in world.complaints)
        world.complaints.clear()
        page.fill("#text", rollouts.pack_text(20, "brisk"))
        page.click("text=Keep as a draft")

        page.wait_for_selector("h1:has-text('brisk')")
        address = page.url
        page.click("section.moves button")
        assert "You proposed it" in page.inner_text(".moves")
        assert page.get_by_role("button", name="Approve").count() == 0

        page.get_by_role("button", name="Start").click()
        page.wait_for_url("**/policies/backtests/*")
        shot(page, "lead-backtest-waiting")
        while backtest_runs.work(world.service):
            pass
        page.wait_for_selector("table.confusion")  # the page looks by itself
        assert "would have been decided otherwise" in page.inner_text("main")

        change_lead(page, SECOND)
        page.goto(address)
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("button", name="Put in force").click()
        assert "in force" in page.inner_text("h1")
        page.click("summary:has-text('Roll back')")
        page.fill("#rollback-why", REASON)
        shot(page, "lead-rollback")
        page.click("details button")
        page.wait_for_selector("h1")
        page.goto(address)
        assert "retired" in page.inner_text("h1")
        assert REASON in page.inner_text("main")


def test_whoever_proposed_a_pack_can_not_approve_it_by_hand_either(world: World) -> None:
    pack = policies.add(world.service, world.caller, rollouts.pack_text(17, "alone"))
    fields = {"id": id_of(pack), "version": str(pack.version)}
    assert posted(world, "policy_lead", "/policies/move", move="propose", **fields).is_redirect
    fields["version"] = str(pack.version + 1)
    refused = posted(world, "policy_lead", "/policies/move", move="approve", **fields)
    assert refused.status_code == 403
    assert "can&#39;t approve it" in refused.text
    stale = posted(world, "policy_lead", "/policies/move", move="reject", reason="x", **fields | {"version": "1"})  # fmt: skip
    assert stale.status_code == 412
    unsaid = posted(world, "policy_lead", "/policies/move", move="reject", **fields)
    assert "say why" in unsaid.text


def test_what_is_to_be_mended_in_a_pack_stands_at_its_line(world: World) -> None:
    text = rollouts.pack_text(10, "typo").replace("duration > thresholds", "duratoin > thresholds")
    answer = posted(world, "policy_lead", "/policies/upload", text=text, do="check")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "duratoin" in each)
    rows = re.findall(r'<tr class="wrong"><th scope="row">(\d+)</th>', answer.text)
    assert str(line) in rows
    assert "duratoin" in answer.text


def test_an_admin_adds_a_login_changes_its_role_and_puts_it_out_of_use(world: World) -> None:
    answer = posted(world, "admin", "/admin/users", email="nora@example.org", role="reviewer")
    link = re.search(r"<code>\S+/password#(\S+)</code>", answer.text)
    assert link is not None
    with world.http() as client:
        fields = {"link": link[1], "password": PASSWORD, "again": PASSWORD}
        csrf = csrf_in(client.get("/password").text)
        assert client.post("/password", data=fields | {"csrf": csrf}).is_redirect
        assert log_in(client, "nora@example.org", PASSWORD).is_redirect
        user = user_of(world, "nora@example.org")
        assert user.tenant_id == world.caller.tenant_id
        path, version = f"/admin/users/{user.id}", str(user.version)
        assert posted(world, "admin", path, role="auditor", version=version).is_redirect
        assert posted(world, "admin", path, role="admin", version=version).status_code == 412
        assert client.get("/audit").status_code == 200
        posted(world, "admin", path, disabled="yes", version=str(user.version + 1))
        assert client.get("/audit").status_code == 303
        assert log_in(client, "nora@example.org", PASSWORD).status_code == 401
    actions = [row.data["action"] for row in journalled(world, user.id)]
    assert actions == [
        "user.created", "user.invited", "user.password_set", "user.role_changed", "user.disabled",
    ]  # fmt: skip
    again = posted(world, "admin", "/admin/users", email="nora@example.org", role="reviewer")
    assert again.status_code == 422
    assert 'value="nora@example.org"' in again.text


def test_nobody_changes_their_own_login(world: World) -> None:
    own = user_of(world, email_of("admin"))
    path, version = f"/admin/users/{own.id}", str(own.version)
    assert posted(world, "admin", path, disabled="yes", version=version).status_code == 409


def test_a_key_is_shown_once_and_decides_nothing(world: World) -> None:
    wanted = {"scope-tracks:write": "yes", "scope-cases:decide": "yes"}
    made = posted(world, "admin", "/admin/keys", name="the shop", **wanted)
    token = re.search(r"clr_live_[\w-]{43}", made.text)
    assert token is not None
    assert keys.authenticate(world.service, token[0]).scopes == {"tracks:write"}
    with at_work(world, "admin") as client:
        assert token[0] not in client.get("/admin/keys").text
    assert posted(world, "admin", "/admin/keys", name="none").status_code == 422


def test_a_flagger_is_removed_for_a_reason_that_they_are_told(world: World) -> None:
    """DSA-22."""
    made = posted(world, "admin", "/admin/flaggers", name="Desk", email="d@desk.example")
    token = re.search(r"clr_live_[\w-]{43}", made.text)
    assert token is not None
    flagger_id = keys.authenticate(world.service, token[0]).flagger_id
    path = f"/admin/flaggers/{flagger_id}/remove"
    assert posted(world, "admin", path, reason=" ").status_code == 422
    assert posted(world, "admin", path, reason="They asked for it.").is_redirect
    assert posted(world, "admin", path, reason="Twice.").is_redirect
    with pytest.raises(keys.UnauthorisedError):
        keys.authenticate(world.service, token[0])
    assert flagger_id is not None
    last = journalled(world, flagger_id)
    assert [row.data["state"] for row in last] == ["trusted", "lost"]
    assert last[1].data["reason"] == "They asked for it."
    with world.service.database.reading() as session:
        told = session.exec(select(Letter).where(Letter.recipient_id == flagger_id)).all()
        held = session.exec(select(ApiKey).where(ApiKey.flagger_id == flagger_id)).all()
    assert [letter.template for letter in told] == ["flagger-removed"]
    assert all(key.revoked_at for key in held)


def test_an_auditor_sees_pseudonyms_and_each_look_behind_one_is_on_record(world: World) -> None:
    reviewer, auditor = user_of(world, email_of("creator")), user_of(world, email_of("auditor"))
    alias = world.service.pseudonyms.on(world.caller.tenant_id).of(reviewer.id)
    asked = {"pseudonym": alias.lower(), "reason": "Complaint 7"}
    assert reviewer.email in posted(world, "auditor", "/audit/people", **asked).text
    assert posted(world, "auditor", "/audit/people", pseudonym=alias).status_code == 422
    unknown = {"pseudonym": "R-AAAA-AAAA", "reason": "x"}
    assert posted(world, "auditor", "/audit/people", **unknown).status_code == 404
    with world.service.database.reading() as session:
        rows = session.exec(
            select(JournalRow).where(
                JournalRow.actor == auditor.id, JournalRow.type == "clearance.operations.changed"
            )
        ).all()
    assert [row.data["object_id"] for row in rows] == [reviewer.id]
    assert rows[0].data["detail"] == {"pseudonym": alias, "reason": "Complaint 7"}
    with at_work(world, "auditor") as client:
        mine = world.service.pseudonyms.on(world.caller.tenant_id).of(auditor.id)
        page = client.get("/audit", params={"actor": mine})
        assert "pseudonym.opened" in page.text
        assert auditor.id not in page.text


def test_the_journal_is_searched_by_time_and_a_wrong_day_says_how(world: World) -> None:
    today, tomorrow = utc_now().date(), utc_now().date() + timedelta(days=1)
    with at_work(world, "auditor") as client:
        assert "track.decided" in client.get(f"/audit?since={today}&until={today}").text
        assert "Nothing was found" in client.get(f"/audit?since={tomorrow}").text
        assert client.get("/audit?since=soon").status_code == 422
        assert client.get(f"/audit/proofs/{world.track_id}").json()["rows"]
        assert client.get("/audit/checkpoint").json()["statement"]
        wrong = client.get("/audit/transparency?from=2026-02-01&to=2026-01-01")
        assert wrong.status_code == 422
        assert 'value="2026-02-01"' in wrong.text


def test_a_number_or_a_day_beyond_all_bounds_is_refused(world: World) -> None:
    long, user = "9" * 5000, user_of(world, email_of("reviewer"))
    answers = [
        posted(world, "admin", f"/admin/users/{user.id}", version=long, role="reviewer"),
        posted(world, "policy_lead", "/policies/move", id=world.ids["pack"], version=long),
    ]
    assert [each.status_code for each in answers] == [422, 422]
    with at_work(world, "admin") as client:
        hook = f"/admin/webhooks?webhook={world.ids['webhook_id']}&below={2**63}"
        assert client.get(hook).status_code == 422
    with at_work(world, "auditor") as client:
        assert client.get("/audit?until=9999-12-31").status_code == 422


def test_a_form_holds_no_nul_which_postgresql_would_not_keep(world: World) -> None:
    made = posted(world, "admin", "/admin/flaggers", name="De\0sk", email="n@desk.example")
    assert made.status_code == 400


def test_only_the_platforms_own_logins_are_listed(world: World) -> None:
    other = add_tenant(world.service, "Label Two")
    keys.create_user(world.service, "zoe@two.example", "admin", tenant_id=other.tenant_id)
    keys.create_user(world.service, "nowhere@example.org", "admin")
    with at_work(world, "admin") as client:
        listed = client.get("/admin/users").text
    assert email_of("reviewer") in listed
    assert "zoe@two.example" not in listed
    assert "nowhere@example.org" not in listed
    with pytest.raises(logins.NotFoundError):
        logins.change(world.service, other, user_of(world, email_of("admin")).id, disabled=True)


def test_reviewers_are_told_of_by_pseudonyms_and_not_ranked(world: World) -> None:
    with at_work(world, "policy_lead") as client:
        shown = client.get("/dashboards").text
    table = shown.split('id="reviewers-title"', 1)[1].split("</section>", 1)[0]
    names = re.findall(r'<th scope="row">([^<]+)</th>', table)
    reviewer = world.service.pseudonyms.on(world.caller.tenant_id).of(world.ids["user_id"])
    assert names == sorted(names)
    row = table.split(reviewer, 1)[1].split("</tr>", 1)[0]
    assert re.findall(r'<td class="number" data-label="[^"]+">([^<]+)</td>', row)[0] == "9"


def test_a_strike_policy_is_put_in_force_by_another_lead_than_who_proposed_it(
    world: World,
) -> None:
    text = STRICTER.replace("window_days: 60", "window_days: 45")
    refused = posted(world, "policy_lead", "/policies/strikes", text="steps: 3", reason="Try.")
    assert refused.status_code == 422
    assert "a policy says exactly" in refused.text
    unsaid = posted(world, "policy_lead", "/policies/strikes", text=text, reason=" ")
    assert unsaid.status_code == 422
    assert "window_days: 45" in unsaid.text  # what was typed stays

    posted(world, "policy_lead", "/policies/strikes", text=text, reason="One month and a half.")
    with world.service.database.reading() as session:
        row = strike_policies.listed(session, world.caller.tenant_id)[0]
    own = posted(world, "policy_lead", f"/policies/strikes/{row.id}/approve")
    assert own.status_code == 403
    reviewed = posted(world, "policy_lead", f"/policies/strikes/{world.ids['policy_id']}/approve")
    assert reviewed.status_code == 303
    with at_work(world, "policy_lead") as client:
        shown = client.get("/policies/strikes").text
    holds = shown.split('id="holds-title"', 1)[1].split("</section>", 1)[0]
    assert "60 days" in holds and "suspended" in holds and "limited" not in holds
    assert "another policy lead has to approve it" in shown
    assert posted(world, "policy_lead", f"/policies/strikes/{row.id}/bury").status_code == 422


def test_figures_of_a_pilot_are_shown_and_of_small_groups_only_their_size(world: World) -> None:
    with at_work(world, "policy_lead") as client:
        shown = client.get("/dashboards").text
    part = shown.split('id="kpis-title"', 1)[1].split('id="errors-title"', 1)[0]
    told = dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", part))
    assert len(told) == 6
    assert told["Variations kept"].startswith("– <small>n = ")
    assert "of fewer than 10 nothing is told" in part


def test_a_rules_errors_are_shown_with_how_many_were_looked_at_and_an_interval(
    world: World,
) -> None:
    with at_work(world, "policy_lead") as client:
        shown = client.get("/dashboards").text
    part = shown.split('id="errors-title"', 1)[1].split('id="drift-title"', 1)[0]
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", part)
    assert rows
    assert all(re.search(r">\d+/[1-9]\d*</td>.*% – \d+", row) for row in rows)
    assert any("Reviews, 30 days" in row for row in rows)


def test_days_are_shown_beside_the_frozen_baseline(world: World) -> None:
    baseline = DriftBaseline(
        id=new_id(), tenant_id=world.caller.tenant_id, kind="recording", edges=[0.5], counts=[10, 60, 30],
        first_day="2026-03-01", last_day="2026-03-28", frozen_by="cli", frozen_at=utc_now(),
    )  # fmt: skip
    days = [("2026-03-29", 90, 0.31, "drifted"), ("2026-03-30", 12, None, "few")]
    with world.service.database.transaction() as session:
        session.add(baseline)
        session.flush()
        session.add_all(
            DriftDay(baseline_id=baseline.id, day=day, tracks=n, psi=psi, state=state, judged_at=utc_now())
            for day, n, psi, state in days
        )  # fmt: skip
    with at_work(world, "policy_lead") as client:
        shown = client.get("/dashboards").text
    part = shown.split('id="drift-title"', 1)[1].split('id="reviewers-title"', 1)[0]
    assert "1 Mar 2026 to 28 Mar 2026, 100 tracks" in part
    few, drifted = (row.split("</tr>")[0] for row in part.split('<th scope="row">')[1:])
    assert "30 Mar 2026" in few and "–" in few and "too few tracks" in few
    assert "0.31" in drifted and "<strong>drifted</strong>" in drifted


def test_every_chart_is_drawn_for_light_and_dark(world: World) -> None:
    with at_work(world, "policy_lead") as client:
        for name in ("queue", "hours", "rule", "bank", "genre", "language", "scores"):
            light, dark = (client.get(f"/dashboards/{name}.svg?dark={each}") for each in (0, 1))
            assert light.headers["content-type"] == "image/svg+xml"
            assert light.text.startswith("<svg")
            assert light.text != dark.text


def test_the_charts_are_seen_on_a_dark_telephone_under_the_pages_policy(
    world: World, browser: "Browser"
) -> None:
    small = {"width": 360, "height": 740}
    with opened(browser, world, "policy_lead", viewport=small, color_scheme="dark") as page:
        page.goto("/dashboards", wait_until="networkidle")
        seen = page.eval_on_selector_all(
            "figure.chart img", "all => all.map(each => [each.currentSrc, each.naturalWidth])"
        )
        shot(page, "lead-dashboards-dark")
    assert len(seen) == 6
    assert all(width > 0 and address.endswith("dark=1&narrow=1") for address, width in seen)


def test_a_chart_of_nothing_is_still_a_picture() -> None:
    assert charts.bars([], {"": []}, look=charts.Look()).startswith("<svg")
    assert charts.shares([], {"a": [], "b": []}, look=charts.Look(dark=True)).startswith("<svg")


def test_settings_and_what_is_kept_are_described_in_the_readers_language(world: World) -> None:
    with world.http("admin", accept_language="de") as client:
        configuration = client.get("/admin/configuration").text
        assert "Längster angenommener Titel." in configuration
        assert "<dt>Telefon</dt><dd>+49 30 1234567</dd>" in configuration
        kept = client.get("/admin/holds").text
        assert "Plattformen voneinander trennen" in kept
        assert "1095 Tage nach dem Widerruf des Schlüssels" in kept
