"""What becomes of a track, by what it is and by what goes wrong."""

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

import fingerprint
import policy
from scanner import (
    analysis,
    inline,
    references,
    track_facts,
    tracks,
)
from scanner.audio import AudioError
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import ConflictError, NotFoundError
from scanner.tables import DeadLetter, JournalRow, PolicyDecision, Track
from tests.earlier_bytes import stored_before
from tests.running import add_tenant
from tests.songs import RATE, song, write
from tests.submitting import cases, decided, statements, submit, view

KNOWN = song(1, 30)


@pytest.fixture
def known(tmp_path) -> Path:
    return write(tmp_path / "known.wav", KNOWN)


@pytest.fixture
def excerpt(tmp_path) -> Path:
    return write(tmp_path / "excerpt.wav", KNOWN[8 * RATE : 24 * RATE])


def test_an_unknown_song_is_released_without_a_statement_or_a_case(
    service, caller, tmp_path
) -> None:
    result = decided(service, caller, write(tmp_path / "unknown.wav", song(2)))

    assert (result["decision"], result["state"]) == ("clear", "released")
    assert result["detectors"] == {
        "fingerprint": "ok",
        "embedding": "ok",
        "composition": "ok",
        "watermark": "not_run",
        "provenance": "ok",
        "lyrics": "not_run",
    }
    assert (statements(service), cases(service)) == ([], [])


@pytest.mark.parametrize(
    ("policy", "decision", "state", "stated"),
    [
        ("block", "block", "blocked", 1),
        ("monetise", "restrict", "conditioned", 1),
        ("track", "clear", "released", 0),
    ],
)
def test_a_copy_is_treated_as_its_reference_wants(
    service, caller, known, excerpt, policy, decision, state, stated
) -> None:
    references.add(service, caller, path=known, title="Known", policy=policy, operator=True)

    result = decided(service, caller, excerpt)

    assert (result["decision"], result["state"]) == (decision, state)
    # Only where all of a track is blocked already is it idle to look for altered copies too.
    assert result["detectors"]["embedding"] == ("not_run" if policy == "block" else "ok")
    (match,) = result["matches"]
    (segment,) = match["segments"]
    assert match["title"] == "Known"
    assert segment["query_start"] == pytest.approx(0, abs=0.3)
    assert segment["reference_start"] == pytest.approx(8, abs=0.3)
    assert segment["reference_end"] == pytest.approx(24, abs=0.3)
    found = statements(service)
    assert len(found) == stated
    for statement in found:
        assert statement.text
        assert statement.redress
        assert statement.legal_basis


def test_a_match_that_is_not_manifest_goes_to_a_person(service, caller, known, tmp_path) -> None:
    references.add(service, caller, path=known, operator=True)
    other = song(3, 30)
    mixed = write(tmp_path / "half.wav", [*KNOWN[: 20 * RATE], *other[: 20 * RATE]])

    result = decided(service, caller, mixed)

    assert (result["decision"], result["state"]) == ("review", "quarantined")
    (case,) = cases(service)
    assert (case.kind, case.state, case.track_id) == ("review", "queued", result["track_id"])


def test_what_failed_for_good_goes_to_a_person_and_is_never_clear(
    service, caller, tmp_path
) -> None:
    track_id = submit(service, caller, write(tmp_path / "unknown.wav", song(2)))
    service.catalogue._folder.write_text("a file where the index belongs")

    inline.drive(service, track_id, 60)

    result = view(service, caller, track_id)
    assert (result["decision"], result["state"]) == ("indeterminate", "quarantined")
    assert result["detectors"]["fingerprint"] == "failed"
    assert [case.kind for case in cases(service)] == ["indeterminate"]
    assert len(statements(service)) == 1
    with service.database.reading() as session:
        types = [
            row.type
            for row in session.exec(select(JournalRow).where(JournalRow.subject == track_id))
        ]
        assert "clearance.track.released" not in types
        assert "clearance.track.indeterminate" in types
        (letter,) = session.exec(select(DeadLetter)).all()
    assert letter.attempts == service.settings.retries + 1


def test_a_removed_reference_is_found_no_more_and_a_new_one_at_once(
    service, caller, known, excerpt
) -> None:
    reference = references.add(service, caller, path=known, operator=True)
    before = decided(service, caller, excerpt)
    references.remove(service, caller, reference.id)
    after = decided(service, caller, excerpt)
    references.add(service, caller, path=known, operator=True)
    again = decided(service, caller, excerpt)

    decisions = [each["decision"] for each in (before, after, again)]
    assert decisions == ["block", "clear", "block"]
    assert len({each["index_version"] for each in (before, after, again)}) == 3


