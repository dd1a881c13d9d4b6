"""A whole console: real server, database and sound, a person of every role, and a browser."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from filelock import FileLock
from sqlmodel import select

from scanner import keys, policies
from scanner.audio import Decoder
from scanner.audio.children import LimitedChildren
from scanner.callers import SCOPES, Caller
from scanner.clock import new_id, utc_now
from scanner.inline import drive
from scanner.journal import Actor
from scanner.rollouts import id_of
from scanner.secrets import make_key_file
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Case, DeadLetter, User, Webhook, WebhookDelivery
from tests import rollouts
from tests.console.areas import areas
from tests.scanner.api.conftest import TLS, served, sound

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PASSWORD: Final = "a long password of theirs"
SCREENSHOTS: Final = Path(__file__).parents[2] / ".screenshots"
AXE: Final = Path(__file__).parent / "axe" / "axe.min.js"
CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"


_addresses = itertools.cycle(range(2, 250))


@dataclass
class World:
    """A platform with one case, and what its pages are about."""

    service: Service
    url: str
    caller: Caller
    case_id: str = ""
    track_id: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Of the roles that have no password: the token of a link by which somebody enters."""
    complaints: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def http(self, role: str | None = None, **headers: str) -> Iterator[httpx.Client]:
        """Give a browser without a screen, logged in as somebody of a role.

        Each has an address of its own: from one, a login may be tried ten times in five minutes.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        away = httpx.HTTPTransport(verify=TLS, local_address=f"127.0.0.{next(_addresses)}")
        with httpx.Client(
            base_url=self.url, headers=named, trust_env=False, transport=away, timeout=30
        ) as client:
            if role in self.links:
                enter(client, self.links[role])
            elif role is not None:
                log_in(client, email_of(role))
            yield client


def email_of(role: str) -> str:
    return f"{role}@example.org"


def csrf_in(text: str) -> str:
    """The token in a page's forms."""
    return text.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def log_in(client: httpx.Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    csrf = csrf_in(client.get("/login").text)
    fields = {"email": email, "password": password, "csrf": csrf, **more}
    return client.post("/login", data=fields)


def enter(client: httpx.Client, link: str) -> Any:
    csrf = csrf_in(client.get("/enter").text)
    return client.post("/enter", data={"link": link, "csrf": csrf})


@pytest.fixture(scope="session")
def filled(
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    migrated_sqlite: Path,
    children: LimitedChildren,
) -> Path:
    """The home of a platform on which much happened, made once a run: modules work on copies of it."""
    root = tmp_path_factory.getbasetemp()
    root = root if worker_id == "master" else root.parent
    home, told = root / "console-world", root / "console-world.json"
    with FileLock(root / "console-world.lock"):
        if not told.exists():
            home.mkdir()
            shutil.copy(migrated_sqlite, home / "clearance.db")
            make_key_file(home)
            with _running(home, children) as (service, url):
                tenant = keys.create_tenant(service, "Label One")
                made = World(service, url, _caller(tenant.id))
                for role in keys.ROLES:
                    keys.create_user(service, email_of(role), role, PASSWORD, tenant_id=tenant.id)
                _fill(made)
                for area in areas():
                    made.ids |= area.fill(made)
            known = {name: getattr(made, name) for name in ("case_id", "track_id", "ids", "links")}
            told.write_text(json.dumps({"tenant_id": tenant.id, "known": known}))
    return home


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, filled: Path, children: LimitedChildren
) -> Iterator[World]:
    home = tmp_path_factory.mktemp("console") / "home"
    shutil.copytree(filled, home)
    told = json.loads(filled.with_suffix(".json").read_text())
    with _running(home, children) as (service, url):
        yield World(service, url, _caller(told["tenant_id"]), **told["known"])


def _caller(tenant_id: str) -> Caller:
    return Caller(tenant_id, Actor("key-of-one", "platform"), frozenset(SCOPES))


@contextlib.contextmanager
def _running(home: Path, children: LimitedChildren) -> Iterator[tuple[Service, str]]:
    settings = Settings(
        dmca_agent_name="Agnes Agent",
        dmca_agent_phone="+49 30 1234567",
        home=home,
        workers=0,
        retries=3,
        public_rate_limit="10000/minute",
        rate_limit="10000/minute",
        reference_preview="opus",
        precheck_seconds=60,  # on a busy machine too, references are checked when they come
    )
    with Service(settings) as service:
        service.decoder = Decoder(settings.decode_limits(), settings.temporary_folder)
        service.decoder.children = children  # not closed with the service: all tests share it
        with served(service) as url:
            yield service, url


