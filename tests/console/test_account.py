"""Logins from their invitation on: the password that only its owner sees, sessions, and how they end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlmodel import col, select

from scanner import keys, login_links, logins, mail, passwords
from scanner.callers import Caller
from scanner.clock import utc_now
from scanner.console import sessions
from scanner.console.browsers import kind_of
from scanner.errors import BadKeyRequestError, ConflictError, UnauthorisedError
from scanner.passwords import WeakPasswordError
from scanner.service import Service
from scanner.tables import ApiKey, JournalRow, Letter, LoginLink, User
from tests.casework import at
from tests.console.conftest import World, csrf_in, email_of, log_in, opened, shot
from tests.running import add_tenant

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NEW = "four quiet herons wade"
NORA = "nora@example.org"


@pytest.fixture
def platform(service: Service) -> Caller:
    return add_tenant(service)


@pytest.fixture
def mailing(service: Service) -> Service:
    changes = {"smtp_host": "127.0.0.1", "public_url": "https://c.example"}
    service.settings = service.settings.model_copy(update=changes)
    return service


def letters_of(service: Service, email: str) -> list[Letter]:
    with service.database.reading() as session:
        query = select(Letter).where(Letter.address == email).order_by(col(Letter.id))
        return list(session.exec(query))


def mailed_token(service: Service, letter: Letter) -> str:
    """What stands in the mail as it goes out."""
    message = mail.message_of(service.settings, login_links.filled(service, letter), utc_now())
    found = re.search(r"^https://c\.example/password#(\S+)$", message.get_content(), re.M)
    assert found is not None
    return found[1]


def logged_in(service: Service, password: str, email: str = NORA) -> str:
    return sessions.log_in(service, email, password, former=None, language=None)


# Links


def test_only_the_owner_of_a_login_ever_sees_its_password(
    mailing: Service, platform: Caller
) -> None:
    made = login_links.invite(mailing, platform, NORA, "reviewer")
    assert made.link is None  # whoever mails it need not see it
    (letter,) = letters_of(mailing, NORA)
    assert "clr_login_" not in letter.body
    token = mailed_token(mailing, letter)
    login_links.set_password(mailing, token, NEW)
    with pytest.raises(UnauthorisedError):
        login_links.set_password(mailing, token, NEW)
    assert logged_in(mailing, NEW)
    with mailing.database.reading() as session:
        rows = session.exec(select(JournalRow).where(JournalRow.subject == made.user.id)).all()
        kept = session.exec(select(User).where(User.email == NORA)).one()
    actions = [row.data["action"] for row in sorted(rows, key=lambda row: row.version)]
    assert actions == ["user.created", "user.invited", "user.password_set"]
    assert NEW not in str(kept.model_dump())


def test_where_no_mail_is_sent_the_link_is_shown_to_whoever_made_it(
    service: Service, platform: Caller
) -> None:
    made = login_links.invite(service, platform, NORA, "auditor")
    assert made.link is not None
    assert letters_of(service, NORA) == []
    login_links.set_password(service, made.link.rsplit("#", 1)[1], NEW)
    assert logged_in(service, NEW)


def test_a_link_runs_out_ends_with_the_next_one_and_with_the_login(
    service: Service, platform: Caller
) -> None:
    made = login_links.invite(service, platform, NORA, "reviewer")
    again = login_links.renew(service, platform, made.user.id)
    first, second = (str(each.link).rsplit("#", 1)[1] for each in (made, again))
    with pytest.raises(UnauthorisedError):
        login_links.set_password(service, first, NEW)
    for wrong in ("", "clr_login_", second[:-1], second.replace(second[-5:], "xxxxx"), "é"):
        with pytest.raises(UnauthorisedError):
            login_links.set_password(service, wrong, NEW)
    now = utc_now()
    at(service, now + timedelta(days=7, seconds=1))
    with pytest.raises(UnauthorisedError):
        login_links.set_password(service, second, NEW)
    at(service, now)
    logins.change(service, platform, made.user.id, disabled=True)
    with pytest.raises(UnauthorisedError):
        login_links.set_password(service, second, NEW)
    with pytest.raises(ConflictError):
        login_links.renew(service, platform, made.user.id)
    with pytest.raises(logins.NotFoundError):
        login_links.renew(service, add_tenant(service, "two"), made.user.id)


def test_a_forgotten_password_is_set_anew_and_every_session_ends(
    mailing: Service, platform: Caller
) -> None:
    keys.create_user(
        mailing, NORA, "reviewer", "the one that is lost", tenant_id=platform.tenant_id
    )
    token = logged_in(mailing, "the one that is lost")
    login_links.forgotten(mailing, f" {NORA.upper()}")
    login_links.forgotten(mailing, "nobody@example.org")
    (letter,) = letters_of(mailing, NORA)
    assert letters_of(mailing, "nobody@example.org") == []
    login_links.set_password(mailing, mailed_token(mailing, letter), NEW)
    assert sessions.find(mailing, token) is None
    with pytest.raises(UnauthorisedError):
        logged_in(mailing, "the one that is lost")


def test_a_link_for_a_forgotten_password_is_good_for_an_hour(
    mailing: Service, platform: Caller
) -> None:
    keys.create_user(mailing, NORA, "reviewer", tenant_id=platform.tenant_id)
    now = utc_now()
    at(mailing, now)
    login_links.forgotten(mailing, NORA)
    (letter,) = letters_of(mailing, NORA)
    at(mailing, now + timedelta(minutes=60))
    with pytest.raises(UnauthorisedError):
        login_links.set_password(mailing, mailed_token(mailing, letter), NEW)
    with mailing.database.reading() as session:
        assert len(session.exec(select(LoginLink)).all()) == 1


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("hunter2", "short"), ("x" * 1001, "long"), ("Password1234!", "common"), ("qwertyuiopasdfgh", "common"),
        ("123456789012", "common"), ("abababababab", "common"), ("!!Passwort2026", "common"),
        ("nora@example.org", "address"), ("nora@example.org1", "address"),
    ],
)  # fmt: skip
def test_a_password_that_is_soon_guessed_is_refused(password: str, weakness: str) -> None:
    with pytest.raises(WeakPasswordError) as refused:
        passwords.check(password, NORA)
    assert refused.value.weakness == weakness


def test_a_password_of_ones_own_is_taken_without_digits_or_signs() -> None:
    passwords.check(NEW, NORA)
    passwords.check("Straße nach Überall", NORA)


def test_no_login_is_made_for_who_enters_by_a_link_or_for_a_holder_unnamed(
    service: Service, platform: Caller
) -> None:
    for role in ("creator", "parent", "none", "rights_holder"):
        with pytest.raises(BadKeyRequestError):
            login_links.invite(service, platform, NORA, role)
    user, _ = keys.create_user(service, NORA, "reviewer", tenant_id=platform.tenant_id)
    for role in ("creator", "rights_holder"):
        with pytest.raises(BadKeyRequestError):
            logins.change(service, platform, user.id, role=role)


# Pages


@contextmanager
def somebody(world: World, email: str, role: str = "reviewer") -> Iterator[httpx.Client]:
    keys.create_user(
        world.service, email, role, "their first password", tenant_id=world.caller.tenant_id
    )
    with world.http() as client:
        assert log_in(client, email, "their first password").is_redirect
        yield client


def posted(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    csrf = csrf_in(client.get("/check").text)
    return client.post(path, data={"csrf": csrf, **fields})


def test_a_password_is_changed_by_the_old_one_and_the_other_sessions_end(world: World) -> None:
    with somebody(world, "pia@example.org") as own, world.http() as other:
        log_in(other, "pia@example.org", "their first password")
        fields = {"old": "their first password", "password": NEW, "again": NEW}
        wrong = posted(own, "/account/password", **fields | {"old": "another"})
        unlike = posted(own, "/account/password", **fields | {"again": "four quiet heron wades"})
        short = posted(own, "/account/password", **fields | {"password": "heron", "again": "heron"})
        assert [each.status_code for each in (wrong, unlike, short)] == [422] * 3
        assert "is another. Nothing was changed" in wrong.text
        assert "at least 12 characters" in short.text
        assert other.get("/queue").status_code == 200

        assert posted(own, "/account/password", **fields).is_redirect
        assert own.get("/queue").status_code == 200
        assert other.get("/queue").status_code == 303
        assert log_in(other, "pia@example.org", NEW).is_redirect


def test_who_knows_only_the_former_password_does_not_undo_what_a_link_set(
    mailing: Service, platform: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both at once: the link's password is set between the look at the old one and the change."""
    login_links.invite(mailing, platform, NORA, "reviewer")
    token = mailed_token(mailing, letters_of(mailing, NORA)[-1])
    user = login_links.set_password(mailing, token, "their first password")
    login_links.renew(mailing, platform, user.id)
    token = mailed_token(mailing, letters_of(mailing, NORA)[-1])
    holds = passwords.holds

    def slow(kept: str | None, given: str) -> bool:
        good = holds(kept, given)
        login_links.set_password(mailing, token, NEW)
        return good

    monkeypatch.setattr(passwords, "holds", slow)
    with pytest.raises(UnauthorisedError):
        login_links.change_password(
            mailing, user.id, "their first password", "an intruder's own", session_digest=""
        )
    monkeypatch.setattr(passwords, "holds", holds)
    assert logged_in(mailing, NEW)


