"""Admins who change each other's logins at once: one of them is first, and stays."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlmodel import select

from scanner import keys, login_links, logins, passwords
from scanner.console import sessions
from scanner.errors import ForbiddenError, UnauthorisedError
from scanner.journal import Actor
from scanner.tables import ConsoleSession, User
from tests.running import add_tenant


def test_two_admins_who_put_each_other_out_of_use_leave_one(make_service, database_url) -> None:
    service = make_service(database_url=database_url)
    platform = add_tenant(service)
    both = [
        keys.create_user(service, f"{name}@example.org", "admin", tenant_id=platform.tenant_id)[0]
        for name in ("ana", "ben")
    ]

    def disable(own: User, other: User) -> bool:
        caller = replace(platform, actor=Actor(own.id, "admin"), user_id=own.id)
        try:
            logins.change(service, caller, other.id, disabled=True)
        except ForbiddenError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(disable, both, reversed(both)))
    assert sorted(done) == [False, True]
    with service.database.reading() as session:
        left = logins.listed(session, platform.tenant_id)
    assert [each.disabled_at is None for each in left].count(True) == 1


def test_a_login_out_of_use_takes_its_links_along(service) -> None:
    """A link from before lets nobody set a password once the login is back in use."""
    platform = add_tenant(service)
    made = login_links.invite(service, platform, "ana@example.org", "reviewer")
    token = str(made.link).partition("#")[2]
    for disabled in (True, False):
        logins.change(service, platform, made.user.id, disabled=disabled)

    with pytest.raises(UnauthorisedError):
        login_links.set_password(service, token, "a long password of hers")


@pytest.mark.parametrize("changed", ["disabled", "password"])
def test_a_login_that_changes_while_its_password_is_checked_begins_no_session(
    make_service, postgresql_url, changed
) -> None:
    service = make_service(database_url=postgresql_url)
    platform = add_tenant(service)
    secret = "a long password of hers"
    ana, _ = keys.create_user(
        service, "ana@example.org", "reviewer", secret, tenant_id=platform.tenant_id
    )

    def log_in() -> str:
        return sessions.log_in(service, ana.email, secret, former=None, language=None)

    with ThreadPoolExecutor(1) as threads:
        with service.database.transaction() as session:
            row = session.get_one(User, ana.id, with_for_update=True)
            begun = threads.submit(log_in)
            with pytest.raises(TimeoutError):
                begun.result(timeout=1)
            if changed == "disabled":
                row.disabled_at = service.now()
            else:
                row.password_hash = passwords.hashed("another one, just as long")
        with pytest.raises(UnauthorisedError):
            begun.result(timeout=30)
    with service.database.reading() as session:
        assert not session.exec(select(ConsoleSession)).all()


def test_an_admin_whose_role_was_taken_meanwhile_changes_nobody(service) -> None:
    platform = add_tenant(service)
    ana, ben = (
        keys.create_user(service, f"{name}@example.org", "admin", tenant_id=platform.tenant_id)[0]
        for name in ("ana", "ben")
    )
    logins.change(service, platform, ana.id, role="auditor")
    stale = replace(platform, actor=Actor(ana.id, "admin"), user_id=ana.id)
    with pytest.raises(ForbiddenError):
        logins.change(service, stale, ben.id, role="reviewer")
