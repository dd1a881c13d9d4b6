"""A new key for stored secrets and links, while others go on with what they have."""

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlmodel import select

from scanner import login_links, notices, secret_rotation, webhooks
from scanner.callers import Caller
from scanner.errors import ConflictError, UnauthorisedError
from scanner.notice_senders import opens, token_of
from scanner.notices import Filing
from scanner.secrets import SecretBox, SecretKeyError
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import Notice, Webhook
from tests import noticed


@pytest.fixture
def notice(service: Service, caller: Caller) -> Notice:
    made = notices.new(service, caller.tenant_id, Filing("dmca", noticed.DMCA))
    with service.database.transaction() as session:
        session.add(made)
    return made


def rotated(service: Service, caller: Caller, *, forget: bool = False) -> int:
    return secret_rotation.rotate(service, caller.actor, caller.tenant_id, forget=forget)


def stored(service: Service) -> tuple[Webhook, Notice]:
    with service.database.reading() as session:
        return session.exec(select(Webhook)).one(), session.exec(select(Notice)).one()


@pytest.mark.parametrize("forget", [False, True])
def test_what_is_stored_is_sealed_anew_and_a_running_process_opens_it(
    make_service, caller: Caller, service: Service, notice: Notice, forget: bool
) -> None:
    running, old = make_service(), SecretBox.of(service.settings)
    _, secret = webhooks.create(service, caller, "https://platform.example/hook", ["*"])
    first = token_of(service, notice)
    before = (service.settings.home / "secret.key").read_bytes()
    assert running.secrets.open(stored(service)[0].sealed_secret) == secret

    assert rotated(service, caller, forget=forget) == 1
    hook, told = stored(service)
    for box in (running.secrets, old):
        assert box.open(hook.sealed_secret) == secret
    with pytest.raises(SecretKeyError):
        SecretBox(before.split).open(hook.sealed_secret)
    assert (token_of(running, told) == first) is not forget
    assert opens(told, token_of(running, told))
    keys = (service.settings.home / "secret.key").read_bytes().split()
    assert (before in keys) is not forget
    assert len(keys) == (1 if forget else 2)
    assert (service.settings.home / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("forget", [False, True])
def test_a_link_to_set_a_password_is_good_until_its_key_is_forgotten(
    service: Service, caller: Caller, forget: bool
) -> None:
    made = login_links.invite(service, caller, "nora@example.org", "reviewer")
    rotated(service, caller, forget=forget)
    token = made.link.rsplit("#", 1)[1]
    if forget:
        with pytest.raises(UnauthorisedError):
            login_links.set_password(service, token, "four quiet herons wade")
    else:
        login_links.set_password(service, token, "four quiet herons wade")


def test_with_keys_of_the_settings_what_is_stored_is_sealed_with_the_first(
    service: Service, make_service, caller: Caller, notice: Notice
) -> None:
    old, new = (service.settings.home / "secret.key").read_text(), Fernet.generate_key().decode()
    _, secret = webhooks.create(service, caller, "https://platform.example/hook", ["*"])
    both = make_service(secret_key=SecretStr(f"{new} {old}"))
    for box, forget in ((make_service(secret_key=SecretStr(old)), False), (both, True)):
        with pytest.raises(ConflictError, match="put a new one before"):
            rotated(box, caller, forget=forget)
    assert rotated(both, caller) == 1
    hook, told = stored(service)
    only = make_service(secret_key=SecretStr(new))
    assert only.secrets.open(hook.sealed_secret) == secret
    assert opens(told, token_of(both, told))
    assert (service.settings.home / "secret.key").read_text() == old


def test_a_key_file_stays_its_owners(service: Service, caller: Caller) -> None:
    path = service.settings.home / "secret.key"
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    rotated(service, caller)
    after = path.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


@pytest.mark.parametrize("said", ["changeme", "", " ", "c2hvcnQ="])
def test_what_is_no_key_is_refused_before_it_signs_anything(said: str, tmp_path: Path) -> None:
    with pytest.raises(SecretKeyError, match="CLEARANCE_SECRET_KEY"):
        SecretBox.of(Settings(secret_key=SecretStr(said)))
    (tmp_path / "secret.key").write_text(said)
    (tmp_path / "secret.key").chmod(0o600)
    with pytest.raises(SecretKeyError, match=r"secret\.key"):
        SecretBox.of(Settings(home=tmp_path))
