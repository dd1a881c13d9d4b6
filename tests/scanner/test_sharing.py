"""References and opinions on them go from peer to peer in signed files."""

import contextlib
import io
import json
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

import fingerprint
from scanner import banks, reference_checks, references, sharing, signed_lines, upkeep
from scanner.callers import Caller
from scanner.errors import ConflictError, IllegalTransitionError
from scanner.secrets import SecretKeyError
from scanner.service import Service
from scanner.signed_lines import BadBundleError
from scanner.tables import Bank, Holder, Reference, ReferenceExclusion
from tests.earlier_bytes import age
from tests.running import add_tenant
from tests.songs import RATE, song, write


def installation(make_service, home: Path, migrated_sqlite: Path) -> Service:
    """An installation with a home, a key, a store and a database of its own."""
    home.mkdir()
    (home / "clearance.db").write_bytes(migrated_sqlite.read_bytes())
    return make_service(home=home, database_url=None)


@pytest.fixture
def origin(make_service, tmp_path, migrated_sqlite) -> Service:
    return installation(make_service, tmp_path / "origin", migrated_sqlite)


@pytest.fixture
def peer(make_service, tmp_path, migrated_sqlite) -> Service:
    return installation(make_service, tmp_path / "peer", migrated_sqlite)


@pytest.fixture
def both_peer(make_service, tmp_path, database_url) -> Service:
    """A peer on each database in turn."""
    (tmp_path / "both").mkdir()
    return make_service(home=tmp_path / "both", database_url=database_url)


@pytest.fixture
def bundle(origin: Service, tmp_path: Path) -> tuple[Path, str, Caller, list[Reference]]:
    """Two references of one bank, exported: the file, the key, who did so, and which."""
    caller = add_tenant(origin, "Origin")
    added = [
        references.add(
            origin,
            caller,
            path=write(tmp_path / f"{n}.wav", song(n, 12)),
            title=f"Song {n}",
            holder="Label",
            isrc="USRC17607839",
            territories=("DE",),
        )
        for n in (1, 2)
    ]
    upkeep.exclude(origin, caller, added[0].id, 2, 5)
    path = tmp_path / "bundle.jsonl"
    made = sharing.export_references(origin, caller, "default", path)
    assert made["references"] == 2
    return path, made["key"], caller, added


def imported(service: Service, caller: Caller, path: Path, key: str, **more: str) -> list[dict]:
    count, results = sharing.import_references(service, caller, path, key, **more)
    found = list(results)
    assert len(found) == count
    return found


def test_shared_references_are_found_and_come_with_all_that_is_known(
    bundle, origin, both_peer
) -> None:
    path, key, _, (first, second) = bundle
    peer = both_peer
    caller = add_tenant(peer, "Peer")

    results = imported(peer, caller, path, key)

    assert [each["origin_id"] for each in results] == [first.id, second.id]
    assert {each["status"] for each in results} == {"active"}
    query = fingerprint.fingerprint(song(1, 12)[None], RATE)
    (match,) = peer.catalogue.search(caller.tenant_id, query).matches
    assert match.reference_id == results[0]["reference_id"]
    with peer.database.reading() as session:
        row = session.get_one(Reference, match.reference_id)
        bank = session.get_one(Bank, row.bank_id)
        (part,) = session.exec(select(ReferenceExclusion)).all()
        view = references.describe(session, [row])[0]
    assert (bank.name, bank.peer_key, row.peer_key) == ("Origin", key, key)
    assert (row.title, row.isrc, row.territories) == ("Song 1", "USRC17607839", ["DE"])
    assert (part.start_s, part.end_s, part.origin) == (2, 5, "shared")
    shared = peer.catalogue.print_of(row)
    assert shared == origin.catalogue.print_of(first)
    assert shared.tones is not None and shared.waveform is not None
    assert not row.operator_added  # so it never blocks alone
    assert view["holder"]["name"] == "Label (via Origin)"
    again = imported(peer, caller, path, key)
    assert [each["result"] for each in again] == ["known", "known"]
    assert peer.catalogue.compare(caller.tenant_id) == 2


