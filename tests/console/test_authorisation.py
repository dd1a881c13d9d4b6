"""Who gets in where: every address of the API, asked by every kind of caller, about their own, somebody else's, another platform's.

The table is `tests/scanner/api/roles.yaml`; which single scope opens what is `access.yaml`. Access alone is looked at: a
caller is refused by 401, 403 or 404, and gets in with any other answer, be it that the body is wrong.
"""

import asyncio
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from fastapi import FastAPI
from sqlmodel import select

from scanner import keys
from scanner.callers import SCOPES
from scanner.console import access, sessions
from scanner.role_scopes import BEYOND, HOLDER_SCOPES
from scanner.tables import Account, User
from tests import authorising
from tests.authorising import REFUSED
from tests.console import belongings
from tests.console.belongings import KINDS, STAFF, Crowd
from tests.console.conftest import World
from tests.console.test_roles import ROUTES
from tests.scanner.api import test_access_matrix

TABLE: Final = Path(test_access_matrix.__file__).with_name("roles.yaml")
GROUPS: Final = {"staff": STAFF, "all": tuple(kind for kind in KINDS if kind != "creator")}
OWN_WORDS: Final = {"account", "code", "type", "version"}
"""What a platform names itself: another's caller who says the same means something of their own."""
TWO_STEPS: Final = {
    ("POST", "/v1/accounts/{account}/consents"),
    ("POST", "/v1/generations"),
    ("POST", "/v1/policies/rollback"),
}
"""What reads what it has committed, which here it does not find: it fails behind the door."""
OTHER_IDS: Final = {
    "/v1/appeals/{appeal_id}/assign": {"appeal_id": "{free_id}"},
    "/v1/appeals/{appeal_id}/outcome": {"appeal_id": "{over_id}"},
    "/v1/cases/{case_id}/reopen": {"case_id": "{closed_id}"},
    "/v1/notices/{notice_id}/counter-notice": {"notice_id": "{my_notice_id}"},
    "/v1/tracks/{track_id}/badge": {"track_id": "{out}"},
    "/v1/tracks/{track_id}/badge.svg": {"track_id": "{out}"},
    "/v1/tracks/{track_id}/manifest": {"track_id": "{made_track_id}"},
    "/v1/dead/": {"letter_id": "{dead_id}"},
    "/v1/policies/": {"policy_id": "{pack}"},
    "/v1/accounts/{account}/consents/": {"account": "kim"},
    "/v1/tracks/{track_id}/stems/": {"name": "voice"},
}
"""What a name in an address stands for there, by the address or by how it begins."""
DISPUTE: Final = {
    "claim_id": "{claim_id}",
    "grounds": ["misidentified"],
    "text": "It is a free recording.",
    "attestation": {"name": "Ana Lopez", "text_version": "dispute-1"},
}
SANCTION: Final = {
    "party": {"kind": "account", "id": "{account_id}"},
    "what": "uploads",
    "kind": "warning",
    "reason": "Copies, again.",
    "factors": {"total": 3, "unfounded": 2, "gravity": "serious", "intent": True},
}
OPEN: Final = frozenset({test_access_matrix.PUBLIC, test_access_matrix.VISITOR})
BODIES: Final[dict[tuple[str, str], Any]] = {
    ("POST", "/v1/appeals"): {"track": "{track_id}", "reason": "It is mine."},
    ("POST", "/v1/disputes"): DISPUTE,
    ("POST", "/v1/holds"): {"kind": "track", "id": "{track_id}", "basis": "Court file 5"},
    ("POST", "/v1/licences"): {"holder_id": "{holder_id}"},
    ("POST", "/v1/shares"): {
        "holder_id": "{holder_id}",
        "subject": "{reference_id}",
        "right": "recording",
        "percent": "1",
    },
    ("POST", "/v1/sanctions"): SANCTION,
    ("POST", "/v1/cases/bulk"): {
        "case_id": "{case_id}",
        "by": "audio",
        "dry_run": True,
        "verdict": "block",
        "reason": "copy",
    },
    ("POST", "/v1/appeals/{appeal_id}/out-of-court"): {"body": "User Rights"},
    ("POST", "/v1/cases/golden"): {"case_id": "{case_id}", "verdict": "block"},
    ("POST", "/v1/notices/{notice_id}/counter-notice"): {
        "track_id": "{noticed_id}",
        "elements": {},
    },
}
"""What is sent where the least that is allowed would not be about anything; else that is sent."""
QUERIES: Final = {
    ("DELETE", "/v1/flaggers/{flagger_id}"): "?reason=x",
    ("DELETE", "/v1/dead/{letter_id}"): "?reason=x",
}
BY_LINK: Final = {("POST", "/v1/appeals"): {"sanction": "{sanction_id}", "reason": "I was right."}}


@cache
def table() -> dict[tuple[str, str], dict[str, bool]]:
    """Return by method and path who gets in, and of each whether only to their own."""
    found = {}
    for route, named in yaml.safe_load(TABLE.read_text()).items():
        method, _, path = route.partition(" ")
        marks = {each.rstrip("*"): each.endswith("*") for each in named.split()}
        found[method, path] = {
            kind: own for each, own in marks.items() for kind in GROUPS.get(each, (each,))
        }
    return found