def test_one_sees_ones_sessions_and_ends_them(world: World) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    with somebody(world, "rui@example.org") as own, world.http(user_agent=firefox) as other:
        log_in(other, "rui@example.org", "their first password")
        page = own.get("/account").text
        assert "Firefox, Linux" in page
        (digest,) = re.findall(r"/account/sessions/([0-9a-f]{64})/end", page)
        with world.http("auditor") as stranger:
            posted(stranger, f"/account/sessions/{digest}/end")
        assert other.get("/queue").status_code == 200
        posted(own, f"/account/sessions/{digest}/end")
        assert other.get("/queue").status_code == 303
        log_in(other, "rui@example.org", "their first password")
        posted(own, "/account/sessions/others")
        assert other.get("/queue").status_code == 303
        assert own.get("/queue").status_code == 200


def test_a_language_stays_with_the_login(world: World) -> None:
    with somebody(world, "eva@example.org") as own:
        assert posted(own, "/account/language", language="xx").status_code == 422
        posted(own, "/account/language", language="de")
        assert "Mein Konto" in own.get("/account").text
    with world.http(accept_language="fr") as elsewhere:
        log_in(elsewhere, "eva@example.org", "their first password")
        assert "Mein Konto" in elsewhere.get("/account").text


def test_who_forgot_a_password_is_told_the_same_whether_known_or_not_and_only_so_often(
    world: World,
) -> None:
    before = world.service.settings
    world.service.settings = before.model_copy(update={"smtp_host": "127.0.0.1"})
    try:
        with world.http() as client:
            known, unknown = email_of("auditor"), "nobody@example.org"
            told = [
                posted(client, "/login/forgotten", email=each).text.replace(each, "ADDRESS")
                for each in (known, unknown)
            ]
            csrf = re.compile(r'value="[0-9a-f]{64}"')
            assert csrf.sub("", told[0]) == csrf.sub("", told[1])
            for each in (known, unknown):
                answers = [
                    posted(client, "/login/forgotten", email=each).status_code for _ in range(3)
                ]
                assert answers == [200, 200, 429]
    finally:
        world.service.settings = before
    assert len(letters_of(world.service, known)) == 3
    assert letters_of(world.service, unknown) == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (None, None), ("curl/8", None), ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604", "Safari, iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537", "Chrome, Android"),
    ],
)  # fmt: skip
def test_of_a_browser_only_its_kind_is_kept(said: str | None, kind: str | None) -> None:
    assert kind_of(said) == kind