def test_what_others_here_hold_is_quarantined(bundle, peer, tmp_path) -> None:
    path, key, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    references.add(peer, caller, path=tmp_path / "1.wav", holder="Label")
    results = imported(peer, caller, path, key)
    assert [each["status"] for each in results] == ["quarantined", "active"]


def test_a_verdict_goes_back_to_where_the_reference_came_from(
    bundle, peer, origin, tmp_path
) -> None:
    path, key, own, (first, second) = bundle
    caller = add_tenant(peer, "Peer")
    here = [each["reference_id"] for each in imported(peer, caller, path, key)]
    query = fingerprint.fingerprint(song(1, 12)[None], RATE)

    upkeep.judge(peer, caller, here[0], "deconfirmed", "this is silence")
    upkeep.judge(peer, caller, here[1], "confirmed")
    assert peer.catalogue.search(caller.tenant_id, query).matches == []
    assert [each["status"] for each in imported(peer, caller, path, key)] == [
        "quarantined",
        "active",
    ]
    back = tmp_path / "back.jsonl"
    made = sharing.export_opinions(peer, caller, "Origin", back)
    counts = sharing.import_opinions(origin, own, back, made["key"])

    assert counts == {"taken": 2, "known": 0, "unknown": 0}
    assert sharing.import_opinions(origin, own, back, made["key"])["known"] == 2
    with origin.database.reading() as session:
        rows = [session.get_one(Reference, each.id) for each in (first, second)]
        views = references.describe(session, rows)
    assert [each["opinions"] for each in views] == [
        {"confirmed": 0, "deconfirmed": 1},
        {"confirmed": 1, "deconfirmed": 0},
    ]
    assert {row.status for row in rows} == {"active"}  # counted, no more
    with pytest.raises(BadBundleError, match="another peer"):
        sharing.import_opinions(peer, caller, back, made["key"])

    upkeep.judge(peer, caller, here[0], "confirmed", "listened again")
    assert len(peer.catalogue.search(caller.tenant_id, query).matches) == 1


def test_a_changed_cut_or_foreign_file_is_refused_and_leaves_nothing(
    bundle, peer, tmp_path
) -> None:
    path, key, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    other = signed_lines.public_half(Ed25519PrivateKey.generate())
    head = json.loads(lines[0])
    forged = [json.dumps(head | {"key": other}).encode() + b"\n", *lines[1:]]
    bad = {
        "title": (whole.replace(b'"Song 1"', b'"Song 9"'), key, "changed"),
        "order": (b"".join([lines[0], lines[2], lines[1], lines[3]]), key, "changed"),
        "a line less": (b"".join([lines[0], lines[1], lines[3]]), key, "cut off"),
        "cut": (whole[:-9], key, "cut off"),
        "no signature": (b"".join(lines[:3]), key, "cut off"),
        "a line more": (whole + lines[1], key, "more"),
        "an empty line": (whole.replace(b"\n", b"\n\n"), key, "empty"),
        "empty": (b"", key, "empty"),
        "no json": (b"hello\n" * 3, key, "no JSON"),
        "untrusted": (whole, other, "another key"),
        "another key in the head": (b"".join(forged), other, "changed"),
        "no key": (whole, "abc", "64 hexadecimal digits"),
    }
    for case, (content, trusted, why) in bad.items():
        file = tmp_path / "bad.jsonl"
        file.write_bytes(content)
        with pytest.raises(BadBundleError, match=why):
            sharing.import_references(peer, caller, file, trusted)
        with peer.database.reading() as session:
            assert session.exec(select(Reference)).all() == [], case
            assert session.exec(select(Bank)).all() == [], case
    with pytest.raises(BadBundleError, match="clearance-opinions/1"):
        sharing.import_opinions(peer, caller, path, key)


def test_a_file_that_takes_the_place_of_a_verified_one_is_not_read(bundle, peer, tmp_path) -> None:
    path, key, _, (first, second) = bundle
    _, results = sharing.import_references(peer, add_tenant(peer, "Peer"), path, key)
    assert next(results)["origin_id"] == first.id
    (tmp_path / "forged").write_bytes(path.read_bytes().replace(b"Song 2", b"Song 9"))
    (tmp_path / "forged").replace(path)
    assert [each["origin_id"] for each in results] == [second.id]
    with peer.database.reading() as session:
        assert set(session.exec(select(Reference.title))) == {"Song 1", "Song 2"}


