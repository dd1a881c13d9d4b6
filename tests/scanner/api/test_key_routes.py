"""Keys and what they may do: their scopes, the roles of their owners, and logins and signing keys."""

import hashlib
from typing import Any

import pytest
from sqlmodel import select

from scanner import keys, signing_keys
from scanner.callers import SCOPES
from scanner.clock import new_id
from scanner.errors import BadKeyRequestError
from scanner.role_scopes import BEYOND, HOLDER_SCOPES
from scanner.tables import ApiKey, User
from tests.scanner.api.conftest import Api, Platform, problem


def test_a_key_is_shown_once_and_kept_as_a_digest(api: Api, platform: Platform) -> None:
    made = platform.http.post("/v1/keys", json={"name": "ci", "scopes": ["tracks:read"]}).json()

    token = made["key"]
    with api.service.database.reading() as session:
        kept = session.get_one(ApiKey, made["id"])
    assert kept.digest == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) == len("clr_live_") + 43  # 256 bits in base64
    assert token not in str(kept)
    assert token not in platform.http.get("/v1/keys").text
    assert token not in str(api.journal(platform))
    assert api.client(token).get("/v1/tracks").status_code == 200


def test_a_revoked_key_is_refused_from_then_on(api: Api, platform: Platform) -> None:
    made = platform.http.post("/v1/keys", json={"name": "ci", "scopes": ["tracks:read"]}).json()
    client, address = api.client(made["key"]), f"/v1/keys/{made['id']}"

    assert problem(platform.http.delete(address)) == "precondition-required"
    assert client.get("/v1/tracks").status_code == 200
    revoked = platform.http.delete(address, headers={"If-Match": '"1"'})
    stale = platform.http.delete(address, headers={"If-Match": '"1"'})

    assert revoked.status_code == 204
    assert problem(client.get("/v1/tracks")) == "unauthorised"
    assert problem(stale) == "precondition-failed"
    assert platform.http.get(address).json()["revoked_at"]
    actions = [
        row.data["action"]
        for row in api.journal(platform, "clearance.operations.changed")
        if row.subject == made["id"]
    ]
    assert actions == ["key.created", "key.revoked"]


SCOPED = [
    ("tracks:write", "POST", "/v1/tracks"),
    ("tracks:read", "GET", "/v1/tracks"),
    ("references:write", "POST", "/v1/references"),
    ("references:read", "GET", "/v1/references"),
    ("references:read", "GET", "/v1/references/stats"),
    ("references:read", "GET", "/v1/banks"),
    ("references:write", "POST", "/v1/banks"),
    ("references:settle", "POST", f"/v1/references/{new_id()}/settle"),
    ("contest:read", "GET", "/v1/letters"),
    ("contest:write", "POST", f"/v1/letters/{new_id()}/read"),
    ("accounts:read", "GET", "/v1/accounts/kid/age"),
    ("accounts:read", "GET", "/v1/accounts/kid/consents"),
    ("accounts:write", "PUT", "/v1/accounts/kid/controls"),
    ("accounts:write", "POST", "/v1/accounts/kid/consents"),
    ("accounts:write", "POST", f"/v1/accounts/kid/consents/{new_id()}/grant"),
    ("tracks:write", "POST", "/v1/generations"),
    ("webhooks", "GET", "/v1/webhooks"),
    ("webhooks", "POST", "/v1/webhooks"),
    ("cases:read", "GET", "/v1/cases"),
    ("cases:decide", "POST", f"/v1/cases/{new_id()}/lease"),
    ("contest:write", "POST", f"/v1/cases/{new_id()}/answer"),
    ("audit:read", "GET", "/v1/audit"),
    ("audit:read", "GET", "/v1/audit/verify"),
    ("operations", "GET", "/v1/keys"),
    ("operations", "POST", "/v1/keys"),
    ("operations", "GET", "/v1/dead"),
    ("policies:write", "POST", "/v1/policies"),
    ("notices:read", "GET", "/v1/notices"),
    ("notices:write", "POST", "/v1/notices"),
    ("rights:read", "GET", "/v1/shares"),
    ("rights:write", "POST", "/v1/shares"),
    ("policies:approve", "POST", "/v1/policies/rollback"),
]


def test_a_key_without_the_scope_is_forbidden_and_told_which(api: Api, platform: Platform) -> None:
    for scope, method, address in SCOPED:
        others = [each for each in SCOPES if each != scope]

        answer = api.scoped(platform, *others).request(method, address)
        allowed = api.scoped(platform, scope).request(method, address)

        assert (answer.status_code, problem(answer)) == (403, "forbidden"), address
        assert scope in answer.json()["detail"]
        assert allowed.status_code != 403, address
    assert {scope for scope, _, _ in SCOPED} == set(SCOPES)


STRANGERS = [
    "",
    "Bearer",
    "Basic YTpi",
    "Bearer clr_live_" + "a" * 43,
    "Bearer nonsense",
    "Bearer " + "é" * 40,
]


def test_without_a_known_key_nothing_is_told(api: Api) -> None:
    for header in STRANGERS:
        answer = api.client().get(
            "/v1/tracks", headers={"Authorization": header.encode()} if header else {}
        )

        assert (answer.status_code, problem(answer)) == (401, "unauthorised"), header
        assert answer.headers["www-authenticate"] == "Bearer"
    assert problem(api.client().get("/v1/tracks")) == "unauthorised"