@dataclass(frozen=True)
class Door:
    """An address, and who stands before it with what."""

    method: str
    path: str
    ids: Mapping[str, str]
    body: Any

    @property
    def names_an_object(self) -> bool:
        """Whether it is about something that is somebody's."""
        names = set(re.findall(r"{(\w+)}", self.path))
        if names <= OWN_WORDS and self.method in ("PUT", "POST"):
            return "{" in str(BODIES.get((self.method, self.path), ""))
        return bool(names - {"type", "version", "code"})

    async def status(self, app: FastAPI, headers: Mapping[str, str], link: str | None) -> int:
        sent: dict[str, str] = {"If-Match": "*", **headers}
        content = b""
        if self.method not in ("GET", "DELETE"):
            token = {} if link is None else {"token": link}
            more, content = authorising.as_json(_filled(self.body, self.ids) | token)
            sent |= more
        address = authorising.filled(self.path, self.ids)
        address += QUERIES.get((self.method, self.path), "")
        return (await authorising.ask(app, self.method, address, sent, content)).status


def _filled(body: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: _filled(each, ids) for name, each in body.items()}
    if isinstance(body, list):
        return [_filled(each, ids) for each in body]
    return authorising.filled(body, ids) if isinstance(body, str) else body


@dataclass
class Asked:
    """An application, who may ask it, and what they have."""

    app: FastAPI
    crowds: tuple[Crowd, Crowd, Crowd]
    theirs: Mapping[str, Mapping[str, str]]
    least: Mapping[tuple[str, str], Any]

    def door(self, method: str, path: str, kind: str) -> Door:
        ids = dict(self.theirs[kind])
        for start, others in OTHER_IDS.items():
            if path == start or (start.endswith("/") and path.startswith(start)):
                ids |= {name: authorising.filled(each, ids) for name, each in others.items()}
        body = BODIES.get((method, path), self.least.get((method, path), {}))
        if kind == "link":
            body = BY_LINK.get((method, path), body)
        return Door(method, path, ids, body)

    async def of(self, door: Door, kind: str, crowd: Crowd, token: str | None = None) -> int:
        """Return what somebody is answered."""
        token = token or crowd.tokens.get(kind)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await door.status(self.app, headers, crowd.link_token if kind == "link" else None)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def asked(world: World, runner: asyncio.Runner) -> Iterator[Asked]:
    crowds = belongings.crowds(world)
    theirs = belongings.of_platform(world, crowds[0])
    with authorising.application(world.service, runner) as app:
        yield Asked(app, crowds, theirs, authorising.bodies(app.openapi()))


def test_every_route_and_every_role_is_in_the_table(asked: Asked) -> None:
    paths = asked.app.openapi()["paths"]
    served = {
        (method.upper(), path)
        for path in paths
        if path.startswith("/v1/")
        for method in paths[path]
    }
    assert set(table()) == served
    assert {kind for named in table().values() for kind in named} == set(KINDS)
    by_link = {"rights_holder", "creator", "parent"}
    assert {*belongings.ROLES.values()} | by_link == {*keys.ROLES}
    assert {*BEYOND} | {"rights_holder"} == {*keys.ROLES}


def test_who_gets_in_where_is_as_the_table_says(
    world: World, asked: Asked, runner: asyncio.Runner
) -> None:
    own, near, far = asked.crowds
    wrong: list[str] = []

    async def expect(door: Door, kind: str, whose: str, crowd: Crowd, gets_in: bool) -> None:
        status = await asked.of(door, kind, crowd)
        if status >= 500 and (door.method, door.path) in TWO_STEPS and gets_in:
            return
        if (status not in REFUSED) != gets_in or status >= 500:
            says = "gets in" if gets_in else "is refused"
            wrong.append(f"{door.method} {door.path}: {kind} with {whose} {says}, but: {status}")

    async def walk() -> None:
        for (method, path), named in sorted(table().items()):
            for kind in KINDS:
                door = asked.door(method, path, kind)
                await expect(door, kind, "their own", own, kind in named)
                if kind not in named or not door.names_an_object:
                    continue
                if named[kind]:  # else it is the platform's, and the same to all of the kind
                    await expect(door, kind, "somebody else's", near, False)
                if "visitor" not in named:
                    await expect(door, kind, "another platform's", far, False)

    with authorising.nothing_kept(world.service):
        runner.run(walk())
    assert not wrong, "\n".join(wrong)


def two_doors() -> dict[tuple[str, str], list[str]]:
    """Return the addresses that either of two scopes opens, with the scopes."""
    found = {
        (method, path): sorted(needs & {*SCOPES})
        for (path, method), needs in test_access_matrix.table().items()
    }
    return {route: scopes for route, scopes in found.items() if len(scopes) > 1}