def test_an_admin_adds_a_webhook_changes_it_and_renews_its_secret(world: World) -> None:
    with world.http("admin") as admin:
        wrong = posted(
            admin, "/admin/webhooks", url="https://h.example/in", events="clearance.sung"
        )
        assert wrong.status_code == 422
        assert 'value="https://h.example/in"' in wrong.text
        events = "clearance.track.released, clearance.track.blocked"
        made = posted(admin, "/admin/webhooks", url="https://h.example/in", events=events)
        secret = re.search(r"whsec_[\w+/=]+", made.text)
        found = re.search(r"/admin/webhooks/([0-9a-f-]{36})/secret", made.text)
        assert secret is not None
        assert found is not None
        path = f"/admin/webhooks/{found[1]}"
        assert secret[0] not in admin.get(f"/admin/webhooks?webhook={found[1]}").text

        stale = posted(admin, path, url="https://h.example/new", events="*", version="9")
        assert stale.status_code == 412
        posted(admin, path, url="https://h.example/new", events="*", version="1")
        assert "https://h.example/new" in admin.get("/admin/webhooks").text
        again = posted(admin, f"{path}/secret").text
        assert "whsec_" in again
        assert secret[0] not in again
        assert "messages are signed with the former secret, too" in again
        posted(admin, f"{path}/test")
        assert "clearance.webhook.test" in admin.get(f"/admin/webhooks?webhook={found[1]}").text
        posted(admin, f"{path}/pause")
        assert "Paused since" in admin.get(f"/admin/webhooks?webhook={found[1]}").text
        assert posted(admin, f"{path}/test").status_code == 409
        posted(admin, f"{path}/pause", resume="yes")
        posted(admin, f"{path}/remove")
        assert admin.get(f"/admin/webhooks?webhook={found[1]}").status_code == 404


