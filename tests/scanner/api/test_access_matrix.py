"""Which key opens which address: every route, without a key, without its scope, with its scope alone.

The table is `access.yaml`: by address and method the scope that it needs (or one of several, with *or*);
`key` where any key will do, `public` where none is asked for. `visitor` is whoever has a link's token,
which is looked at later; `person` means that a platform's key never does, only a member of staff's. What is
seen behind an open door is tested with each resource.
"""

import re
from pathlib import Path
from typing import Final

import httpx
import yaml

from scanner import keys
from scanner.callers import SCOPES
from scanner.clock import new_id
from tests.scanner.api.conftest import Api

TABLE: Final = Path(__file__).with_name("access.yaml")
METHODS: Final = ("get", "put", "post", "patch", "delete")
PUBLIC, KEY, VISITOR, PERSON = "public", "key", "visitor", "person"
REFUSED: Final = (401, 403)


def routes(api: Api) -> set[tuple[str, str]]:
    """Every address of the API below /v1, by path and method."""
    paths = api.client(None).get("/openapi.json").json()["paths"]
    return {
        (path, method.upper())
        for path, own in paths.items()
        if path.startswith("/v1/")
        for method in own
        if method in METHODS
    }


def table() -> dict[tuple[str, str], set[str]]:
    content = yaml.safe_load(TABLE.read_text())
    return {
        (path, method): set(needs.split(" or "))
        for path, own in content.items()
        for method, needs in own.items()
    }


def test_every_route_is_in_the_table(api: Api) -> None:
    assert set(table()) == routes(api)
    assert set().union(*table().values()) <= {*SCOPES, PUBLIC, KEY, VISITOR, PERSON}


def test_no_door_opens_to_another_scope(api: Api) -> None:
    platform = api.platform()

    def client_with(*scopes: str) -> httpx.Client:
        _, token = keys.create_key(api.service, platform.tenant.id, "matrix", scopes)
        return api.client(token)

    nobody, whole = api.client(None), client_with(*SCOPES)
    alone = {scope: client_with(scope) for scope in SCOPES}
    without: dict[frozenset[str], httpx.Client] = {}
    wrong = []
    for (path, method), needs in sorted(table().items()):
        scopes = frozenset(needs & set(SCOPES))
        if scopes not in without:
            without[scopes] = client_with(*(set(SCOPES) - scopes))
        tried = [("without a key", nobody, not needs & {PUBLIC, VISITOR})]
        if needs == {PERSON}:
            tried.append(("with a platform's key", whole, True))
        elif scopes:
            tried.append(("without its scope", without[scopes], True))
        tried += [(f"with {scope}", alone[scope], False) for scope in sorted(scopes)]
        if needs == {KEY}:
            tried.append(("with any key", alone["webhooks"], False))
        for how, client, is_refused in tried:
            status = _status(client, method, path)
            if (status in REFUSED) != is_refused or status >= 500:
                wrong.append(f"{method} {path} {how}: {status}")
    assert wrong == []


def _status(client: httpx.Client, method: str, path: str) -> int:
    address = re.sub(r"{[^}]*}", new_id(), path)
    body = {} if method in ("GET", "DELETE") else {"json": {}}
    with client.stream(method, address, **body) as answer:
        return answer.status_code