def test_the_same_audio_of_the_same_holder_is_one_reference(service, caller, known) -> None:
    def add(holder: str | None) -> str:
        return references.add(service, caller, path=known, holder=holder, audio_sha256="a" * 64).id

    first = add("Label")

    assert add("Label") == first
    assert add("Another label") != first
    assert add(None) == add(None) != first


def test_what_is_asked_anew_of_a_known_reference_is_a_conflict(service, caller, known) -> None:
    def add(**asked: object) -> str:
        return references.add(service, caller, path=known, audio_sha256="a" * 64, **asked).id

    first = add(policy="track", territories=("DE",))

    assert add() == add(policy="track") == first
    for asked in ({"policy": "block"}, {"isrc": "USRC17607839"}, {"territories": ("FR",)}):
        with pytest.raises(ConflictError, match=first):
            add(**asked)


def test_one_audio_that_is_added_by_many_at_once_is_one_reference(service, caller, known) -> None:
    def add(_: int) -> str:
        return references.add(service, caller, path=known, audio_sha256="b" * 64).id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(add, range(6)))) == 1


def test_a_reference_is_private_to_its_tenant(service, caller, known, excerpt) -> None:
    other = add_tenant(service, "two")
    reference = references.add(service, caller, path=known, operator=True)

    assert decided(service, other, excerpt)["decision"] == "clear"
    with service.database.reading() as session, pytest.raises(NotFoundError):
        references.find(session, other.tenant_id, reference.id)


def test_a_withdrawn_track_is_left_alone(service, caller, tmp_path) -> None:
    track_id = submit(service, caller, write(tmp_path / "unknown.wav", song(2)))
    tracks.withdraw(service, caller, track_id)

    inline.drive(service, track_id, 30)

    result = view(service, caller, track_id)
    assert (result["state"], result["decision"]) == ("withdrawn", None)


def test_the_stored_facts_give_the_same_answer_again(service, caller, known, excerpt) -> None:
    import policy

    references.add(service, caller, path=known, operator=True)
    result = decided(service, caller, excerpt)
    with service.database.reading() as session:
        track = session.get_one(Track, result["track_id"])
        stored = session.get_one(PolicyDecision, track.decision_id)

    again = policy.decide(policy.default_pack(), policy.Facts.model_validate(stored.facts))

    assert (again.facts_hash, again.outcome_hash) == (stored.facts_hash, stored.outcome_hash)


def test_a_named_account_without_assurance_is_no_adult(service, caller, tmp_path) -> None:
    path = write(tmp_path / "unknown.wav", song(2))
    named, own = (
        decided(service, caller, path, **declared) for declared in ({"account": "ada"}, {})
    )

    with service.database.reading() as session:
        bands = {
            session.get_one(
                PolicyDecision, session.get_one(Track, each["track_id"]).decision_id
            ).facts["age_band"]
            for each in (named,)
        }
    assert bands == {"unassured"}
    assert own["decision"] == "clear"


# --- claim checks


