"""What a person looked at is not asked again, unless a newer look finds something that they did not see."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlmodel import select

import fingerprint
from scanner import cases, detector_versions, inline, rescans, retro_cases, verdicts
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.journal import event_of
from scanner.retro_cases import Found, Stored
from scanner.service import Service
from scanner.tables import Analysis, Case, PolicyDecision, Reference, RetroMatch, Track
from scanner.track_facts import evidence_of
from scanner.unseen import is_more
from scanner.verdicts import Verdict
from tests import casework, claiming, reviewing

KEPT = Verdict("dismiss", "human.nothing-wrong")
HATE = {"category": "hate", "source": "lyrics", "count": 1, "strong": True, "spans": [[0, 4]]}
SONG = (0.0, 120.0)


def found(reference: Reference, *parts: tuple[float, float], **more: object) -> fingerprint.Match:
    """A match at some seconds of a track of 180 s."""
    segments = [fingerprint.Segment(start, end, start, end, 0.995) for start, end in parts]
    covered = sum(end - start for start, end in parts) / 180
    made = fingerprint.Match(reference.id, "recording", 0.995, tuple(segments), covered, covered)
    return replace(made, **more)


def words(*findings: dict) -> dict:
    told = {"sources": {"lyrics": "en"}, "findings": list(findings), "heard": True, "warnings": []}
    return {"words": told}


def looked(
    service: Service, caller: Caller, *matches: fingerprint.Match, **more: object
) -> list[Case]:
    """Let a rescan find this in the only track; return the cases that are open then."""
    with service.database.transaction() as session:
        rows = session.exec(select(Analysis).order_by(Analysis.id)).all()
        first = evidence_of(rows[0], 180, [])
        for row in rows:
            row.versions = {}
    rescans.start(service, caller)
    taken = rescans._take(service)
    assert taken is not None
    present = detector_versions.present(service)
    evidence = replace(first, matches=matches, versions=present, **more)
    rescans._finish(service, *taken, evidence, "looked_at", service.now())
    assert not rescans.work(service)
    return opened(service)


def opened(service: Service) -> list[Case]:
    with service.database.reading() as session:
        return list(session.exec(select(Case).where(Case.closed_at.is_(None))))


def decided(service: Service, caller: Caller, case: Case, verdict: Verdict = KEPT) -> None:
    """Let a person decide a case, with its effect."""
    rita = casework.person(service, caller, f"rita-{case.id}")
    reviewing.decided(service, rita, case, verdict)
    reviewing.later(service, hours=2)
    if case.track_id is not None:
        inline.drive(service, case.track_id)


@pytest.fixture
def song(service, caller) -> Reference:
    return claiming.reference(service, caller, claiming.holder(service, caller), "block")


@pytest.fixture
def other(service, caller) -> Reference:
    label = claiming.holder(service, caller, "Other")
    return claiming.reference(service, caller, label, "block", "Other song")


@pytest.fixture
def track_id(service, caller) -> str:
    """A track in which nothing was found, and that is out."""
    casework.at(service, service.now())
    event = claiming.analysed(service, caller)
    inline.drive(service, event.subject)
    return event.subject


@pytest.fixture
def cleared(service, caller, song) -> str:
    """A track that rules held for a song, and that a person set free."""
    casework.at(service, service.now())
    event = claiming.analysed(service, caller, song, parts=(SONG,))
    inline.drive(service, event.subject)
    assert casework.track_of(service, event.subject).state == "quarantined"
    claiming.ruled(service, caller, event.subject, "clear")
    assert casework.track_of(service, event.subject).state == "released"
    return event.subject


def test_what_was_found_later_is_asked_once(service, caller, track_id, song) -> None:
    (case,) = looked(service, caller, found(song, SONG))
    decided(service, caller, case)
    assert looked(service, caller, found(song, (1.5, 121.5))) == []
    assert casework.track_of(service, track_id).state == "released"


def test_more_of_what_was_known_is_asked_once_and_on_record(service, caller, song) -> None:
    casework.at(service, service.now())
    event = claiming.analysed(service, caller, song, parts=((0, 3),))
    inline.drive(service, event.subject)
    assert casework.track_of(service, event.subject).decision_id is not None
    before = {case.id for case in opened(service)}
    (case,) = (each for each in looked(service, caller, found(song, SONG)) if each.id not in before)
    with service.database.reading() as session:
        (row,) = session.exec(select(RetroMatch))
    assert (row.reference_id, row.segments[0]["query_end"], row.case_id) == (song.id, 120, case.id)
    decided(service, caller, case)

    assert {each.id for each in looked(service, caller, found(song, SONG))} <= before
    (again,) = (
        each for each in looked(service, caller, found(song, (0.0, 175.0))) if each.id not in before
    )
    with service.database.reading() as session:
        (row,) = session.exec(select(RetroMatch))
    assert (row.segments[0]["query_end"], row.disposition, row.case_id) == (175, "open", again.id)


def test_what_a_person_cleared_is_not_asked_again(service, caller, cleared, song) -> None:
    assert looked(service, caller, found(song, SONG)) == []
    assert looked(service, caller, found(song, (2.0, 60.0), (62.0, 122.0))) == []


@pytest.mark.parametrize("new", ["reference", "part"])
def test_what_a_person_cleared_hides_nothing_new(
    service, caller, cleared, song, other, new
) -> None:
    """Rules hold it for the song already, so they are no stricter: but nobody looked at this."""
    more = [found(song, (0.0, 170.0))]
    if new == "reference":
        more = [found(song, SONG), found(other, (130.0, 175.0))]
    (case,) = looked(service, caller, *more)
    assert case.kind == "retro_match"
    told = other.title if new == "reference" else song.title
    assert any(told in each["text"] for each in case.reasons)
    decided(service, caller, case)
    assert looked(service, caller, *more) == []


def test_a_newer_reference_in_a_track_that_a_person_cleared_is_asked_about(
    service, caller, cleared, other
) -> None:
    """The same by retro-matching, which looks for the newer reference alone."""
    track = casework.track_of(service, cleared)
    stored = Stored(track.id, track.tenant_id, track.analysis_id, "0" * 64, 0, ())
    event = event_of(casework.events(service, track.id)[-1])
    with service.database.transaction() as session:
        retro_cases.note(
            service, session, stored, [Found(found(other, (130.0, 175.0)), None)], event
        )
    (case,) = opened(service)
    assert (case.kind, case.track_id) == ("retro_match", track.id)


def test_words_that_a_person_read_are_not_asked_again_and_others_are(
    service, caller, track_id
) -> None:
    (case,) = looked(service, caller, **words(HATE))
    decided(service, caller, case)
    assert looked(service, caller, **words(HATE)) == []
    assert looked(service, caller, **words(HATE | {"count": 9})) != []
    (case,) = opened(service)
    decided(service, caller, case)
    harm = HATE | {"category": "self-harm"}
    assert looked(service, caller, **words(HATE, harm)) != []


@pytest.mark.parametrize("what", ["words", "song"])
def test_a_case_that_nobody_decided_was_seen_by_nobody(
    service, caller, track_id, song, what
) -> None:
    """In doubt a person is asked."""
    more = ([], words(HATE)) if what == "words" else ([found(song, SONG)], {})
    (case,) = looked(service, caller, *more[0], **more[1])
    claiming.ruled(service, caller, track_id, "clear")  # takes the case from the queue
    (again,) = opened(service)
    assert again.id != case.id
    decided(service, caller, again)
    assert looked(service, caller, *more[0], **more[1]) == []


@pytest.mark.parametrize("held", ["quarantined", "blocked"])
@pytest.mark.parametrize("what", ["song", "words"])
def test_what_was_found_while_a_track_was_held_is_asked_once_it_is_out(
    service, caller, song, other, held, what
) -> None:
    """Nobody was asked then, as it limited the track by no more: who lets it out again did not see it."""
    casework.at(service, service.now())
    track_id = claiming.analysed(service, caller, song, parts=(SONG,)).subject
    inline.drive(service, track_id)
    if held == "blocked":
        claiming.ruled(service, caller, track_id, "block")
    assert casework.track_of(service, track_id).state == held
    more = ([found(other, (130.0, 175.0))], {}) if what == "song" else ([], words(HATE))
    looked(service, caller, found(song, SONG), *more[0], **more[1])
    claiming.ruled(service, caller, track_id, "clear")
    assert casework.track_of(service, track_id).state == "released"
    (case,) = opened(service)
    assert case.kind == "retro_match"
    decided(service, caller, case)
    claiming.ruled(service, caller, track_id, "block")
    claiming.ruled(service, caller, track_id, "clear")
    assert opened(service) == []
    assert looked(service, caller, found(song, SONG), *more[0], **more[1]) == []


def test_what_a_newer_analysis_found_too_is_not_asked_twice(service, caller, song, other) -> None:
    casework.at(service, service.now())
    track_id = claiming.analysed(service, caller, song, parts=(SONG,)).subject
    inline.drive(service, track_id)
    looked(service, caller, found(song, SONG), found(other, (130.0, 175.0)))
    with service.database.transaction() as session:
        track = session.get_one(Track, track_id, with_for_update=True)
        old = session.get_one(Analysis, track.analysis_id).model_dump()
        session.add(Analysis(**old | {"id": new_id()}))
        newest = select(Analysis.id).order_by(Analysis.id.desc())
        track.analysis_id = session.exec(newest).first()
    claiming.ruled(service, caller, track_id, "clear")
    assert opened(service) == []


def test_a_smaller_find_takes_nothing_from_what_a_person_is_asked(
    service, caller, track_id, song
) -> None:
    (case,) = looked(service, caller, found(song, SONG))
    looked(service, caller, found(song, (150.0, 156.0)))
    with service.database.reading() as session:
        (row,) = session.exec(select(RetroMatch))
    spans = sorted((each["query_start"], each["query_end"]) for each in row.segments)
    assert (spans, row.case_id) == ([SONG, (150.0, 156.0)], case.id)
    assert row.coverage_query == pytest.approx(126 / casework.track_of(service, track_id).duration)


@pytest.mark.parametrize("meanwhile", ["leased", "decided"])
def test_what_is_found_while_a_person_decides_is_not_what_they_decided_on(
    service, caller, track_id, song, meanwhile
) -> None:
    (case,) = looked(service, caller, found(song, SONG))
    rita = casework.person(service, caller, "rita")
    if meanwhile == "leased":
        cases.lease(service, rita, case.id)
    else:
        reviewing.decided(service, rita, case, KEPT)
    new = {each.id for each in looked(service, caller, found(song, SONG), **words(HATE))}
    assert len(new - {case.id}) == 1
    if meanwhile == "leased":
        verdicts.decide(service, rita, case.id, KEPT)
    reviewing.later(service, hours=2)
    inline.drive(service, track_id)
    (again,) = opened(service)
    assert again.id in new
    assert [each["rule"] for each in again.reasons] == ["hate"]


def test_a_look_that_finds_what_stands_anyway_asks_nobody(
    service, caller, cleared, song, other
) -> None:
    """What is new alone limits the track by no more than what a person decided."""
    claiming.ruled(service, caller, cleared, "block")
    assert looked(service, caller, found(song, SONG), found(other, (130.0, 175.0))) == []
    with service.database.reading() as session:
        track = casework.track_of(service, cleared)
        assert session.get_one(PolicyDecision, track.decision_id).ruled_by == "person"


KNOWN = fingerprint.Match(
    "r", "composition", 0.7, (fingerprint.Segment(10, 40, 0, 30, 0.7),), 0.2, 0.2
)


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({}, False),
        ({"score": 0.9}, False),
        ({"score": 0.3}, False),
        ({"score": 0.99}, True),
        ({"kind": "recording"}, True),
        ({"segments": ((8.1, 41.9),)}, False),
        ({"segments": ((20, 30),)}, False),
        ({"segments": ((10, 43),)}, True),
        ({"segments": ((10, 40), (100, 101))}, True),
    ],
)
def test_a_match_is_more_by_its_seconds_its_kind_or_its_certainty(change, more) -> None:
    parts: Sequence[tuple[float, float]] = change.pop("segments", ())
    if parts:
        change["segments"] = tuple(fingerprint.Segment(a, b, a, b, 0.7) for a, b in parts)
    assert is_more(replace(KNOWN, **change), [KNOWN]) is more
    assert is_more(KNOWN, [])