def test_an_admin_begins_with_what_waits_for_them(world: World) -> None:
    with world.http("admin") as admin:
        assert admin.get("/").headers["location"] == "/overview"
        page = admin.get("/overview").text
        assert "that a stage gave up on" in page
        assert "CLEARANCE_SMTP_HOST" in page
        posted(admin, "/admin/users", email="new@example.org", role="auditor")
        assert "not set a password yet" in admin.get("/overview").text


def test_a_key_ends_on_its_day_and_shows_when_it_was_last_used(world: World) -> None:
    service, now = world.service, utc_now()
    with world.http("admin") as admin:
        fields = {"name": "until friday", "scope-tracks:read": "yes"}
        assert posted(admin, "/admin/keys", **fields, until="2020-01-01").status_code == 422
        day = str((now + timedelta(days=2)).date())
        made = posted(admin, "/admin/keys", **fields, until=day)
        token = re.search(r"clr_live_[\w-]{43}", made.text)
        assert token is not None
        assert "never" in made.text
        keys.authenticate(service, token[0])
        with service.database.reading() as session:
            kept = session.exec(select(ApiKey).where(ApiKey.name == "until friday")).one()
        assert kept.used_at is not None
        at(service, now + timedelta(days=2))
        try:
            with pytest.raises(UnauthorisedError):
                keys.authenticate(service, token[0])
        finally:
            service.now = utc_now


def test_an_admin_adds_somebody_who_sets_a_password_and_begins_to_work(
    world: World, browser: "Browser"
) -> None:
    with opened(browser, world, "admin") as page:
        page.goto("/admin/users")
        page.fill("[name=email]", "zoe@example.org")
        page.click("text=Add and send a link")
        link = page.inner_text(".secret code")
        shot(page, "account-invited")
    with opened(browser, world, None) as page:
        page.goto(link.removeprefix(world.service.settings.public_url))
        assert "#" not in page.url
        page.fill("#password", "Password1234")
        page.fill("#again", "Password1234")
        page.click("main button")
        page.wait_for_selector("text=Many people have this password")
        shot(page, "account-common")
        page.fill("#password", NEW)
        page.fill("#again", NEW)
        page.click("main button")
        page.wait_for_selector("text=Your password is set")
        page.fill("#email", "zoe@example.org")
        page.fill("#password", NEW)
        page.click("main button")
        page.wait_for_url("**/queue")
        assert all("422" in told for told in world.complaints)
        world.complaints.clear()
