"""Logging in at an identity provider, a process of its own, and what it takes to be let in by its word."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError
from sqlmodel import select

from scanner import entry_links, keys, login_links, logins
from scanner.callers import Caller
from scanner.clock import utc_now
from scanner.errors import ConflictError
from scanner.journal import Actor
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Account, EntryLink, JournalRow, SignIn, User
from tests import casework, oidc_provider
from tests.casework import at
from tests.running import add_tenant
from tests.scanner.api.conftest import served

PERSON = "ana@example.org"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, oidc_provider.__file__], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(10)
    process.stdout.close()


@dataclass
class Office:
    """A platform whose people sign in at the provider."""

    service: Service
    tenant_id: str
    url: str
    issuer: str

    def say(self, **said: Any) -> None:
        httpx.post(f"{self.issuer}/say", json=said, trust_env=False, timeout=60)

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    def way_back(self, browser: httpx.Client, wanted: str = "/queue") -> str:
        """Go to the provider, sign in there, and return the address at which the browser would come back."""
        there = browser.get("/login/oidc", params={"next": wanted})
        assert there.status_code == 303, there.text
        back = httpx.get(there.headers["location"], trust_env=False, timeout=60)
        return f"/login/oidc/callback?{urlsplit(back.headers['location']).query}"

    def signed_in(self, **said: Any) -> httpx.Response:
        self.say(**said)
        with self.browser() as browser:
            answer = browser.get(self.way_back(browser))
            if answer.status_code == 303:
                assert browser.get("/login").status_code == 303  # somebody is logged in
            return answer

    def user(self, email: str = PERSON) -> User:
        with self.service.database.reading() as session:
            return session.exec(select(User).where(User.email == email)).one()


@contextmanager
def opened(service: Service, issuer: str, tmp_path: Path, **more: Any) -> Iterator[Office]:
    secret = tmp_path / "client.secret"
    secret.write_text(oidc_provider.SECRET + "\n")
    secret.chmod(0o600)
    changes = {"oidc_issuer": issuer, "oidc_client_secret_file": secret, **more}
    service.settings = service.settings.model_copy(update=changes)
    caller = add_tenant(service)
    with served(service) as url:
        yield Office(service, caller.tenant_id, url, issuer)


@pytest.fixture
def office(service: Service, issuer: str, tmp_path: Path) -> Iterator[Office]:
    with opened(service, issuer, tmp_path) as made:
        keys.create_user(service, PERSON, "reviewer", tenant_id=made.tenant_id)
        yield made


def test_whom_the_provider_vouches_for_is_let_in_and_known_by_the_subject_from_then_on(
    office: Office,
) -> None:
    first = office.signed_in()
    assert (first.status_code, first.headers["location"]) == (303, "/queue")
    # the address may be another's by now: who they are is the subject
    again = office.signed_in(claims={"email": "ana.new@example.org", "email_verified": False})
    assert again.status_code == 303
    other = office.signed_in(claims={"sub": "another"})
    assert other.status_code == 401
    assert "You have no login here" in other.text
    with office.service.database.reading() as session:
        rows = session.exec(select(JournalRow).where(JournalRow.subject == office.user().id)).all()
        assert session.exec(select(SignIn)).all() == []
    assert [row.data["action"] for row in rows] == ["user.created", "user.linked"]


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"claims": {"nonce": "another"}}, "be used just now"),
        ({"claims": {"nonce": None}}, "be used just now"),
        ({"claims": {"aud": "another-client"}}, "be used just now"),
        ({"claims": {"aud": ["clearance", "x"], "azp": "x"}}, "be used just now"),
        ({"claims": {"iss": "https://evil.example"}}, "be used just now"),
        ({"claims": {"exp": 1, "iat": 1}}, "be used just now"),
        ({"claims": {"sub": None}}, "be used just now"),
        ({"alg": "HS256"}, "be used just now"),
        ({"alg": "stranger"}, "be used just now"),
        ({"claims": {"email_verified": False}}, "You have no login here"),
        ({"claims": {"email_verified": "true"}}, "You have no login here"),
        ({"claims": {"email": "nobody@example.org"}}, "You have no login here"),
    ],
)
def test_what_does_not_hold_lets_nobody_in(office: Office, lie: dict[str, Any], words: str) -> None:
    answer = office.signed_in(**lie)
    assert answer.status_code == 401
    assert words in answer.text
    assert "clearance_session" not in answer.headers.get("set-cookie", "")
    assert office.user().subject_digest is None


def test_a_way_back_counts_once_at_its_own_browser_and_for_ten_minutes(office: Office) -> None:
    office.say(code_again=True)
    with office.browser() as own, office.browser() as thief:
        thief.get("/login")
        back = office.way_back(own)
        assert thief.get(back).status_code == 401  # and with that the way is gone
        assert "Begin again" in own.get(back).text

        back = office.way_back(own)
        assert own.get(back.replace("state=", "state=x")).status_code == 401
        assert own.get(back).status_code == 303
        own.cookies.delete("clearance_session")
        assert own.get(back).status_code == 401

        back = office.way_back(own)
        at(office.service, utc_now() + timedelta(minutes=10))
        assert own.get(back).status_code == 401


def test_an_answer_of_another_issuer_or_without_a_name_is_not_taken(office: Office) -> None:
    office.say()
    with office.browser() as browser:
        for changed in (("iss=", "iss=https://evil.example&was="), ("iss=", "was=")):
            assert browser.get(office.way_back(browser).replace(*changed)).status_code == 401
        refused = browser.get(
            f"/login/oidc/callback?error=access_denied&state={_state(office.way_back(browser))}"
        )
        assert "let nobody in" in refused.text


def _state(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


def test_a_login_out_of_use_is_refused_with_password_key_session_and_provider(
    office: Office,
) -> None:
    service, user = office.service, office.user()
    admin = add_tenant(service, "two")
    _, key = keys.create_key(service, office.tenant_id, "ana's", user=PERSON)
    with office.browser() as browser:
        office.say()
        browser.get(office.way_back(browser))
        assert browser.get("/queue").status_code == 200
        with pytest.raises(logins.NotFoundError):
            logins.change(service, admin, user.id, disabled=True)
        own = admin.__class__(office.tenant_id, admin.actor, admin.scopes)
        logins.change(service, own, user.id, disabled=True)
        assert browser.get("/queue").status_code == 303
    assert office.signed_in().status_code == 401
    with pytest.raises(keys.UnauthorisedError):
        keys.authenticate(service, key)
    logins.change(service, own, user.id, disabled=False)
    assert office.signed_in().status_code == 303


def test_groups_give_the_role_and_a_domain_a_login(
    service: Service, issuer: str, tmp_path: Path
) -> None:
    roles = {"mods": "reviewer", "trust": "policy_lead"}
    rules = {"oidc_roles": roles, "oidc_domains": frozenset({"example.org"}), "oidc_tenant": "one"}
    with opened(service, issuer, tmp_path, **rules) as office:
        assert office.signed_in(claims={"groups": ["guests"]}).status_code == 401
        assert office.signed_in(claims={"groups": ["mods", "trust"]}).status_code == 401
        stranger = {"email": "eve@evil.example", "sub": "eve", "groups": ["mods"]}
        assert office.signed_in(claims=stranger).status_code == 401

        assert office.signed_in(claims={"groups": ["mods"]}).status_code == 303
        made = office.user()
        assert (made.role, made.tenant_id) == ("reviewer", office.tenant_id)
        assert office.signed_in(claims={"groups": "trust"}).status_code == 303
        assert office.user().role == "policy_lead"
        assert office.signed_in(claims={"groups": ["mods", "trust"]}).status_code == 303
        assert office.user().role == "policy_lead"
        assert office.signed_in(claims={"groups": []}).status_code == 401


def test_who_loses_their_groups_loses_role_sessions_and_keys_until_they_are_in_one_again(
    service: Service, issuer: str, tmp_path: Path
) -> None:
    with opened(service, issuer, tmp_path, oidc_roles={"mods": "reviewer"}) as office:
        keys.create_user(service, PERSON, "reviewer", tenant_id=office.tenant_id)
        _, key = keys.create_key(service, office.tenant_id, "ana's", user=PERSON)
        office.say(claims={"groups": ["mods"]})
        with office.browser() as browser:
            browser.get(office.way_back(browser))
            assert browser.get("/queue").status_code == 200
            assert office.signed_in(claims={"groups": ["guests"]}).status_code == 401
            assert office.user().role == keys.NO_ROLE
            assert browser.get("/queue").status_code == 303
            with pytest.raises(keys.UnauthorisedError):
                keys.authenticate(service, key)
        assert office.signed_in(claims={"groups": ["mods"]}).status_code == 303
        assert office.user().role == "reviewer"


def test_sessions_of_a_role_that_the_groups_change_end(
    service: Service, issuer: str, tmp_path: Path
) -> None:
    roles = {"mods": "reviewer", "trust": "policy_lead"}
    with opened(service, issuer, tmp_path, oidc_roles=roles) as office:
        keys.create_user(service, PERSON, "reviewer", tenant_id=office.tenant_id)
        office.say(claims={"groups": ["mods"]})
        with office.browser() as browser:
            browser.get(office.way_back(browser))
            assert office.signed_in(claims={"groups": ["trust"]}).status_code == 303
            assert browser.get("/account").status_code == 303
        assert office.user().role == "policy_lead"


def test_a_password_is_closed_to_who_comes_from_the_provider_unless_it_is_left_open(
    office: Office,
) -> None:
    service, password = office.service, "a long password of theirs"

    def told() -> str:
        with office.browser() as browser:
            csrf = browser.get("/login").text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
            fields = {"email": PERSON, "password": password, "csrf": csrf}
            answer = browser.post("/login", data=fields)
            return "in" if answer.status_code == 303 else answer.text

    made = login_links.renew(service, _admin(office), office.user().id)
    login_links.set_password(service, str(made.link).rsplit("#", 1)[1], password)
    assert told() == "in"
    office.signed_in()
    assert "You log in with your organisation" in told()
    with pytest.raises(ConflictError):
        login_links.renew(service, _admin(office), office.user().id)
    service.settings = service.settings.model_copy(update={"oidc_passwords": True})
    assert told() == "in"


def _admin(office: Office) -> Caller:
    return Caller(office.tenant_id, Actor("admin", "admin"), frozenset())


def test_a_domain_is_the_same_in_capitals(service: Service, issuer: str, tmp_path: Path) -> None:
    rules = {"oidc_roles": {"mods": "reviewer"}, "oidc_domains": frozenset({"Example.ORG"})}
    with opened(service, issuer, tmp_path, **rules) as office:
        assert office.signed_in(claims={"groups": ["mods"]}).status_code == 303


def test_a_provider_of_one_platform_lets_nobody_into_anothers_login(
    service: Service, issuer: str, tmp_path: Path
) -> None:
    other = add_tenant(service, "two")
    rules = {"oidc_roles": {"mods": "reviewer"}, "oidc_tenant": "one"}
    with opened(service, issuer, tmp_path, **rules) as office:
        keys.create_user(service, PERSON, "admin", tenant_id=other.tenant_id)
        assert office.signed_in(claims={"groups": ["mods"]}).status_code == 401
        theirs = office.user()
        assert (theirs.role, theirs.subject_digest) == ("admin", None)


def test_without_a_provider_there_is_no_such_page(service: Service) -> None:
    with served(service) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as browser:
        assert browser.get("/login/oidc").status_code == 404
        assert "/login/oidc" not in browser.get("/login").text


@pytest.mark.parametrize(
    "wrong", [{"oidc_issuer": "http://idp.example"}, {"oidc_roles": {"mods": "god"}}]
)
def test_settings_that_can_not_be_are_refused_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


# --- creators


@dataclass
class Stage(Office):
    """A platform whose creators sign in at the provider, by another client than staff."""

    def entered(self, browser: httpx.Client, **said: Any) -> httpx.Response:
        """Go to the provider from the creators' page, and come back."""
        self.say(**said)
        there = browser.get("/enter/oidc")
        assert there.status_code == 303, there.text
        back = httpx.get(there.headers["location"], trust_env=False, timeout=60)
        return browser.get(f"/enter/oidc/callback?{urlsplit(back.headers['location']).query}")