def test_a_key_gives_away_no_scope_that_it_lacks(api: Api, platform: Platform) -> None:
    client = api.scoped(platform, "operations", "tracks:read")

    beyond = client.post("/v1/keys", json={"name": "n", "scopes": ["audit:read"]})
    within = client.post("/v1/keys", json={"name": "n", "scopes": ["tracks:read"]})
    unknown = client.post("/v1/keys", json={"name": "n", "scopes": ["all"]})

    assert (problem(beyond), within.status_code, problem(unknown)) == (
        "forbidden",
        201,
        "bad-fields",
    )


STAFF = ("reviewer", "appeals_officer", "policy_lead", "auditor")


@pytest.mark.parametrize("role", STAFF)
def test_a_key_of_staff_that_names_no_scope_makes_no_keys(
    api: Api, platform: Platform, role: str
) -> None:
    user, _ = keys.create_user(api.service, "kim@example.com", role, tenant_id=platform.tenant.id)
    kept, token = keys.create_key(api.service, platform.tenant.id, "kim's", user=user.email)
    assert not {"operations", "accounts:write", "references:write"} & set(kept.scopes)
    assert "policies:approve" not in kept.scopes or role == "policy_lead"
    assert all(each.endswith(":read") for each in kept.scopes) or role != "auditor"

    body = {"name": "mine", "scopes": ["tracks:read"]}
    assert problem(api.client(token).post("/v1/keys", json=body)) == "forbidden"


@pytest.mark.parametrize("role", [*BEYOND])
def test_no_key_of_staff_has_a_scope_beyond_its_role(
    api: Api, platform: Platform, role: str
) -> None:
    user, _ = keys.create_user(api.service, "kim@example.com", role, tenant_id=platform.tenant.id)
    for scope in BEYOND[role]:
        with pytest.raises(BadKeyRequestError, match=f"no scope {scope};|enter by links"):
            keys.create_key(api.service, platform.tenant.id, "kim's", [scope], user=user.email)


def test_a_key_does_what_its_owners_role_is_for_now(api: Api, platform: Platform) -> None:
    user, _ = keys.create_user(
        api.service, "kim@example.com", "admin", tenant_id=platform.tenant.id
    )
    _, token = keys.create_key(api.service, platform.tenant.id, "kim's", user=user.email)
    client = api.client(token)
    assert client.get("/v1/keys").status_code == 200

    with api.service.database.transaction() as session:
        session.get_one(User, user.id).role = "reviewer"
    assert problem(client.get("/v1/keys")) == "forbidden"
    assert client.get("/v1/cases").status_code == 200

    holder = platform.http.post("/v1/holders", json={"name": "A label"}).json()["id"]
    with api.service.database.transaction() as session:
        row = session.get_one(User, user.id)
        row.role, row.holder_id = "rights_holder", holder
    assert problem(client.get("/v1/cases")) == "unauthorised"  # it was made for the platform


def test_a_key_acts_for_a_holder_only_if_its_login_does(api: Api, platform: Platform) -> None:
    holder = platform.http.post("/v1/holders", json={"name": "A label"}).json()["id"]
    user, _ = keys.create_user(
        api.service, "kim@example.com", "reviewer", tenant_id=platform.tenant.id
    )
    with pytest.raises(BadKeyRequestError, match="only a login of the role rights_holder"):
        keys.create_key(api.service, platform.tenant.id, "kim's", user=user.email, holder_id=holder)


def test_a_key_of_a_rights_holders_login_acts_for_the_holder_alone(
    api: Api, platform: Platform, wav: bytes
) -> None:
    track = platform.decided(wav)
    holder = platform.http.post("/v1/holders", json={"name": "A label"}).json()["id"]
    user, _ = keys.create_user(api.service, "a@label.example", "rights_holder", holder_id=holder)

    kept, token = keys.create_key(api.service, platform.tenant.id, "label", user=user.email)

    label = api.client(token)
    assert (kept.holder_id, set(kept.scopes)) == (holder, set(HOLDER_SCOPES))
    assert problem(label.get(f"/v1/tracks/{track}")) == "forbidden"
    assert label.get("/v1/claims").json()["items"] == []
    with pytest.raises(BadKeyRequestError, match="no other"):
        keys.create_key(
            api.service, platform.tenant.id, "label", user=user.email, holder_id="another"
        )
    with pytest.raises(BadKeyRequestError, match="has no scope tracks:read"):
        keys.create_key(api.service, platform.tenant.id, "label", ["tracks:read"], user=user.email)


def test_a_password_is_kept_as_argon2id_and_checked(api: Api) -> None:
    user, password = keys.create_user(api.service, "Admin@Example.com", "admin")

    with api.service.database.reading() as session:
        kept = session.exec(select(User)).one()
        assert keys.check_password(session, "admin@example.com", password).id == user.id
        for email, wrong in (("admin@example.com", "x"), ("nobody@example.com", "")):
            with pytest.raises(keys.UnauthorisedError):
                keys.check_password(session, email, wrong)
    assert kept.password_hash.startswith("$argon2id$")
    with pytest.raises(keys.ConflictError):
        keys.create_user(api.service, "admin@example.com", "auditor")


def test_a_signing_key_signs_and_only_its_public_half_is_kept(api: Api, platform: Platform) -> None:
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
        load_pem_public_key,
    )

    key, pem = signing_keys.create(api.service, platform.tenant.id, "bus")

    private: Any = load_pem_private_key(pem.encode(), None)
    public: Any = load_pem_public_key(key.public_key.encode())
    public.verify(private.sign(b"message"), b"message")
    assert "PRIVATE" not in key.public_key