def test_a_line_that_is_changed_after_a_file_was_verified_is_refused(tmp_path) -> None:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "file.jsonl"
    longer_than_a_buffer = "x" * (io.DEFAULT_BUFFER_SIZE + 1)
    lines = [{"number": n, "more": longer_than_a_buffer} for n in range(3)]
    signed_lines.write(path, "test/1", {}, lines, 3, key)
    read = signed_lines.read(path, "test/1", signed_lines.public_half(key))
    next(read)
    assert next(read)["number"] == 0
    path.write_bytes(path.read_bytes().replace(b'"number":2', b'"number":7'))
    assert next(read)["number"] == 1
    with pytest.raises(BadBundleError, match="changed while it was read"):
        next(read)


@pytest.mark.parametrize(
    ("format_", "key", "count", "why"),
    [
        ("another/1", "ab" * 32, 10**6, "is no test/1"),
        ("test/1", "cd" * 32, 10**6, "another key"),
        ("test/1", "ab" * 32, "many", "no count"),
        ("test/1", "ab" * 32, 3, "there are more"),
    ],
)
def test_of_a_file_that_is_refused_at_its_head_nothing_else_is_kept(
    tmp_path, format_, key, count, why
) -> None:
    path = tmp_path / "file.jsonl"
    head = json.dumps({"format": format_, "key": key, "count": count}).encode()
    path.write_bytes(head + b"\n" + b"0\n" * 200_000)
    with allocated() as peak, pytest.raises(BadBundleError, match=why):
        next(signed_lines.read(path, "test/1", "ab" * 32))
    assert peak() < 200_000


def test_of_each_line_of_an_unverified_file_no_more_than_its_digest_is_kept(tmp_path) -> None:
    path, lines = tmp_path / "file.jsonl", 100_000
    head = json.dumps({"format": "test/1", "key": "ab" * 32, "count": lines}).encode()
    path.write_bytes(head + b"\n" + b"0\n" * (lines + 1))
    with allocated() as peak, pytest.raises(BadBundleError, match="no JSON object"):
        next(signed_lines.read(path, "test/1", "ab" * 32))
    assert peak() < 48 * lines


@contextlib.contextmanager
def allocated() -> Iterator[Callable[[], int]]:
    """Measure the most bytes that Python allocates at a time within the block."""
    tracemalloc.start()
    most = 0
    try:
        yield lambda: most
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


def test_who_calls_itself_as_a_peer_does_is_not_that_peer(bundle, peer, tmp_path) -> None:
    path, key, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    theirs = imported(peer, caller, path, key)
    head, *lines = signed_lines.read(path, sharing.REFERENCES, key)
    named = {name: head[name] for name in ("from", "bank", "kind")}
    other = Ed25519PrivateKey.generate()
    file = tmp_path / "other.jsonl"
    signed_lines.write(file, sharing.REFERENCES, named, lines, len(lines), other)

    results = imported(peer, caller, file, signed_lines.public_half(other), bank_name="another's")

    # The same songs of the same label are no conflict: of another peer's label they are.
    assert {each["status"] for each in results} == {"quarantined"}
    own = references.add(
        peer, caller, path=tmp_path / "1.wav", holder="Label (via Origin)", despite_conflicts=True
    )
    with peer.database.reading() as session:
        ids = [theirs[0]["reference_id"], results[0]["reference_id"], own.id]
        rows = [session.get_one(Reference, each) for each in ids]
        holders = [session.get_one(Holder, row.holder_id) for row in rows]
    assert len({holder.id for holder in holders}) == 3
    assert {holder.name for holder in holders} == {"Label (via Origin)"}
    assert [holder.peer_key for holder in holders] == [key, signed_lines.public_half(other), None]