@pytest.fixture
def stage(service: Service, issuer: str, tmp_path: Path) -> Iterator[Stage]:
    client = {"creator_oidc_issuer": issuer, "creator_oidc_client_id": oidc_provider.CLIENT}
    with opened(service, issuer, tmp_path, **client) as made:
        secret = {"creator_oidc_client_secret_file": tmp_path / "client.secret"}
        service.settings = service.settings.model_copy(update=secret)
        caller = Caller(made.tenant_id, Actor("platform", "platform"), frozenset())
        casework.account(service, caller, "ana")
        yield Stage(made.service, made.tenant_id, made.url, issuer)


def test_a_creator_enters_by_the_platforms_word_as_by_a_link_that_it_can_revoke(
    stage: Stage,
) -> None:
    with stage.browser() as browser:
        assert 'href="/enter/oidc"' in browser.get("/enter").text
        assert stage.entered(browser, claims={"sub": "ana"}).status_code == 303
        assert browser.get("/my/tracks").status_code == 200
        assert browser.get("/queue").status_code == 403
        assert browser.get("/enter/oidc").headers["location"] == "/"  # nobody is swapped unasked
        with stage.service.database.reading() as session:
            (link,) = session.exec(select(EntryLink)).all()
            rows = session.exec(select(JournalRow).where(JournalRow.subject == link.id)).all()
        assert link.expires_at - link.created_at == timedelta(hours=12)
        assert [(row.data["action"], row.actor) for row in rows] == [("entry_link.created", "oidc")]
        caller = Caller(stage.tenant_id, Actor("platform", "platform"), frozenset())
        with stage.service.database.reading() as session:
            account = session.get_one(Account, link.account_id)
        entry_links.revoke(stage.service, caller, account, link.id)
        assert browser.get("/my/tracks").status_code == 303


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"sub": "somebody else"}, "Nothing of yours is known here yet"),
        ({"sub": "ana", "nonce": "another"}, "be used just now"),
        ({"sub": "ana", "aud": "another"}, "be used just now"),
    ],
)
def test_nobody_enters_whom_the_platform_does_not_know(
    stage: Stage, claims: dict[str, str], words: str
) -> None:
    with stage.browser() as browser:
        answer = stage.entered(browser, claims=claims)
        assert answer.status_code == 401
        assert words in answer.text
        assert browser.get("/my/tracks").status_code == 303
    with stage.service.database.reading() as session:
        assert session.exec(select(EntryLink)).all() == []
        assert len(session.exec(select(Account)).all()) == 1  # none was made


