"""Banks: what is searched for whom, and what is held against nobody."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fingerprint
from scanner import banks, inline, references, track_views, tracks, upkeep
from scanner.banks import BadBankError, takes_part
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import ConflictError, NotFoundError
from scanner.precheck import precheck
from scanner.service import Service
from scanner.tables import Analysis, Reference, Track
from tests.running import add_tenant
from tests.songs import RATE, song, write

shares = st.floats(0, 1)


def decided(service: Service, caller: Caller, path: Path) -> dict:
    blob = service.store.put_file(caller.tenant_id, path)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name=path.name)
    track_id = tracks.submit(
        service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
    )
    inline.drive(service, track_id, 60)
    with service.database.reading() as session:
        return track_views.describe(session, [session.get_one(Track, track_id)])[0]


def exempted_by(decision: dict) -> set[str]:
    return {reason["rule"] for reason in decision["reasons"]}


@given(st.uuids(), st.uuids(), shares, shares)
def test_who_takes_part_goes_on_taking_part_while_the_share_grows(bank, seed, one, other) -> None:
    small, large = sorted((one, other))
    if takes_part(str(bank), small, str(seed)):
        assert takes_part(str(bank), large, str(seed))


def test_a_share_of_the_tracks_takes_part_and_each_bank_chooses_its_own() -> None:
    seeds = [new_id() for _ in range(4000)]
    chosen = [{seed for seed in seeds if takes_part(bank, 0.3, seed)} for bank in ("a", "b")]
    for each in chosen:
        assert 0.26 < len(each) / len(seeds) < 0.34
    assert 0.06 < len(chosen[0] & chosen[1]) / len(seeds) < 0.12
    assert all(takes_part("a", 1.0, seed) and not takes_part("a", 0.0, seed) for seed in seeds)


@pytest.fixture
def both(make_service, database_url: str) -> Service:
    return make_service(database_url=database_url)


def test_a_bank_that_is_off_is_not_searched_and_the_index_stays(both, tmp_path) -> None:
    caller = add_tenant(both, "one")
    bank = banks.create(both, caller, "label")
    path = write(tmp_path / "song.wav", song(1, 15))
    added = references.add(both, caller, path=path, bank="label", operator=True)
    before = decided(both, caller, path)

    banks.change(both, caller, bank.id, {"enabled": False})
    off = decided(both, caller, path)
    doctor = both.catalogue.compare(caller.tenant_id)
    banks.change(both, caller, bank.id, {"enabled": True})
    on = decided(both, caller, path)

    assert [each["decision"] for each in (before, off, on)] == ["block", "clear", "block"]
    assert off["matches"] == []
    assert off["banks_left_out"] == [bank.id]
    assert before["banks_left_out"] == []
    assert off["index_version"] == before["index_version"]
    assert doctor == 1
    with both.database.reading() as session:
        assert session.get_one(Reference, added.id).bank_id == bank.id


def test_a_reference_that_is_moved_to_another_bank_is_found_as_that_one(
    service, caller, tmp_path
) -> None:
    banks.create(service, caller, "off", enabled=False)
    path = write(tmp_path / "song.wav", song(1, 15))
    added = references.add(service, caller, path=path)
    assert decided(service, caller, path)["matches"]
    references.change(service, caller, added.id, {"bank": "off"})
    assert decided(service, caller, path)["matches"] == []
    references.change(service, caller, added.id, {"bank": "default"})
    assert decided(service, caller, path)["matches"]


def test_a_track_is_chosen_by_its_id_and_a_precheck_by_its_sound(service, caller, tmp_path) -> None:
    bank = banks.create(service, caller, "new", rollout=0.5)
    path = write(tmp_path / "song.wav", song(1, 8))
    references.add(service, caller, path=path, bank="new", policy="track")

    for _ in range(8):
        found = decided(service, caller, path)
        assert bool(found["matches"]) is takes_part(bank.id, 0.5, found["id"])
    answers = {
        bool(precheck(service, caller, Declaration.parse({}), path=path)["matches"])
        for _ in range(3)
    }
    assert len(answers) == 1


def test_an_analysis_keeps_which_banks_it_did_not_search(service, caller, tmp_path) -> None:
    bank = banks.create(service, caller, "off", enabled=False)
    track = decided(service, caller, write(tmp_path / "song.wav", song(1, 8)))
    with service.database.reading() as session:
        analysis_id = session.get_one(Track, track["id"]).analysis_id
        assert session.get_one(Analysis, analysis_id).banks_left_out == [bank.id]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"name": " "}, "characters"),
        ({"name": "x" * 101}, "characters"),
        ({"name": "two\nlines"}, "printable"),
        ({"name": "n", "kind": "good"}, "rights, negative, public_domain"),
        ({"name": "n", "rollout": 1.1}, "0 to 1"),
        ({"name": "n", "rollout": float("nan")}, "0 to 1"),
    ],
)
def test_a_bank_that_makes_no_sense_is_refused(service, caller, fields, what) -> None:
    with pytest.raises(BadBankError, match=what):
        banks.create(service, caller, fields.pop("name"), **fields)


def test_a_bank_is_its_tenants_and_its_name_is_taken_once(service, caller) -> None:
    bank = banks.create(service, caller, "label")
    other = add_tenant(service, "two")
    with pytest.raises(ConflictError, match="label"):
        banks.create(service, caller, "label")
    banks.create(service, other, "label")
    with pytest.raises(NotFoundError):
        banks.change(service, other, bank.id, {"enabled": False})
    with pytest.raises(BadBankError, match="kind"):
        banks.change(service, caller, bank.id, {"kind": "negative"})


# --- what nobody can claim


LOOP = song(1, 8)


def over_the_loop(seed: int) -> np.ndarray:
    return (0.6 * (np.tile(LOOP, 4) + 0.5 * song(seed, 32))).astype(np.float32)


@pytest.fixture
def label(service: Service, caller: Caller, tmp_path: Path) -> Reference:
    """A label's song over a bought loop, and the loop in a negative bank."""
    banks.create(service, caller, "loops", kind="negative")
    references.add(service, caller, path=write(tmp_path / "loop.wav", LOOP), bank="loops")
    path = write(tmp_path / "label.wav", over_the_loop(2))
    return references.add(service, caller, path=path, operator=True)