def _fill(world: World) -> None:
    """A reference, an upload that holds most of it, and what only operators see."""
    service, caller = world.service, world.caller
    key, token = keys.create_key(service, caller.tenant_id, "Label One's key")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(
        base_url=world.url, headers=headers, trust_env=False, verify=TLS, timeout=60
    ) as client:
        client.post(
            "/v1/references",
            files={"file": ("reference.wav", sound(7, 30))},
            data={"title": "Blue Hour"},
        ).raise_for_status()
        answer = client.post(
            "/v1/tracks",
            headers={"Idempotency-Key": new_id()},
            files={"file": ("night drive.wav", sound(7, 24))},
            data={
                "account": "ana",
                "lyrics": "Hold on\nI will kill you, fucking night\n<b>Hold</b>",
            },
        )
        assert answer.status_code == 202, answer.text
        world.track_id = answer.json()["track_id"]
    drive(service, world.track_id)
    pack = policies.add(service, caller, rollouts.pack_text())
    now = utc_now()
    webhook = Webhook(
        id=new_id(), tenant_id=caller.tenant_id, url="https://hooks.example.org/in", events=["*"],
        sealed_secret="sealed", created_at=now,
    )  # fmt: skip
    delivery = WebhookDelivery(
        id=new_id(), tenant_id=caller.tenant_id, webhook_id=webhook.id, event_id=new_id(), sequence=1,
        event_type="clearance.track.decided", payload={}, state="failed", tries=5, created_at=now,
    )  # fmt: skip
    with service.database.transaction() as session:
        case = session.exec(select(Case).where(Case.track_id == world.track_id)).one()
        case.legal_due_at = case.opened_at + timedelta(days=1)
        user = session.exec(select(User).where(User.email == email_of("reviewer"))).one()
        case.state, case.holder, case.due_at = "leased", user.id, now + timedelta(hours=4)
        session.add(webhook)
        session.flush()
        session.add(delivery)
        letter = DeadLetter(
            id=new_id(), tenant_id=caller.tenant_id, group="analyse", topic="tracks", event_id=new_id(),
            subject=world.track_id, error="StoreError", detail="the audio store did not answer",
            attempts=4, state="dead", payload="", created_at=now,
        )  # fmt: skip
        session.add(letter)
        world.case_id = case.id
    world.ids = {
        "case_id": world.case_id,
        "track_id": world.track_id,
        "key_id": key.id,
        "webhook_id": webhook.id,
        "delivery_id": delivery.id,
        "letter_id": letter.id,
        "pack": id_of(pack),
    }


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-proxy-server",
    ]
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--mute-audio"])
        yield started
        started.close()


def _complain(told: Any, complaints: list[str]) -> None:
    """Note an error of a page, with the address that it is about."""
    if told.type == "error":
        complaints.append(f"{told.text} {told.location.get('url', '')}")


@contextlib.contextmanager
def opened(browser: "Browser", world: World, role: str | None, **options: Any) -> "Iterator[Page]":
    """A window of its own; what its pages complain of fails the test."""
    context = browser.new_context(base_url=world.url, **options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints = world.complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: _complain(told, complaints))
    try:
        if role in world.links:
            page.goto(f"/enter#{world.links[role]}")
            page.wait_for_url(lambda url: "/enter" not in url)
        elif role is not None:
            page.goto("/login")
            page.fill("#email", email_of(role))
            page.fill("#password", PASSWORD)
            page.click("main button")
            page.wait_for_url(lambda url: "/login" not in url)
        yield page
        assert complaints == []
    finally:
        context.close()


def shot(page: "Page", name: str) -> None:
    """Keep a picture of a page, to be looked at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def serious_issues(world: World, page: "Page") -> list[str]:
    """What axe-core finds that keeps somebody from using a page."""
    before = len(world.complaints)
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run()")
    del world.complaints[before:]  # axe-core sets styles that the page's policy refuses
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]