def test_each_of_two_doors_opens_to_the_same(
    world: World, asked: Asked, runner: asyncio.Runner
) -> None:
    """A key with one of two scopes alone sees no more through its door than the table says."""
    own, near, _ = asked.crowds
    wrong: list[str] = []

    def key(crowd: Crowd, kind: str, scope: str) -> str:
        whose: dict[str, Any] = {"holder": {"holder_id": crowd.holder_id}, "platform": {}}.get(
            kind
        ) or {}
        if kind in belongings.ROLES:
            with world.service.database.reading() as session:
                whose = {"user": session.get_one(User, crowd.users[kind]).email}
        return keys.create_key(world.service, world.caller.tenant_id, "one", [scope], **whose)[1]

    def may_have(kind: str, scope: str) -> bool:
        if kind == "holder":
            return scope in HOLDER_SCOPES
        return kind == "platform" or (
            kind in belongings.ROLES and scope not in BEYOND[belongings.ROLES[kind]]
        )

    tokens = {
        (kind, scope): (key(own, kind, scope), key(near, kind, scope))
        for scope in {scope for scopes in two_doors().values() for scope in scopes}
        for kind in KINDS
        if may_have(kind, scope)
    }

    async def walk() -> None:
        for (method, path), scopes in two_doors().items():
            named = table()[method, path]
            for (kind, scope), (mine, others) in tokens.items():
                if scope not in scopes:
                    continue
                door = asked.door(method, path, kind)
                told = [await asked.of(door, kind, own, mine)]
                told.append(await asked.of(door, kind, near, others))
                gets_in = [
                    kind in named,
                    kind in named and not (named[kind] and door.names_an_object),
                ]
                if [each not in REFUSED for each in told] != gets_in:
                    wrong.append(f"{method} {path}: {kind} with {scope} alone: {told}")

    with authorising.nothing_kept(world.service):
        runner.run(walk())
    assert len(two_doors()) > 5
    assert not wrong, "\n".join(wrong)


def test_neither_a_consoles_cookie_nor_a_parents_link_is_a_key(
    world: World, asked: Asked, runner: asyncio.Runner
) -> None:
    with world.service.database.reading() as session:
        admin = session.exec(select(User).where(User.email == "admin@example.org")).one()
    token = sessions.begin(world.service, admin, former=None, language=None)
    cookie = {"Cookie": f"{access.COOKIE}={token}"}
    others = itertools.cycle([token, world.links["parent"], "clr_live_" + "x" * 43])
    opened: list[str] = []
    needs = test_access_matrix.table()

    async def walk() -> None:
        for method, path in sorted(table()):
            door = asked.door(method, path, "platform")
            if needs[path, method] & OPEN:
                continue
            for headers in (cookie, {"Authorization": f"Bearer {next(others)}"}):
                status = await door.status(asked.app, headers, None)
                if status != 401:
                    opened.append(f"{method} {path}: {status}")

    with authorising.nothing_kept(world.service):
        runner.run(walk())
    assert not opened, "\n".join(opened)


PEOPLES: Final = frozenset({"rights_holder", "creator", "parent"})
"""Roles that see their own alone at the console; of staff, each sees the platform's."""
FORM: Final = b"version=1&disabled=yes&reason=x&text=x&name=x&answer=uphold&ground=licence"
NOBODYS: Final = {
    "/account/sessions/{digest}/end",
    "/dashboards/{name}",
    "/dashboards/{name}.svg",
}
"""What such an address names is no object: a digest of one's own sessions, a kind of chart."""


def test_pages_about_what_is_somebody_elses_read_as_unknown(
    world: World, asked: Asked, runner: asyncio.Runner
) -> None:
    _, near, far = asked.crowds
    with world.service.database.reading() as session:
        elsewhere = session.get_one(Account, far.account_id).tenant_id
    other = replace(world.caller, tenant_id=elsewhere)
    by_crowd = {
        "somebody else's": belongings.at_the_console(world.service, world.caller, near, "next"),
        "another platform's": belongings.at_the_console(world.service, other, far, "there"),
    }
    wrong: list[str] = []
    tried = 0

    async def walk() -> None:
        nonlocal tried
        for (method, path), roles in sorted(ROUTES.items()):
            if "{" not in path or None in roles or path in NOBODYS:
                continue
            for (whose, tokens), role in itertools.product(by_crowd.items(), sorted(roles)):
                if whose == "somebody else's" and role not in PEOPLES:
                    continue
                headers = {
                    "Host": "localhost",
                    "Cookie": f"{access.COOKIE}={tokens[role]}",
                    "X-CSRF-Token": sessions.csrf_of(tokens[role]),
                    "Content-Type": "application/x-www-form-urlencoded",
                }
                address = authorising.filled(path, world.ids)
                body = FORM if method == "POST" else b""
                answer = await authorising.ask(asked.app, method, address, headers, body)
                tried += 1
                if answer.status not in (403, 404):
                    wrong.append(
                        f"{method} {path}: {role} with {whose}: {answer.status} {answer.location}"
                    )

    with authorising.nothing_kept(world.service):
        runner.run(walk())
    assert tried > 100
    assert not wrong, "\n".join(wrong)