def test_what_is_judged_before_it_is_checked_is_checked_all_the_same(
    bundle, both_peer, tmp_path
) -> None:
    path, key, _, _ = bundle
    peer, caller = both_peer, add_tenant(both_peer, "Peer")
    excerpt = write(tmp_path / "excerpt.wav", song(1, 12)[RATE:])
    known = references.add(peer, caller, path=excerpt, holder="Somebody")
    with peer.store.open(caller.tenant_id, known.fingerprint_sha256) as file:
        print_ = file.read()
    peer.store.delete(caller.tenant_id, known.fingerprint_sha256)
    shutil.rmtree(peer.settings.index_folder / caller.tenant_id)  # it can't be built just now
    claimed, free = [each["reference_id"] for each in imported(peer, caller, path, key)]

    for each in (claimed, free):
        assert upkeep.judge(peer, caller, each, "deconfirmed").status == "checking"
    assert upkeep.judge(peer, caller, claimed, "confirmed").status == "checking"
    peer.store.put_bytes(caller.tenant_id, print_)
    for _ in range(2):  # each check is a change of the catalogue, after which one looks again
        reference_checks.finish_checks(peer)

    def why(reference_id: str) -> tuple[str, str | None]:
        with peer.database.reading() as session:
            row = session.get_one(Reference, reference_id)
            return row.status, row.quarantined_for

    assert why(claimed) == ("quarantined", "conflict")
    assert why(free) == ("quarantined", "deconfirmed")
    for each in (claimed, free):
        upkeep.judge(peer, caller, each, "confirmed")
    assert why(claimed) == ("quarantined", "conflict")
    assert why(free) == ("active", None)


def test_what_is_deconfirmed_is_not_found_again_before_it_is_confirmed(
    bundle, peer, tmp_path
) -> None:
    path, key, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    excerpt = write(tmp_path / "excerpt.wav", song(1, 12)[RATE:])
    references.add(peer, caller, path=excerpt, holder="Somebody")
    claimed, free = [each["reference_id"] for each in imported(peer, caller, path, key)]

    for each, cause in ((claimed, "conflict"), (free, "deconfirmed")):
        judged = upkeep.judge(peer, caller, each, "deconfirmed", "this is silence")
        assert (judged.status, judged.quarantined_for) == ("quarantined", cause)
        with pytest.raises(IllegalTransitionError, match="confirm it first"):
            upkeep.settle(peer, caller, each, "active", "both own it")

    assert upkeep.judge(peer, caller, claimed, "confirmed").quarantined_for == "conflict"
    assert upkeep.settle(peer, caller, claimed, "active", "both own it").status == "active"
    assert upkeep.settle(peer, caller, free, "retired", "it is silence").status == "retired"


WORDS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_byte_of_a_signed_file_can_be_another(tmp_path: Path, data: st.DataObject) -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    path = tmp_path / "file.jsonl"
    lines = data.draw(
        st.lists(st.dictionaries(st.text(WORDS, max_size=3), st.integers()), max_size=3)
    )
    signed_lines.write(path, "test/1", {"from": "x"}, lines, len(lines), key)
    public = signed_lines.public_half(key)
    head, *read = signed_lines.read(path, "test/1", public)
    assert (head["from"], read) == ("x", lines)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        list(signed_lines.read(path, "test/1", public))
    except BadBundleError:
        return
    # The signature's own line may be spelled another way; what it signs may not.
    assert at >= content.rindex(b'{"signature"') if b'{"signature"' in content else True


def test_what_a_trusted_peer_got_wrong_is_named_and_the_rest_goes_on(
    bundle, peer, tmp_path
) -> None:
    path, trusted, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    _, *good = signed_lines.read(path, sharing.REFERENCES, trusted)
    wrong = [
        good[0] | {"id": "a", "policy": "burn"},
        good[0] | {"id": "b", "isrc": "12"},
        good[0] | {"id": "c", "fingerprint": good[0]["fingerprint"] | {"duration": 99}},
        good[0] | {"id": "d", "exclusions": [{"start_s": 5, "end_s": 2}]},
    ]
    key = Ed25519PrivateKey.generate()
    head = {"from": "Careless", "bank": "b", "kind": "rights"}
    file = tmp_path / "wrong.jsonl"
    signed_lines.write(file, sharing.REFERENCES, head, [*wrong, good[1]], 5, key)

    results = imported(peer, caller, file, signed_lines.public_half(key))

    assert ["error" in each for each in results] == [True, True, True, True, False]
    assert "policy" in results[0]["error"]["detail"]


