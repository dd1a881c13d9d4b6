"""Tenants, and workers in threads of the test's process."""

import contextlib
import threading
from collections.abc import Iterator

from scanner.callers import SCOPES, Caller
from scanner.clock import new_id, utc_now
from scanner.journal import Actor
from scanner.service import Service
from scanner.tables import Tenant


def add_tenant(service: Service, name: str = "one") -> Caller:
    """Make a tenant and return a caller that may do everything in it."""
    tenant = Tenant(id=new_id(), name=name, created_at=utc_now())
    with service.database.transaction() as session:
        session.add(tenant)
    return Caller(tenant.id, Actor(f"key-of-{name}", "platform"), frozenset(SCOPES))


@contextlib.contextmanager
def working(service: Service, stages: list[str] | None = None) -> Iterator[threading.Event]:
    """Run a worker in threads of this process."""
    from scanner.bus.worker import run_worker

    stopping = threading.Event()
    thread = threading.Thread(target=run_worker, args=(service, stages, stopping))
    thread.start()
    try:
        yield stopping
    finally:
        stopping.set()
        thread.join(60)
        assert not thread.is_alive()
