"""Takes that are shared, and what ends that: a parent, a decision on the track, an erasure."""

import mido
import pytest
from sqlalchemy import event
from sqlmodel import select

from scanner import (
    ages,
    consents,
    consumer_groups,
    generations,
    parental_controls,
    previews,
    take_credits,
    take_invitations,
    take_nodes,
    take_projects,
    take_variations,
    take_views,
    watermark_keys,
)
from scanner.ages import AgeSaid
from scanner.callers import Caller
from scanner.consents import ConsentAsked
from scanner.console import studio_views
from scanner.declared import declared
from scanner.errors import ForbiddenError, NotFoundError
from scanner.generations import GenerationAsked
from scanner.inline import drive_group
from scanner.journal import Actor, event_of
from scanner.parental_controls import ControlsSet
from scanner.privacy import erasure
from scanner.service import Service
from scanner.tables import Generation, ReleasedFile, Submission, Take, TakeProject, Track
from scanner.take_credits import ERASED_CREATOR
from scanner.take_variations import VariationAsked
from scanner.track_states import State
from tests.casework import events
from tests.taken import add_take, let_work

PARENT = Actor("parent", "parent")
BY_BEN = VariationAsked(account="ben")


def of(account: str | None, caller: Caller) -> Caller:
    """Return the creator of an account."""
    return Caller(caller.tenant_id, Actor(str(account), "creator"), frozenset(), account_id=account)


def people_decide(service: Service, caller: Caller) -> None:
    """Let the workers' group that looks at people do its work."""
    (group,) = (each for each in consumer_groups.GROUPS if each.name == "people")
    drive_group(service, group, caller.tenant_id)


def sees(service: Service, who: Caller, take: Take) -> bool:
    with service.database.reading() as session:
        try:
            return take_nodes.find(session, who, take.id).id == take.id
        except NotFoundError:
            return False


@pytest.fixture
def ben(service, caller) -> Caller:
    ages.assure(service, caller, "ben", AgeSaid("document", "adult"))
    return of(add_take(service, caller.tenant_id, "ben").account_id, caller)


@pytest.mark.parametrize("how", ["consent", "controls"])
def test_a_childs_shared_take_is_nobody_elses_once_a_parent_ends_publishing(
    service, caller, ben, how
) -> None:
    ages.assure(service, caller, "kid", AgeSaid("parent", "child", country="US"))
    words = ConsentAsked("mother", ("publish",), "May your child?", "2026-11", "en", None, "form")
    consent = consents.request(service, caller, "kid", words).consent
    consents.grant(service, consent.id, PARENT)
    take = add_take(service, caller.tenant_id, "kid")
    take_projects.share(service, caller, take.id, shared=True)
    people_decide(service, caller)
    assert sees(service, ben, take)

    if how == "consent":
        consents.withdraw(service, consent.id, PARENT)
    else:
        parental_controls.put(service, caller, "kid", ControlsSet(publishing=False))
    people_decide(service, caller)

    assert not sees(service, ben, take)
    with pytest.raises(ForbiddenError, match="not shared"):
        take_variations.vary(service, caller, take.id, BY_BEN)
    told = [event_of(row).data["shared"] for row in events(service, take.id)]
    assert told == [True, False]


@pytest.mark.parametrize("state", [State.BLOCKED, State.QUARANTINED, State.WITHDRAWN])
def test_a_shared_take_whose_track_is_kept_back_is_neither_seen_nor_forked(
    service, caller, ben, state
) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    take = add_take(service, caller.tenant_id, "ana")
    take_projects.share(service, caller, take.id, shared=True)
    assert sees(service, ben, take)
    with service.database.transaction() as session:
        session.get_one(Track, take.track_id).state = state

    assert not sees(service, ben, take)
    assert sees(service, of(take.account_id, caller), take)
    with pytest.raises(ForbiddenError, match="not shared"):
        take_variations.vary(service, caller, take.id, BY_BEN)