def test_a_peers_word_that_something_is_harmless_is_asked_for(origin, peer, tmp_path) -> None:
    own = add_tenant(origin, "Origin")
    banks.create(origin, own, "loops", kind="negative")
    loop = write(tmp_path / "loop.wav", song(5, 8))
    references.add(origin, own, path=loop, bank="loops")
    file = tmp_path / "loops.jsonl"
    key = sharing.export_references(origin, own, "loops", file)["key"]
    caller = add_tenant(peer, "Peer")
    with pytest.raises(BadBundleError, match="--kind"):
        sharing.import_references(peer, caller, file, key)
    imported(peer, caller, file, key, bank_name="their loops", kind="negative")
    with peer.database.reading() as session:
        assert banks.named(session, caller.tenant_id, "their loops").kind == "negative"


def test_a_bank_of_ours_is_not_filled_by_a_peer_nor_shared_on(bundle, peer, tmp_path) -> None:
    path, key, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    banks.create(peer, caller, "ours")
    with pytest.raises(ConflictError, match="not of this peer"):
        sharing.import_references(peer, caller, path, key, bank_name="ours")
    imported(peer, caller, path, key)
    with pytest.raises(BadBundleError, match="your own"):
        sharing.export_references(peer, caller, "Origin", tmp_path / "on.jsonl")
    assert not (tmp_path / "on.jsonl").exists()


def test_the_key_is_made_once_and_is_nobody_elses_to_read(origin) -> None:
    first = sharing.own_key(origin)
    path = origin.settings.home / sharing.KEY_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert signed_lines.public_half(sharing.own_key(origin)) == signed_lines.public_half(first)
    path.chmod(0o644)
    with pytest.raises(SecretKeyError, match="chmod 600"):
        sharing.own_key(origin)
    path.chmod(0o600)
    path.write_bytes(b"nonsense")
    with pytest.raises(SecretKeyError, match="no Ed25519 key"):
        sharing.own_key(origin)


def test_a_newer_bundle_renews_what_an_upgrade_left_without_vectors(bundle, peer) -> None:
    path, key, _, _ = bundle
    caller = add_tenant(peer, "Peer")
    first, second = imported(peer, caller, path, key)
    with peer.database.reading() as session:
        age(peer, session.get_one(Reference, first["reference_id"]))
    again = imported(peer, caller, path, key)
    assert [each["result"] for each in again] == ["renewed", "known"]
    assert [each["reference_id"] for each in again] == [
        each["reference_id"] for each in (first, second)
    ]
    assert peer.catalogue.bare(caller.tenant_id) == 0


def test_a_bundle_of_another_versions_models_is_taken_in_without_their_parts(
    bundle, peer, tmp_path
) -> None:
    path, _, _, _ = bundle
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:-1]]
    whole_print = dict(lines[0]["fingerprint"])
    parts = ("embedding", "tones", "waveform")
    for part in parts:
        lines[0]["fingerprint"][part] = {"model": "of-last-year", "content": "another"}
    head, key = {"kind": "rights", "from": "Old"}, Ed25519PrivateKey.generate()
    old = tmp_path / "old.jsonl"
    signed_lines.write(old, sharing.REFERENCES, head, lines, len(lines), key)
    caller = add_tenant(peer, "Peer")

    taken, whole = imported(peer, caller, old, signed_lines.public_half(key))

    assert (taken["result"], taken["without"]) == ("added", sorted(parts))
    assert (whole["result"], whole["without"]) == ("added", [])
    query = fingerprint.fingerprint(song(1, 12)[None], RATE)
    (match,) = peer.catalogue.search(caller.tenant_id, query).matches
    assert match.reference_id == taken["reference_id"]

    lines[0]["fingerprint"] = whole_print
    signed_lines.write(old, sharing.REFERENCES, head, lines, len(lines), key)
    newer = imported(peer, caller, old, signed_lines.public_half(key))
    assert [each["result"] for each in newer] == ["renewed", "known"]
