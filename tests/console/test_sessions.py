"""Sessions: how they begin, what they prove, how they end."""

from datetime import timedelta

import httpx
import pytest
from sqlmodel import delete, select

from scanner import consents, entry_links, keys
from scanner.callers import Caller
from scanner.clock import utc_now
from scanner.consents import ConsentAsked
from scanner.console import access, sessions
from scanner.errors import ForbiddenError, UnauthorisedError
from scanner.journal import Actor
from scanner.privacy import erasure
from scanner.service import Service
from scanner.tables import ConsoleSession, User
from tests import casework
from tests.casework import at
from tests.console.conftest import PASSWORD, World, csrf_in, email_of, log_in
from tests.running import add_tenant

PERSON = "ana@example.org"


def begin(service: Service, former: str | None = None) -> str:
    return sessions.log_in(service, PERSON, PASSWORD, former=former, language=None)


@pytest.fixture
def staffed(service: Service) -> Service:
    add_tenant(service)
    keys.create_user(service, PERSON, "reviewer", PASSWORD)
    return service


def test_a_session_ends_when_it_is_idle_and_at_its_age_however_busy(staffed: Service) -> None:
    now = utc_now()
    at(staffed, now)
    token = begin(staffed)
    at(staffed, now + timedelta(minutes=59))
    assert sessions.find(staffed, token) is not None
    at(staffed, now + timedelta(minutes=119, seconds=1))
    assert sessions.find(staffed, token) is None

    at(staffed, now)
    busy = begin(staffed)
    for minutes in range(50, 12 * 60, 50):
        at(staffed, now + timedelta(minutes=minutes))
        assert sessions.find(staffed, busy) is not None
    at(staffed, now + timedelta(hours=12))
    assert sessions.find(staffed, busy) is None


def test_whom_the_provider_vouched_for_is_not_let_in_once_out_of_use(staffed: Service) -> None:
    with staffed.database.reading() as session:
        vouched = session.exec(select(User).where(User.email == PERSON)).one()
    token = sessions.begin(staffed, vouched, former=None, language="de")
    assert sessions.find(staffed, token) is not None
    with staffed.database.transaction() as session:  # between the provider's word and the session
        session.get_one(User, vouched.id).disabled_at = staffed.now()
        session.execute(delete(ConsoleSession))

    with pytest.raises(UnauthorisedError):
        sessions.begin(staffed, vouched, former=None, language=None)
    with staffed.database.reading() as session:
        assert session.exec(select(ConsoleSession)).all() == []


def test_a_login_ends_the_browsers_former_session(staffed: Service) -> None:
    first = begin(staffed)
    second = begin(staffed, former=first)

    assert sessions.find(staffed, first) is None
    assert sessions.find(staffed, second) is not None
    sessions.log_out(staffed, second)
    assert sessions.find(staffed, second) is None


def test_the_database_holds_no_token(staffed: Service) -> None:
    token = begin(staffed)
    with staffed.database.reading() as session:
        (kept,) = session.exec(select(ConsoleSession)).all()
    assert token not in str(kept.model_dump())
    with pytest.raises(UnauthorisedError):
        sessions.log_in(staffed, PERSON, "wrong", former=None, language=None)


def test_a_login_without_a_platform_is_good_only_where_there_is_one(staffed: Service) -> None:
    other = add_tenant(staffed, "two")
    keys.create_user(staffed, "bob@example.org", "auditor", PASSWORD, tenant_id=other.tenant_id)

    with pytest.raises(ForbiddenError, match="belongs to no platform"):
        begin(staffed)
    token = sessions.log_in(staffed, "bob@example.org", PASSWORD, former=None, language=None)
    bob = sessions.find(staffed, token)
    assert bob is not None
    assert (bob.caller.tenant_id, bob.platform) == (other.tenant_id, "two")


def test_a_form_without_its_browsers_token_changes_nothing(world: World) -> None:
    with world.http("reviewer") as own, world.http("reviewer") as other:
        foreign = csrf_in(other.get("/queue").text)
        for fields in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "é"}):
            refused = own.post("/logout", data=fields)
            assert refused.status_code == 403
            assert "open the page again" in refused.text
        assert own.get("/queue").status_code == 200
        assert (
            own.post("/logout", data={"csrf": csrf_in(own.get("/queue").text)}).status_code == 303
        )
        assert own.get("/queue").headers["location"] == "/login?next=/queue"
    with world.http() as visitor:
        fields = {"email": email_of("admin"), "password": PASSWORD, "csrf": foreign}
        assert visitor.post("/login", data=fields).status_code == 403


