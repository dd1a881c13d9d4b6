"""What has had its time goes, what is held stays, and a second sweep finds nothing."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import select

from scanner import audit, consents, keys, tracks
from scanner.bus.chores import Chores
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.consents import ConsentAsked
from scanner.declarations import Declaration
from scanner.errors import NotFoundError
from scanner.privacy import erasure, holds, registry, sweeper
from scanner.privacy.erasure_list import Erased, ErasureList
from scanner.privacy.person_keys import Person
from scanner.privacy.personal import opened
from scanner.service import Service
from scanner.tables import (
    Account,
    ApiKey,
    DeadLetter,
    DriftBaseline,
    DriftDay,
    Erasure,
    JournalRow,
    LegalHold,
    Submission,
    Track,
    Webhook,
    WebhookDelivery,
)
from tests.running import add_tenant

YEARS = timedelta(days=1095)
NOTHING = sweeper.Swept({}, 0, 0, 0, 0)


@pytest.fixture
def later(make_service: Callable[..., Service], database_url: str) -> Service:
    """A service whose clock can be moved, on each database."""
    return make_service(database_url=database_url)


@pytest.fixture
def clock(later: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    def move(by: timedelta) -> None:
        at = later.now() + by
        monkeypatch.setattr(later, "now", lambda: at)

    return move


def submit(service: Service, caller: Caller, content: bytes = b"audio", **fields: Any) -> str:
    blob = service.store.put_bytes(caller.tenant_id, content)
    declaration = Declaration.parse({"account": "alice", "lyrics": "la la"} | fields)
    source = tracks.Source(sha256=blob.sha256, size_bytes=blob.size, file_name="alice.wav")
    return tracks.submit(service, caller, source, declaration, entrance="test", key=new_id())


def one(service: Service, table: Any, key: str) -> Any:
    with service.database.reading() as session:
        return session.get(table, key)


def applied(service: Service) -> list[dict[str, Any]]:
    query = select(JournalRow.data).where(JournalRow.type == "clearance.retention.applied")
    with service.database.reading() as session:
        return list(session.exec(query.order_by(JournalRow.id)))


def test_a_withdrawn_track_is_erased_when_its_time_is_over(later: Service, clock: Any) -> None:
    caller = add_tenant(later)
    gone, kept = submit(later, caller), submit(later, caller, b"other")
    tracks.withdraw(later, caller, gone)
    clock(YEARS - timedelta(days=1))
    assert sweeper.sweep(later).rows == {}

    clock(timedelta(days=2))
    swept = sweeper.sweep(later)

    assert (swept.rows, swept.keys > 0) == ({"track": 1}, False)
    assert one(later, Track, gone).file_name is None
    assert one(later, Track, kept).file_name == "alice.wav"
    with later.database.reading() as session:
        declared = session.exec(
            select(Submission.declaration).where(Submission.track_id == gone)
        ).one()
    assert declared == {"erased": True}
    assert applied(later) == [{"rows": {"track": 1}, "keys": 0}]
    assert sweeper.sweep(later) == NOTHING
    assert len(applied(later)) == 1
    seal_batch(later.database)
    with later.database.reading() as session:
        assert audit.verify(session).whole


@pytest.mark.parametrize("kind", ["account", "track"])
def test_a_hold_keeps_a_track_beyond_its_time(later: Service, clock: Any, kind: str) -> None:
    caller = add_tenant(later)
    track_id = submit(later, caller)
    tracks.withdraw(later, caller, track_id)
    held = one(later, Track, track_id).account_id if kind == "account" else track_id
    end = later.now() + YEARS + timedelta(days=30)
    holds.place(later, caller, kind, held, "a court wants it", end)
    clock(YEARS + timedelta(days=1))
    assert sweeper.sweep(later).rows == {}
    assert one(later, Track, track_id).file_name == "alice.wav"

    clock(timedelta(days=30))

    assert sweeper.sweep(later).rows == {"track": 1}


def test_keys_end_with_their_class_but_those_of_held_people(later: Service, clock: Any) -> None:
    caller = add_tenant(later)
    first, second = submit(later, caller), submit(later, caller, account="bob")
    bob = one(later, Track, second).account_id
    hold = holds.place(later, caller, "account", bob, "a claim")
    slots = later.person_keys.slots()
    assert slots
    clock(YEARS + timedelta(days=32))

    assert sweeper.sweep(later).keys >= 1

    def read(track_id: str) -> Any:
        with later.database.reading() as session:
            row = session.exec(select(JournalRow).where(JournalRow.subject == track_id)).one()
        return opened(later.person_keys, row.id, row.data)[1]

    assert read(first) == ["declaration_sha256"]
    assert read(second) == []
    holds.lift(later, caller, hold.id)
    assert sweeper.sweep(later).keys >= 1
    assert read(second) == ["declaration_sha256"]


def test_revoked_keys_and_replayed_letters_go_and_live_ones_stay(
    later: Service, clock: Any
) -> None:
    caller = add_tenant(later)
    live, _ = keys.create_key(later, caller.tenant_id, "live")
    old, _ = keys.create_key(later, caller.tenant_id, "old")
    keys.revoke(later, caller.tenant_id, old.id)
    states = {state: letter(later, caller, state) for state in ("dead", "replayed")}
    clock(YEARS + timedelta(days=1))

    assert sweeper.sweep(later).rows == {"api_key": 1, "dead_letter": 1}

    assert one(later, ApiKey, live.id) is not None
    assert one(later, ApiKey, old.id) is None
    assert one(later, DeadLetter, states["dead"]) is not None
    assert one(later, DeadLetter, states["replayed"]) is None
    assert sweeper.sweep(later) == NOTHING


def test_days_of_drift_go_whose_key_is_of_two_columns(later: Service, clock: Any) -> None:
    caller = add_tenant(later)
    frozen = DriftBaseline(
        id=new_id(),
        tenant_id=caller.tenant_id,
        kind="mark",
        edges=[],
        counts=[1, 0],
        first_day="2026-01-01",
        last_day="2026-01-28",
        frozen_by="ops",
        frozen_at=later.now(),
    )
    with later.database.transaction() as session:
        session.add(frozen)
        session.flush()
        for day, judged in (("2026-02-01", 0), ("2026-02-02", 300)):
            at = later.now() + timedelta(days=judged)
            row = DriftDay(
                baseline_id=frozen.id, day=day, tracks=1, psi=None, state="few", judged_at=at
            )
            session.add(row)
    clock(timedelta(days=401))

    assert sweeper.sweep(later).rows == {"drift_day": 1}

    with later.database.reading() as session:
        assert [row.day for row in session.exec(select(DriftDay))] == ["2026-02-02"]


def letter(
    service: Service,
    caller: Caller,
    state: str,
    subject: str | None = None,
    payload: str = "{}",
    group: str = "analyse",
) -> str:
    row = DeadLetter(
        id=new_id(),
        tenant_id=caller.tenant_id,
        group=group,
        topic="clearance.tracks",
        event_id=new_id(),
        subject=subject,
        payload=payload,
        error="E",
        detail="",
        attempts=1,
        state=state,
        created_at=service.now(),
    )
    with service.database.transaction() as session:
        session.add(row)
    return row.id


def test_a_letter_about_a_held_track_stays(later: Service, clock: Any) -> None:
    caller = add_tenant(later)
    track_id = submit(later, caller)
    kept, gone = letter(later, caller, "replayed", track_id), letter(later, caller, "replayed")
    holds.place(later, caller, "track", track_id, "a claim")
    clock(timedelta(days=91))
    assert sweeper.sweep(later).rows == {"dead_letter": 1}
    assert one(later, DeadLetter, kept) is not None
    assert one(later, DeadLetter, gone) is None


def test_a_row_that_another_one_points_at_stays_until_that_is_gone(
    later: Service, clock: Any
) -> None:
    caller = add_tenant(later)
    hook = Webhook(
        id=new_id(),
        tenant_id=caller.tenant_id,
        url="https://a.example.com/",
        events=["*"],
        sealed_secret="s",
        created_at=later.now(),
        deleted_at=later.now(),
    )
    message = WebhookDelivery(
        id=new_id(),
        tenant_id=caller.tenant_id,
        webhook_id=hook.id,
        event_id=new_id(),
        event_type="t",
        sequence=1,
        payload={},
        state="sent",
        created_at=later.now(),
    )
    with later.database.transaction() as session:
        session.add(hook)
        session.flush()
        session.add(message)
    clock(timedelta(days=181))
    assert sweeper.sweep(later).rows == {}
    with later.database.transaction() as session:
        session.delete(session.get_one(WebhookDelivery, message.id))
    assert sweeper.sweep(later).rows == {"webhook": 1}


def test_an_erasure_that_a_crash_cut_short_is_finished(
    later: Service, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = add_tenant(later)
    track_id = submit(later, caller)
    account_id = one(later, Track, track_id).account_id
    sha256 = one(later, Track, track_id).sha256

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(erasure, "finish", crash)
        with pytest.raises(KeyboardInterrupt):
            erasure.erase_account(later, caller, "alice")
    assert ErasureList(later.settings.person_key_folder).read() == []
    clock(timedelta(hours=1))

    assert sweeper.sweep(later).finished == 1

    assert ErasureList(later.settings.person_key_folder).read() == [
        Erased(caller.tenant_id, "account", account_id, "asked")
    ]
    assert later.person_keys.destroy(Person("account", account_id)) == 0
    assert not later.store.exists(caller.tenant_id, sha256)
    with later.database.reading() as session:
        assert all(row.finished_at for row in session.exec(select(Erasure)))
    assert sweeper.sweep(later) == NOTHING


def test_a_failed_message_that_names_the_account_goes_with_it(later: Service) -> None:
    caller = add_tenant(later)
    submit(later, caller, account='al"ice é')
    foreign = partial(letter, later, caller, "dead", group="intake")
    named = foreign(payload='{"data": {"account": "al\\"ice \\u00e9"}}')
    plain = foreign(payload='{"data" :\n{"account"  :"al\\"ice é"}}')
    other = foreign(payload='{"data": {"account": "alice"}}')
    quoted = foreign(payload='{"data": {"title": "\\"account\\": \\"al\\\\\\"ice é\\""}}')

    erasure.erase_account(later, caller, 'al"ice é')

    assert one(later, DeadLetter, named) is None
    assert one(later, DeadLetter, plain) is None
    assert one(later, DeadLetter, other) is not None
    assert one(later, DeadLetter, quoted) is not None


def test_a_failed_event_about_what_is_an_accounts_goes_with_it(later: Service) -> None:
    caller = add_tenant(later)
    words = ConsentAsked("mother", ("publish",), "May your child?", "2026-11")
    own = consents.request(later, caller, "kid", words).consent.id
    others = consents.request(later, caller, "other", words).consent.id
    gone, kept = (letter(later, caller, "dead", about) for about in (own, others))

    erasure.erase_account(later, caller, "kid")

    assert one(later, DeadLetter, gone) is None
    assert one(later, DeadLetter, kept) is not None


def test_a_step_that_fails_keeps_no_other_from_its_turn(later: Service, clock: Any) -> None:
    caller = add_tenant(later)
    track_id = submit(later, caller)
    tracks.withdraw(later, caller, track_id)
    gone = letter(later, caller, "replayed")
    clock(YEARS + timedelta(days=32))
    with later.database.transaction() as session:
        session.execute(text("ALTER TABLE api_key RENAME TO lost"))

    swept = sweeper.sweep(later)

    assert swept.failed == ("api_key",)
    assert swept.rows == {"track": 1, "dead_letter": 1}
    assert swept.keys >= 1
    assert one(later, DeadLetter, gone) is None


def test_what_a_crash_left_of_keys_stops_no_slot_and_is_no_copy_of_a_key(
    later: Service, clock: Any
) -> None:
    submit(later, add_tenant(later))
    folder = later.settings.person_key_folder
    (slot,) = {path.parent for path in folder.glob("people/evidence-*/*")}
    (slot / ".0123456789abcdef").write_text("half of a refer")
    (slot / "account-torn").write_text("")
    (key,) = folder.glob("keys/*/*")
    os.link(key, key.parent / ".fedcba9876543210")
    clock(YEARS + timedelta(days=32))

    swept = sweeper.sweep(later)

    assert (swept.failed, swept.keys) == ((), 1)
    assert not slot.exists()
    assert list(folder.glob("keys/*/*")) == []


def test_whatever_an_erasure_blanks_can_be_blanked() -> None:
    blanked = 0
    for name, entry in registry.registry().items():
        if entry.erase == "blank":
            row = registry.models()[name](id="i")
            for column in (*entry.of_kind("personal"), *entry.unlink):
                setattr(row, column, None)
                erasure.blank(row, column)  # raises where no value could stand there
                blanked += 1
    assert blanked > 10


def test_the_worker_sweeps(later: Service, clock: Any) -> None:
    caller = add_tenant(later)
    track_id = submit(later, caller)
    tracks.withdraw(later, caller, track_id)
    clock(YEARS + timedelta(days=1))
    Chores(later).run_due()
    assert one(later, Track, track_id).file_name is None


@pytest.mark.parametrize(
    ("kind", "basis", "until"),
    [
        ("song", "a claim", None),
        ("account", "  ", None),
        ("account", "x" * 501, None),
        ("account", "a claim", datetime(2020, 1, 1, tzinfo=UTC)),
        ("account", "a claim", datetime(2199, 1, 1)),
    ],
)
def test_a_hold_without_reason_or_end_is_not_placed(
    service: Service, caller: Caller, kind: str, basis: str, until: datetime | None
) -> None:
    submit(service, caller)
    with service.database.reading() as session:
        account = session.exec(select(Account.id)).one()
    with pytest.raises(holds.BadHoldError):
        holds.place(service, caller, kind, account, basis, until)


def test_nobody_holds_or_lifts_what_is_another_tenants(service: Service, caller: Caller) -> None:
    track_id = submit(service, caller)
    other = add_tenant(service, "two")
    with pytest.raises(NotFoundError):
        holds.place(service, other, "track", track_id, "a claim")
    hold = holds.place(service, caller, "track", track_id, "a claim")
    with pytest.raises(NotFoundError):
        holds.lift(service, other, hold.id)
    lifted = holds.lift(service, caller, hold.id)
    assert holds.lift(service, caller, hold.id).version == lifted.version == 2
    with service.database.reading() as session:
        assert session.exec(select(LegalHold.lifted_by)).one() == caller.actor.id


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 30))
def test_a_torn_line_of_the_list_costs_that_line_only(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("list")
    list_ = ErasureList(folder)
    wanted = [Erased("t", "account", str(each), "asked") for each in ids]
    for each in wanted:
        list_.add(each)
    assert list_.read() == list(dict.fromkeys(wanted))
    if not wanted:
        return
    path = folder / "erasures.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 1 - cut])
    left = list_.read()

    list_.add(Erased("t", "track", "new", "asked"))

    assert list_.read() == [*left, Erased("t", "track", "new", "asked")]
