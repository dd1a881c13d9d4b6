"""Other holders of the same seconds are among the facts of a match, and named to whom it touches."""

from pathlib import Path

import numpy as np
import pytest

import policy
from scanner import inline, references, tracks
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.service import Service
from scanner.tables import PolicyDecision, Track
from tests.running import add_tenant
from tests.songs import song, write


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url)


def decision_of(service: Service, caller: Caller, path: Path) -> PolicyDecision:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    track_id = tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )
    inline.drive(service, track_id, 60)
    with service.database.reading() as session:
        return session.get_one(PolicyDecision, session.get_one(Track, track_id).decision_id)


def test_two_holders_of_the_same_seconds_are_named_and_the_stricter_wish_counts(
    both, tmp_path
) -> None:
    caller = add_tenant(both, "one")
    strict, lenient = write(tmp_path / "a.wav", song(1, 20)), write(tmp_path / "b.wav", song(1, 18))
    references.add(both, caller, path=strict, holder="Label", operator=True)
    references.add(
        both,
        caller,
        path=lenient,
        holder="Other",
        policy="monetise",
        operator=True,
        despite_conflicts=True,
    )
    decision = decision_of(both, caller, strict)
    told = {match["holder"]: match["other_holders"] for match in decision.facts["matches"]}
    assert told == {"Label": ["Other"], "Other": ["Label"]}
    assert decision.decision == "block"
    texts = [r["text"] for r in decision.reasons if r["rule"] == "conflicting-holders"]
    assert len(texts) == 2
    assert any("of Label are claimed by Other too" in text for text in texts)
    again = policy.decide(policy.default_pack(), policy.Facts.model_validate(decision.facts))
    assert (again.outcome_hash, bool(decision.index_version)) == (decision.outcome_hash, True)


def test_holders_of_different_seconds_do_not_conflict(both, tmp_path) -> None:
    caller = add_tenant(both, "one")
    first, second = song(1, 15), song(2, 15)
    for name, samples in (("Label", first), ("Other", second)):
        path = write(tmp_path / f"{name}.wav", samples)
        references.add(both, caller, path=path, holder=name, operator=True)
    medley = write(tmp_path / "medley.wav", np.concatenate([first, second]))
    decision = decision_of(both, caller, medley)
    told = {match["holder"]: match["other_holders"] for match in decision.facts["matches"]}
    assert told == {"Label": [], "Other": []}
