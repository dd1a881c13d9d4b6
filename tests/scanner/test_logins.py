"""Admins who change each other's logins at once: one of them is first, and stays."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from scanner import keys, logins
from scanner.errors import ForbiddenError
from scanner.journal import Actor
from scanner.tables import User
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