def test_the_account_is_named_by_the_claim_of_the_settings_alone(stage: Stage) -> None:
    settings = stage.service.settings
    stage.service.settings = settings.model_copy(update={"creator_oidc_claim": "channel"})
    with stage.browser() as browser:
        assert stage.entered(browser, claims={"sub": "ana"}).status_code == 401
        assert stage.entered(browser, claims={"channel": ["ana"]}).status_code == 401
        assert stage.entered(browser, claims={"channel": "ana"}).status_code == 303


def test_an_address_that_anybody_may_have_typed_names_no_account(stage: Stage) -> None:
    """OpenID Connect Core 1.0, 5.1: whose address the provider never looked at may be anybody."""
    caller = Caller(stage.tenant_id, Actor("platform", "platform"), frozenset())
    casework.account(stage.service, caller, "ana@example.org")
    settings = stage.service.settings
    stage.service.settings = settings.model_copy(update={"creator_oidc_claim": "email"})
    with stage.browser() as browser:
        for verified in (False, None, "true"):
            said = {"email": "ana@example.org", "email_verified": verified}
            assert stage.entered(browser, claims=said).status_code == 401
        assert stage.entered(browser, claims={"email_verified": True}).status_code == 303


def test_who_left_by_the_creators_door_does_not_come_back_by_that_of_staff(stage: Stage) -> None:
    keys.create_user(stage.service, PERSON, "reviewer", tenant_id=stage.tenant_id)
    stage.say(claims={"sub": "ana"})
    with stage.browser() as browser:
        for there, back in (("/enter/oidc", "/login/oidc"), ("/login/oidc", "/enter/oidc")):
            address = browser.get(there).headers["location"]
            answer = httpx.get(address, trust_env=False, timeout=60).headers["location"]
            query = urlsplit(answer).query
            for said in (query, query.replace("state=", "state=creators:")):
                came = browser.get(f"{back}/callback?{said}")
                assert came.status_code == 401
                assert "took too long, or began in another window" in came.text


def test_of_several_platforms_the_one_that_is_named_or_nobody_enters(stage: Stage) -> None:
    add_tenant(stage.service, "two")
    with stage.browser() as browser:
        assert stage.entered(browser, claims={"sub": "ana"}).status_code == 401
        with stage.service.database.reading() as session:
            (name,) = [each.name for each in keys.tenants(session) if each.id == stage.tenant_id]
        named = {"creator_oidc_tenant": name}
        stage.service.settings = stage.service.settings.model_copy(update=named)
        assert stage.entered(browser, claims={"sub": "ana"}).status_code == 303


def test_without_such_a_provider_there_is_no_way_to_it(office: Office) -> None:
    with office.browser() as browser:
        assert "/enter/oidc" not in browser.get("/enter").text
        for path in ("/enter/oidc", "/enter/oidc/callback"):
            assert browser.get(path).status_code == 404