class _Files(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.server.files.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def platform(tmp_path) -> Iterator[http.server.ThreadingHTTPServer]:
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    path = write(tmp_path / "served.wav", song(5, 8))
    running.files = {
        "/served.wav": path.read_bytes(),
        "/text.wav": b"no audio at all",
        "/book.wav": b"no audio at all" * 10_000,
    }
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize(
    ("path", "state", "problem"),
    [
        ("/served.wav", "released", None),
        ("/text.wav", "held", "not-audio"),
        ("/book.wav", "held", "not-audio"),
        ("/missing.wav", "held", "url-status"),
    ],
)
def test_a_claim_check_is_fetched_or_the_track_is_held(
    make_service, platform, path, state, problem
) -> None:
    host = f"127.0.0.1:{platform.server_port}"
    service = make_service(allowed_hosts=frozenset({host}))
    caller = add_tenant(service)
    track_id = tracks.submit(
        service,
        caller,
        tracks.Source(url=f"http://{host}{path}"),
        Declaration(),
        entrance="http",
        key=new_id(),
    )

    inline.drive(service, track_id, 60)

    result = view(service, caller, track_id)
    assert result["state"] == state
    assert (result["problem"] or {}).get("type") == problem
    kept = [each for each in Path(service.settings.store).rglob("*") if each.is_file()]
    assert bool(kept) == (problem is None)


def test_an_address_that_leads_inside_holds_the_track(service, caller) -> None:
    track_id = tracks.submit(
        service,
        caller,
        tracks.Source(url="https://10.0.0.1/a.wav"),
        Declaration(),
        entrance="http",
        key=new_id(),
    )

    inline.drive(service, track_id, 60)

    assert view(service, caller, track_id)["problem"]["type"] == "url-refused"


def test_an_unreadable_reference_is_refused_by_name(service, caller, tmp_path) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEnothing")

    with pytest.raises(AudioError) as refused:
        references.add(service, caller, path=path)

    assert refused.value.problem == "unreadable-audio"


def test_a_match_whose_reference_is_not_on_record_is_unknown(service, caller) -> None:
    gone = fingerprint.Match(new_id(), "recording", 1.0, (), 1.0, 1.0)
    evidence = analysis.Evidence(matches=[gone], duration=30.0)
    with service.database.reading() as session:
        (match,) = track_facts._match_facts(
            session, caller.tenant_id, {}, evidence, service.now(), None
        )
    assert match.reference_id == gone.reference_id
    assert isinstance(match.score, policy.Unknown)


def test_a_sure_segment_lends_its_score_to_itself_only(service, caller, known) -> None:
    added = references.add(service, caller, path=known)
    segments = (
        fingerprint.Segment(0, 11, 0, 11, score=1.0),
        fingerprint.Segment(11, 100, 11, 100, score=0.86),
    )
    found = fingerprint.Match(added.id, "recording", 1.0, segments, 1.0, 1.0)
    evidence = analysis.Evidence(matches=[found], duration=100.0)
    with service.database.reading() as session:
        (match,) = track_facts._match_facts(
            session, caller.tenant_id, {}, evidence, service.now(), None
        )
    assert match.coverage_query == 1
    assert match.coverage_sure == pytest.approx(0.11)


def test_seconds_that_two_segments_share_are_told_once(service, caller, known) -> None:
    added = references.add(service, caller, path=known)
    segments = (
        fingerprint.Segment(0, 8.3, 60, 68.3, score=1.0),
        fingerprint.Segment(7.6, 14.9, 59.6, 66.9, score=1.0),
    )
    found = fingerprint.Match(added.id, "recording", 1.0, segments, 1.0, 0.1)
    evidence = analysis.Evidence(matches=[found], duration=14.9)
    with service.database.reading() as session:
        (match,) = track_facts._match_facts(
            session, caller.tenant_id, {}, evidence, service.now(), None
        )
    assert match.matched_seconds == pytest.approx(14.9)


def test_a_reference_that_was_taken_back_since_the_analysis_blocks_nothing(
    service, caller, known, excerpt
) -> None:
    kept = references.add(service, caller, path=known, policy="block", operator=True)
    found = fingerprint.Match(
        kept.id, "recording", 1.0, (fingerprint.Segment(0, 9, 0, 9, 1.0),), 1.0, 1.0
    )
    evidence = analysis.Evidence(matches=[found], duration=9.0)
    with service.database.reading() as session:
        before = track_facts._match_facts(
            session, caller.tenant_id, {}, evidence, service.now(), None
        )
    references.remove(service, caller, kept.id)
    with service.database.reading() as session:
        after = track_facts._match_facts(
            session, caller.tenant_id, {}, evidence, service.now(), None
        )
    assert (len(before), after) == (1, ())


def test_a_fingerprint_queued_before_an_upgrade_is_not_released_unseen(service, caller) -> None:
    sent = fingerprint.completed(fingerprint.fingerprint(song(2)[None], RATE), song(2)[None], RATE)
    results = []
    for content in (sent.to_bytes(), stored_before(sent)):
        blob = service.store.put_bytes(caller.tenant_id, content)
        source = tracks.Source(fingerprint_sha256=blob.sha256)
        track_id = tracks.submit(
            service, caller, source, Declaration.parse({}), entrance="cli", key=new_id()
        )
        inline.drive(service, track_id, 60)
        results.append(view(service, caller, track_id))
    today, before = results
    assert (today["decision"], today["state"], today["warnings"]) == ("clear", "released", [])
    assert (before["decision"], before["state"]) == ("review", "quarantined")
    assert before["detectors"]["fingerprint"] == "ok"
    assert before["detectors"]["embedding"] == before["detectors"]["composition"] == "failed"
    assert [each["type"] for each in before["warnings"]] == ["earlier-networks"]
    assert "send it again" in before["warnings"][0]["detail"]