def test_who_may_see_one_shared_take_sees_no_other_of_its_project(service, caller, ben) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    ages.assure(service, caller, "cid", AgeSaid("document", "adult"))
    secret = add_take(service, caller.tenant_id, "ana")
    shared = add_take(service, caller.tenant_id, "ana", parent=secret)
    take_projects.share(service, caller, shared.id, shared=True)
    let_work(service, caller, shared.id, "cid")

    def tree(who: Caller) -> tuple[list[str], list[str]]:
        with service.database.reading() as session:
            found = take_views.tree(session, who, shared)
        return [node["id"] for node in found["nodes"]], found["contributors"]

    assert tree(ben) == ([shared.id], [])
    assert tree(of(shared.account_id, caller)) == ([secret.id, shared.id], ["cid"])
    assert tree(caller) == ([secret.id, shared.id], ["cid"])


def test_a_forks_credit_outlives_its_account_and_the_name_does_not(service, caller, ben) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    shared = add_take(service, caller.tenant_id, "ana")
    fork = add_take(service, caller.tenant_id, "ben", parent=shared)
    again = add_take(service, caller.tenant_id, "ben", parent=fork)
    named = {"model": "clearance", "credits": ["ana", "Label"]}
    with service.database.transaction() as session:
        for take in (fork, again):
            own = select(Submission).where(Submission.track_id == take.track_id)
            session.exec(own).one().declaration = {"generated": named}
        session.add(released(fork))

    erasure.erase_account(service, caller, "ana")

    with service.database.reading() as session:
        for take in (fork, again):
            told = take_views.describe(service, session, take)
            assert told["credits"] == [ERASED_CREATOR, "ben"]
            own = declared(session, take.track_id)["generated"]["credits"]
            assert own == [ERASED_CREATOR, "Label"]
        assert session.exec(select(ReleasedFile)).all() == [], "it names her and is made anew"
        assert take_views.describe(service, session, fork)["account"] == "ben"


def test_who_is_erased_while_a_fork_is_made_is_not_named_in_it(service, caller, ben) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    shared = add_take(service, caller.tenant_id, "ana")
    erasure.erase_account(service, caller, "ana")
    fork = add_take(service, caller.tenant_id, "ben", parent=shared)  # brought before it was erased
    with service.database.transaction() as session:
        own = select(Submission).where(Submission.track_id == fork.track_id)
        session.exec(own).one().declaration = {"generated": {"credits": ["ana"]}}
        take_credits.settle(session, fork)
    with service.database.reading() as session:
        assert declared(session, fork.track_id)["generated"]["credits"] == [ERASED_CREATOR]


def released(take: Take) -> ReleasedFile:
    """Return the file of a take as it was handed out."""
    return ReleasedFile(
        id=take.id, tenant_id=take.tenant_id, track_id=take.track_id, part="bundle", form="zip",
        bit_rate=0, payload="0" * 32, sha256="f" * 64, size_bytes=1, mark={},
        created_at=take.created_at,
    )  # fmt: skip


def test_who_works_on_anothers_project_leaves_it_and_nobody_else_is_sent_away_by_them(
    service, caller, ben
) -> None:
    for account in ("ana", "cid"):
        ages.assure(service, caller, account, AgeSaid("document", "adult"))
    first = add_take(service, caller.tenant_id, "ana")
    for account in ("ben", "cid"):
        let_work(service, caller, first.id, account)
    by_ben = add_take(service, caller.tenant_id, "ben", parent=first)

    for act, account in ((take_invitations.end, "cid"), (take_invitations.invite, "ben")):
        with pytest.raises(ForbiddenError, match="whose project"):
            act(service, ben, first.id, account)
    assert take_invitations.end(service, ben, first.id, "ben")[1]

    assert not sees(service, ben, first)
    assert sees(service, ben, by_ben)
    assert sees(service, of(first.account_id, caller), by_ben), "their takes stay"
    with pytest.raises(ForbiddenError, match="works on the project"):
        take_projects.go_on_from(service, ben, by_ben.id)