def test_wrong_and_unknown_logins_read_the_same_and_are_soon_refused(world: World) -> None:
    def told(email: str) -> list[tuple[int, bool]]:
        with world.http() as client:
            answers = [log_in(client, email, "wrong") for _ in range(11)]
        return [(each.status_code, "password is wrong" in each.text) for each in answers]

    known, unknown = told(email_of("parent")), told("nobody@example.org")
    assert known == unknown
    assert known[:10] == [(401, True)] * 10
    assert known[10] == (429, False)


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [("/audit?type=a", "/audit?type=a"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")],
)  # fmt: skip
def test_a_login_goes_on_to_this_service_only(world: World, wanted: str, goes_to: str) -> None:
    with world.http() as client:
        answer = log_in(client, email_of("auditor"), next=wanted)
    assert answer.headers["location"] == goes_to


def test_the_cookie_is_for_no_script_and_outside_localhost_for_tls_only(world: World) -> None:
    with world.http() as client:
        here = log_in(client, email_of("auditor")).headers["set-cookie"]
    assert here.startswith(f"{access.COOKIE}=")
    assert {"HttpOnly", "SameSite=lax"} <= set(here.split("; "))
    assert "Secure" not in here
    with world.http(host="console.example.org") as client:
        page = client.get("/login")
        visitor = page.headers["set-cookie"]
        assert visitor.startswith(f"__Host-{access.VISITOR_COOKIE}=")
        assert "Secure" in visitor.split("; ")
        client.cookies.clear()
        there = client.post(
            "/login",
            data={"email": email_of("auditor"), "password": PASSWORD, "csrf": csrf_in(page.text)},
            headers={"Cookie": visitor.split(";")[0]},
        ).headers["set-cookie"]
    assert there.startswith(f"__Host-{access.COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(there.split("; "))


def test_every_page_says_what_may_run_and_holds_nothing_inline(world: World) -> None:
    def check(answer: httpx.Response) -> None:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        inline = (" style=", "<style", "<script>", " onclick=", "//cdn")
        assert [each for each in inline if each in answer.text] == []

    with world.http("reviewer") as client:
        for path in ("/queue", f"/cases/{world.case_id}", "/upload", "/check", "/cases/nothing"):
            check(client.get(path))
        assert "<b>Hold</b>" not in client.get(f"/cases/{world.case_id}").text


def test_the_language_is_the_browsers_until_another_is_chosen(world: World) -> None:
    with world.http("reviewer", accept_language="fr-CH, en;q=0.5") as client:
        page = client.get("/queue")
        assert '<html lang="fr">' in page.text
        assert "File d’attente" in page.text
        fields = {"csrf": csrf_in(page.text), "language": "de", "next": "/queue"}
        assert client.post("/language", data=fields).headers["location"] == "/queue"
        assert "Warteschlange" in client.get("/queue").text
        assert client.post("/language", data=fields | {"language": "xx"}).status_code == 422
    with world.http(accept_language="pt, *;q=0.1") as visitor:
        assert '<html lang="en">' in visitor.get("/login").text


# Links


def test_a_creators_session_ends_with_their_link(staffed: Service) -> None:
    caller = platform_of(staffed)
    ana = casework.account(staffed, caller)
    now = utc_now()
    at(staffed, now)
    link, token = entry_links.make(staffed, caller, "ana", 1)
    entered = sessions.enter(staffed, token, former=None, language=None)

    who = sessions.find(staffed, entered)
    assert who is not None
    assert (who.role, who.name, who.caller.account_id) == ("creator", "ana", ana.id)
    assert who.caller.scopes == entry_links.SCOPES
    at(staffed, now + timedelta(minutes=59))
    assert sessions.find(staffed, entered) is not None
    at(staffed, now + timedelta(minutes=60))
    assert sessions.find(staffed, entered) is None

    at(staffed, now)
    entry_links.revoke(staffed, caller, ana, link.id)
    assert sessions.find(staffed, entered) is None
    with pytest.raises(UnauthorisedError):
        sessions.enter(staffed, token, former=None, language=None)


def test_a_parent_enters_by_their_consents_newest_link_alone(staffed: Service) -> None:
    caller = platform_of(staffed)
    asked = ConsentAsked("mum", ("upload",), "May Kim upload?", "v1")
    first = consents.request(staffed, caller, "kim", asked)
    entered = sessions.enter(staffed, str(first.token), former=None, language=None)
    mum = sessions.find(staffed, entered)
    assert mum is not None
    assert (mum.role, mum.name, mum.caller.account_id) == ("parent", "mum", None)
    assert mum.child_id == first.consent.account_id

    granted = consents.grant(staffed, first.consent.id, mum.caller.actor)
    with pytest.raises(UnauthorisedError):
        sessions.enter(staffed, str(first.token), former=None, language=None)
    again = sessions.enter(staffed, str(granted.token), former=entered, language=None)
    assert sessions.find(staffed, entered) is None
    assert sessions.find(staffed, again) is not None


@pytest.mark.parametrize("end", ["withdrawn", "expired"])
def test_a_parents_session_ends_with_the_consent_they_came_by(staffed: Service, end: str) -> None:
    """GDPR 7(3): another consent of the same parent does not keep it open."""
    caller = platform_of(staffed)
    now = utc_now()
    at(staffed, now)
    asked = ConsentAsked("mum", ("upload",), "May Kim upload?", "v1", lasts_days=1)
    linked = consents.request(staffed, caller, "kim", asked)
    granted = consents.grant(staffed, linked.consent.id, caller.actor)
    consents.request(staffed, caller, "kim", asked)
    at(staffed, now + timedelta(hours=23, minutes=50))
    entered = sessions.enter(staffed, str(granted.token), former=None, language=None)
    assert sessions.find(staffed, entered) is not None
    if end == "withdrawn":
        consents.withdraw(staffed, linked.consent.id, caller.actor)
    else:
        at(staffed, now + timedelta(days=1))
    assert sessions.find(staffed, entered) is None


def test_who_is_erased_is_at_no_browser_any_more(staffed: Service) -> None:
    """GDPR-17."""
    caller = platform_of(staffed)
    casework.account(staffed, caller)
    _, token = entry_links.make(staffed, caller, "ana", 1)
    entered = sessions.enter(staffed, token, former=None, language=None)

    erasure.erase_account(staffed, caller, "ana")

    assert sessions.find(staffed, entered) is None
    with staffed.database.reading() as session:
        assert session.exec(select(ConsoleSession)).all() == []


def platform_of(service: Service) -> Caller:
    with service.database.reading() as session:
        (tenant,) = keys.tenants(session)
    return Caller(tenant.id, Actor("key", "platform"), frozenset())