def test_a_song_with_the_same_loop_is_clear_and_a_copy_is_not(
    service, caller, label, tmp_path
) -> None:
    assert label.status == "active"
    other = decided(service, caller, write(tmp_path / "other.wav", over_the_loop(3)))
    copy = decided(service, caller, write(tmp_path / "copy.wav", over_the_loop(2)))

    assert {match["reference_id"] for match in other["matches"]} >= {label.id}
    assert other["decision"] == "clear"
    assert copy["decision"] == "block"


def test_without_the_loops_bank_the_same_song_is_in_doubt(service, caller, label, tmp_path) -> None:
    with service.database.reading() as session:
        loops = banks.named(session, caller.tenant_id, "loops")
    banks.change(service, caller, loops.id, {"enabled": False})
    other = decided(service, caller, write(tmp_path / "other.wav", over_the_loop(3)))
    assert other["decision"] in {"review", "block"}


def test_the_loop_by_itself_is_clear(service, caller, label, tmp_path) -> None:
    found = decided(service, caller, write(tmp_path / "again.wav", LOOP))
    assert found["matches"]
    assert found["decision"] == "clear"


def test_the_public_domain_frees_where_it_is_the_public_domain(service, caller, tmp_path) -> None:
    banks.create(service, caller, "old records", kind="public_domain")
    path = write(tmp_path / "old.wav", song(5, 15))
    references.add(service, caller, path=path, bank="old records", territories=("DE",))
    claim = references.add(service, caller, path=path, operator=True, despite_conflicts=True)
    assert [each["kind"] for each in claim.conflicts] == ["public-domain"]

    found = decided(service, caller, path)

    assert found["outcomes"] == {"*": "block", "DE": "clear"}


# --- excluded parts


def test_a_match_within_an_excluded_part_is_exempt(service, caller, tmp_path) -> None:
    samples = song(1, 40)
    added = references.add(
        service, caller, path=write(tmp_path / "song.wav", samples), operator=True
    )
    excerpt = write(tmp_path / "excerpt.wav", samples[10 * RATE : 22 * RATE])
    before = decided(service, caller, excerpt)
    part = upkeep.exclude(service, caller, added.id, 5, 25, note="a bought loop")
    within = decided(service, caller, excerpt)
    beyond = decided(
        service, caller, write(tmp_path / "beyond.wav", samples[10 * RATE : 35 * RATE])
    )
    upkeep.include(service, caller, added.id, part.id)
    after = decided(service, caller, excerpt)

    assert [each["decision"] for each in (before, within, after)] == ["block", "clear", "block"]
    assert beyond["decision"] == "review"  # of 25 s only 10 are claimed: not manifest
    assert "39.1 % of the track" in " ".join(reason["text"] for reason in beyond["reasons"])
    assert within["matches"][0]["reference_id"] == added.id


@pytest.mark.parametrize("part", [(3, 3), (5, 2), (-1, 2), (float("nan"), 2), (20, 30)])
def test_a_part_that_is_none_is_refused(service, caller, tmp_path, part) -> None:
    added = references.add(service, caller, path=write(tmp_path / "song.wav", song(1, 10)))
    with pytest.raises(references.BadReferenceError):
        upkeep.exclude(service, caller, added.id, *part)


def test_a_blocking_reference_with_an_excluded_part_does_not_end_the_search(
    service, caller, tmp_path
) -> None:
    samples = song(1, 20)
    path = write(tmp_path / "song.wav", samples)
    added = references.add(service, caller, path=path, operator=True)
    assert decided(service, caller, path)["detectors"]["embedding"] == "not_run"
    upkeep.exclude(service, caller, added.id, 0, 20)
    found = decided(service, caller, path)
    assert found["detectors"]["embedding"] == "ok"
    assert found["decision"] == "clear"


def test_a_large_set_of_left_out_references_is_looked_up_once(service, caller, tmp_path) -> None:
    banks.create(service, caller, "off", enabled=False)
    for n in range(3):
        path = write(tmp_path / f"{n}.wav", song(n, 8))
        references.add(service, caller, path=path, bank="off")
    query = fingerprint.fingerprint(song(0, 8)[None], RATE)
    with service.database.reading() as session:
        off = banks.left_out(session, caller.tenant_id, "seed")
    for _ in range(2):
        found = service.catalogue.search(caller.tenant_id, query, without_banks=off)
        assert found.matches == []
    index = service.catalogue.caught_up(caller.tenant_id)
    assert {len(exclude) for _, exclude in index._snapshot.places} == {3}
    before = dict(index._snapshot.places)
    references.add(service, caller, path=write(tmp_path / "9.wav", song(9, 8)))
    service.catalogue.search(caller.tenant_id, query, without_banks=off)
    after = index._snapshot.places
    assert [key for key in before if after.get(key) is not before[key]] == []