@pytest.mark.parametrize("role", ["admin", "appeals_officer"])
def test_who_works_here_makes_nothing_in_a_creators_name(service, caller, ben, role) -> None:
    watermark_keys.rotate(service, PARENT)
    staff = Caller(caller.tenant_id, Actor("rita", role), frozenset(), user_id="rita")
    take = add_take(service, caller.tenant_id, "ben")
    refused = add_take(service, caller.tenant_id, "ben", state=State.BLOCKED)
    prompt = "calm, 4 bars"
    heard = previews.ask(service, ben, previews.PreviewAskedFor(prompt))["id"]
    for act in (
        lambda: take_variations.vary(service, staff, take.id, VariationAsked()),
        lambda: take_variations.vary(service, staff, take.id, BY_BEN),
        lambda: take_variations.away(service, staff, refused.generation_id),
        lambda: take_projects.share(service, staff, take.id, shared=True),
        lambda: take_projects.go_on_from(service, staff, take.id),
        lambda: take_invitations.invite(service, staff, take.id, "ben"),
        lambda: generations.request(service, staff, GenerationAsked(prompt, "ben")),
        lambda: previews.ask(service, staff, previews.PreviewAskedFor(prompt, "ben")),
        lambda: previews.begin(service, staff, heard),
        lambda: previews.change(service, staff, heard, {"tempo": 90}),
        lambda: previews.stop(service, staff, heard),
    ):
        with pytest.raises(ForbiddenError, match=r"no creator's name|somebody else's"):
            act()
    assert generations.request(service, staff, GenerationAsked(prompt))["account"] is None
    take_projects.share(service, caller, take.id, shared=True)
    (forked,) = take_variations.vary(service, staff, take.id, VariationAsked())
    assert forked["account"] is None, "a fork of the platform's own"


@pytest.mark.parametrize(("state", "seen"), [(State.BLOCKED, False), (State.RELEASED, True)])
def test_notes_of_a_take_are_its_makers_alone_until_it_is_clear(
    service, caller, ben, tmp_path, state, seen
) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    take = add_take(service, caller.tenant_id, "ana", state=state)
    let_work(service, caller, take.id, "ben")
    notes = mido.MidiFile(tracks=[mido.MidiTrack([
        mido.Message("note_on", note=60, time=0), mido.Message("note_off", note=60, time=240),
    ])])  # fmt: skip
    notes.save(tmp_path / "piano.mid")
    sha256 = service.store.put_file(caller.tenant_id, tmp_path / "piano.mid").sha256
    staff = Caller(caller.tenant_id, Actor("rita", "admin"), frozenset(), user_id="rita")

    def drawn(who: Caller) -> bool:
        with service.database.reading() as session:
            return bool(studio_views.piano_roll(service, session, who, take))

    with service.database.transaction() as session:
        for stem in take_nodes.stems_of(session, take.id):
            stem.midi_sha256 = sha256
    assert drawn(of(take.account_id, caller))
    assert [drawn(ben), drawn(staff)] == [seen, seen]


def test_lists_and_trees_of_many_takes_are_read_in_as_many_queries_as_of_few(
    service, caller, ben
) -> None:
    def queries() -> int:
        asked: list[str] = []
        engine = service.database.engine

        def note(_connection, _cursor, statement, *_rest) -> None:
            asked.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            with service.database.reading() as session:
                found = take_nodes.listed(session, ben, limit=50)
                assert take_views.lines(session, found)[0]["account"] == "ben"
                assert len(take_views.tree(session, ben, found[-1])["nodes"]) == len(found)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return len(asked)

    with service.database.reading() as session:
        (first,) = take_nodes.listed(session, ben, limit=1)
    few = queries()
    for _ in range(5):
        add_take(service, caller.tenant_id, "ben", parent=first)
    assert queries() == few


def test_a_contributor_goes_on_from_their_take_once_the_project_was_erased(
    service, caller, ben
) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    first = add_take(service, caller.tenant_id, "ana")
    let_work(service, caller, first.id, "ben")
    own = add_take(service, caller.tenant_id, "ben", parent=first)
    with service.database.transaction() as session:
        session.delete(session.get_one(TakeProject, first.project_id))

    again = add_take(service, caller.tenant_id, "ben", parent=own)

    assert again.project_id != own.project_id


def test_a_variation_says_which_melody_it_builds_on_and_a_fork_holds_none_of_anothers(
    service, caller, ben
) -> None:
    ages.assure(service, caller, "ana", AgeSaid("document", "adult"))
    take = add_take(service, caller.tenant_id, "ana")
    take_projects.share(service, caller, take.id, shared=True)
    sha256 = service.store.put_bytes(caller.tenant_id, b"MThd").sha256
    with service.database.transaction() as session:
        session.get_one(Generation, take.generation_id).melody_sha256 = sha256

    (own,) = take_variations.vary(service, caller, take.id, VariationAsked())
    (fork,) = take_variations.vary(service, caller, take.id, BY_BEN)

    assert (own["melody_sha256"], fork["melody_sha256"]) == (sha256, None)
