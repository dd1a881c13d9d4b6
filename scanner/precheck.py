"""A dry run: the same analysis and the same rules, and nothing left behind but a counter."""

import hashlib
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fingerprint
import policy
from scanner import analysis, track_views, words
from scanner.callers import Caller
from scanner.database import Database
from scanner.errors import BusyError
from scanner.tables import Reference, UsageCounter
from scanner.track_facts import facts_of

if TYPE_CHECKING:
    from scanner.declarations import Declaration
    from scanner.service import Service

COUNTER: Final = "precheck"


class Slots:
    """How many run at once, of what decodes within a request; the next is told to come back."""

    def __init__(self, count: int, what: str) -> None:
        self._what = what
        self._slots = threading.BoundedSemaphore(count)

    def __enter__(self) -> None:
        if not self._slots.acquire(blocking=False):
            raise BusyError(
                f"all {self._what} slots are taken: come back in a moment", retry_after=2
            )

    def __exit__(self, *_: object) -> None:
        self._slots.release()


def precheck(
    service: "Service",
    caller: Caller,
    declaration: "Declaration",
    *,
    path: Path | None = None,
    print_: fingerprint.Fingerprint | None = None,
    patience: float = math.inf,
) -> dict[str, Any]:
    """Say what would be decided about a file or a fingerprint; the caller holds a slot.

    Returns
    -------
    dict
        The contract's JSON object with ``track_id`` null.

    Raises
    ------
    AudioError
        If the file can't be read.
    BusyError
        If the index has been brought up to date by others for ``patience`` seconds.
    """
    if path is not None:
        with path.open("rb") as file:
            seed = hashlib.file_digest(file, "sha256").hexdigest()
        evidence = analysis.analyse_audio(service, caller.tenant_id, path, seed, patience)
    elif print_ is not None:
        seed = hashlib.sha256(print_.to_bytes()).hexdigest()
        evidence = analysis.analyse_fingerprint(service, caller.tenant_id, print_, seed, patience)
    else:
        raise ValueError("give a path or a fingerprint")
    now = service.now()
    declared = declaration.to_json()
    words.look_at(evidence, declared)
    with service.database.reading() as session:
        facts = facts_of(session, caller.tenant_id, declared, evidence, now)
        by = service.packs.in_force(session, caller.tenant_id)
        decision = policy.decide(by.pack, facts)
        references = {
            match.reference_id: session.get(Reference, match.reference_id)
            for match in evidence.matches
        }
    _count(service, caller.tenant_id)
    found = [
        track_views.describe_match(analysis.match_columns(match), references[match.reference_id])
        for match in evidence.matches
    ]
    return {
        "id": None,
        "track_id": None,
        "external_id": declaration.external_id,
        "mode": "precheck",
        "state": None,
        "sha256": None,
        "duration": evidence.duration,
        **track_views.describe_judgement(decision.to_json()),
        **track_views.describe_evidence(vars(evidence), found),
    }


def _count(service: "Service", tenant_id: str) -> None:
    day = service.now().date().isoformat()
    with service.database.transaction() as session:
        key = (tenant_id, day, COUNTER)
        if session.get(UsageCounter, key) is None:
            new = UsageCounter(tenant_id=tenant_id, day=day, name=COUNTER, value=0)
            Database.insert_if_absent(session, new)
        session.get_one(UsageCounter, key, with_for_update=True, populate_existing=True).value += 1
