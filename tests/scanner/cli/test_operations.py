"""Keys, logins, packs, dead letters, the audit trail and the check-up."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlmodel import select

import policy
from fingerprint import SegmentIndex
from scanner import keys
from scanner.bus import dead_letters
from scanner.clock import utc_now
from scanner.errors import PoisonError
from scanner.events import SUBMISSIONS, TrackWithdrawn
from scanner.journal import record
from scanner.service import Service
from scanner.settings import Settings
from scanner.tables import JournalRow
from tests.program import answer, clearance, initialised, lines
from tests.scanner.cli.conftest import Installation

PACKS = Path(policy.__file__).parent / "packs"


def test_a_key_is_shown_once_listed_by_its_hint_and_revoked(installation: Installation) -> None:
    home = installation.home
    made = answer(home, "key", "create", "ci", "--scope", "tracks:read")
    assert made["scopes"] == ["tracks:read"]
    listed = clearance(home, "key", "list", "--json")
    assert made["api_key"] not in listed.stdout
    assert {each["id"]: each["revoked_at"] for each in lines(listed)}[made["id"]] is None
    assert answer(home, "key", "revoke", made["id"])["revoked_at"]
    clearance(home, "key", "create", "ci", "--scope", "everything", status=2)
    clearance(home, "key", "revoke", "no-such-key", status=2)


def test_a_signing_key_comes_as_pem_with_its_tenant(installation: Installation) -> None:
    made = answer(installation.home, "key", "create", "platform", "--signing")
    assert made["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert made["tenant"]
    listed = {
        each["id"]: each for each in lines(clearance(installation.home, "key", "list", "--json"))
    }
    assert (listed[made["id"]]["kind"], listed[made["id"]]["revoked_at"]) == ("signing", None)
    assert answer(installation.home, "key", "revoke", made["id"])["revoked_at"]
    again = lines(clearance(installation.home, "key", "list", "--json"))
    assert {each["id"]: each["revoked_at"] for each in again}[made["id"]]


def test_a_second_platform_has_keys_of_its_own(installation: Installation) -> None:
    made = answer(installation.home, "tenant", "add", "Second")
    assert made["api_key"].startswith("clr_live_")
    clearance(installation.home, "tenant", "add", "Second", status=2)
    small = ("micro-or-small", "--tenant", "Second")
    assert answer(installation.home, "tenant", "size", *small)["micro_or_small"]
    clearance(installation.home, "tenant", "means", "left-out", status=2)  # its size is not known
    left_out = ("left-out", "--tenant", "Second")
    assert not answer(installation.home, "tenant", "means", *left_out)["means_offered"]
    listed = lines(clearance(installation.home, "tenant", "list", "--json"))
    sizes = {each["name"]: (each["micro_or_small"], each["means_offered"]) for each in listed}
    assert sizes == {"default": (None, True), "Second": (True, False)}
    (key,) = lines(clearance(installation.home, "key", "list", "--tenant", "Second", "--json"))
    assert key["name"] == "first key"


def test_a_wrong_address_makes_no_installation(tmp_path: Path) -> None:
    clearance(tmp_path, "init", "--email", "nonsense", status=2)
    assert answer(tmp_path, "init", "--email", "a@example.org")["api_key"]


def test_the_check_up_names_a_broken_database(tmp_path: Path) -> None:
    initialised(tmp_path)
    with Service(Settings(home=tmp_path)) as service:
        path = Path(str(service.database.engine.url.database))
    path.write_bytes(b"no database" * 1000)
    findings = lines(clearance(tmp_path, "doctor", "--json", status=3))
    assert "database" in {each["part"] for each in findings if not each["well"]}
    assert "chromaprint" in {each["part"] for each in findings if each["well"]}


def test_a_login_is_made_once(installation: Installation) -> None:
    made = answer(installation.home, "user", "add", "r@example.org", "--role", "reviewer")
    assert made["password"]
    settings = Settings(home=installation.home)
    with contextlib.closing(sqlite3.connect(str(make_url(settings.database).database))) as raw:
        hashes = [row[0] for row in raw.execute("SELECT password_hash FROM user_login")]
    assert all(each.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for each in hashes)
    clearance(installation.home, "user", "add", "r@example.org", "--role", "reviewer", status=2)
    clearance(installation.home, "user", "add", "s@example.org", "--role", "king", status=2)


def test_a_database_that_is_up_to_date_stays_so(installation: Installation) -> None:
    assert answer(installation.home, "db", "upgrade") == {"upgraded": True}


def test_the_default_pack_passes_its_cases_and_the_linter(tmp_path: Path) -> None:
    (pack, *_) = sorted(PACKS.glob("*.yaml"))
    results = lines(clearance(tmp_path, "policy", "test", pack, "--json"))
    assert results
    assert all(each["passed"] for each in results)
    assert clearance(tmp_path, "policy", "lint", pack, "--json").stdout == ""


def test_a_pack_that_fails_its_cases_ends_with_1_and_a_broken_one_with_2(tmp_path: Path) -> None:
    (source, *_) = sorted(PACKS.glob("*.yaml"))
    failing = tmp_path / "failing.yaml"
    failing.write_text(source.read_text().replace("manifest_share: 0.9 ", "manifest_share: 0.1 "))
    assert failing.read_text() != source.read_text()
    results = lines(clearance(tmp_path, "policy", "test", failing, "--json", status=1))
    assert {each["passed"] for each in results} == {True, False}
    broken = tmp_path / "broken.yaml"
    broken.write_text("rules: [")
    assert clearance(tmp_path, "policy", "lint", broken, "--json", status=2).stdout == ""


def test_a_pack_without_cases_does_not_pass_its_test(tmp_path: Path) -> None:
    pack = tmp_path / "untested.yaml"
    pack.write_text(
        "name: x\nthresholds: {}\nrules: [{id: a, title: A, when: explicit, outcome: review}]\n"
    )
    done = clearance(tmp_path, "policy", "test", pack, "--json", status=1)
    assert (done.stdout, "no tests" in done.stderr) == ("", True)
    assert "untested" in clearance(tmp_path, "policy", "lint", pack, status=1).stdout


def test_the_text_of_the_pack_in_force_is_there_to_write_another_from(
    installation: Installation,
) -> None:
    text = clearance(installation.home, "policy", "show", "--text").stdout
    assert policy.read_pack(text).id == policy.default_pack().id


def test_dead_letters_are_listed_and_replayed(tmp_path: Path) -> None:
    initialised(tmp_path)
    with Service(Settings(home=tmp_path)) as service:
        with service.database.transaction() as session:
            event = record(
                session,
                tenant_id=None,
                subject="a track",
                version=1,
                data=TrackWithdrawn(reason="test"),
                now=utc_now(),
            )
        letter = dead_letters.bury(service, "notify", event, PoisonError("it is poison"), 3)
    (listed,) = lines(clearance(tmp_path, "dead", "list", "--json"))
    assert (listed["id"], listed["detail"]) == (letter.id, "it is poison")
    clearance(tmp_path, "dead", "replay", "no-such-letter", status=2)
    assert answer(tmp_path, "dead", "replay", "--all") == {"id": letter.id, "state": "replayed"}
    assert clearance(tmp_path, "dead", "list", "--json").stdout == ""


def test_a_dead_letter_that_nobody_needs_is_dropped_and_the_journal_keeps_why(
    tmp_path: Path,
) -> None:
    initialised(tmp_path)
    with Service(Settings(home=tmp_path)) as service:
        outside = {"topic": "clearance.submissions", "key": "k", "payload": b"{}"}
        letter = dead_letters.bury_foreign(service, **outside, error=PoisonError("no good"))
        clearance(tmp_path, "dead", "drop", letter.id, "--reason", " ", status=2)
        dropped = answer(tmp_path, "dead", "drop", letter.id, "--reason", "a test of ours")
        assert dropped == {"id": letter.id, "state": "dropped"}
        clearance(tmp_path, "dead", "drop", letter.id, "--reason", "again", status=2)
        with service.database.reading() as session:
            assert dead_letters.listed(session, None) == []
            (row,) = session.exec(select(JournalRow).where(JournalRow.subject == letter.id))
    assert row.actor == "cli"
    assert row.data["action"] == "dead-letter.dropped"
    assert (row.data["detail"]["error"], row.data["detail"]["reason"]) == (
        "PoisonError",
        "a test of ours",
    )


def test_a_dead_letter_that_fails_again_does_not_keep_the_others_from_their_replay(
    tmp_path: Path,
) -> None:
    initialised(tmp_path)
    with Service(Settings(home=tmp_path)) as service:
        with service.database.reading() as session:
            (tenant,) = keys.tenants(session)
        refused = PoisonError("it is poison")
        outside = {"topic": SUBMISSIONS, "key": None, "payload": b"no JSON", "error": refused}
        dead_letters.bury_foreign(service, **outside)
        failing = dead_letters.bury_foreign(service, **outside, tenant_id=tenant.id)
        with service.database.transaction() as session:
            event = record(
                session,
                tenant_id=None,
                subject="a track",
                version=1,
                data=TrackWithdrawn(reason="test"),
                now=utc_now(),
            )
        letter = dead_letters.bury(service, "notify", event, refused, 3)

    run = clearance(tmp_path, "dead", "replay", "--all", "--json", status=1)

    assert lines(run) == [{"id": letter.id, "state": "replayed"}]
    assert failing.id in run.stderr
    assert len(run.stderr.splitlines()) == 1


@pytest.fixture
def damaged(tmp_path: Path, music: dict[str, Path]) -> Path:
    """An installation whose journal somebody changed behind the service's back."""
    initialised(tmp_path)
    answer(tmp_path, "scan", music["unknown"])
    assert answer(tmp_path, "audit", "verify")["whole"]
    with sqlite3.connect(tmp_path / "clearance.db") as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute(
            "UPDATE journal SET data = replace(data, '\"clear\"', '\"block\"') WHERE type LIKE '%decided'"
        )
        assert changed.rowcount == 1
    database.close()
    return tmp_path


def test_an_altered_journal_ends_with_1_and_names_the_record(damaged: Path) -> None:
    report = answer(damaged, "audit", "verify", status=1)
    assert not report["whole"]
    (broken,) = report["breaks"]
    assert broken["kind"] == "altered"
    assert broken["journal_id"] in clearance(damaged, "audit", "verify", status=1).stdout


def test_doctor_names_the_part_that_is_not_well(tmp_path: Path) -> None:
    initialised(tmp_path)
    findings = lines(clearance(tmp_path, "doctor", "--json"))
    assert all(each["well"] for each in findings)
    assert {"database", "store", "bus", "index", "decoder"} <= {each["part"] for each in findings}
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").write_text("no folder")
    findings = lines(clearance(tmp_path, "doctor", "--json", status=3))
    assert [each["part"] for each in findings if not each["well"]] == ["store"]


def test_doctor_and_compact_know_what_the_index_holds(
    music: dict[str, Path], tmp_path: Path
) -> None:
    initialised(tmp_path)
    files = [str(music["first"]), str(music["second"])]
    added = lines(clearance(tmp_path, "reference", "add", *files, "--json"))
    kept, gone = (each["reference_id"] for each in added)
    clearance(tmp_path, "reference", "remove", gone)

    before = answer(tmp_path, "reference", "stats")["index_bytes"]
    assert answer(tmp_path, "reference", "compact")["bytes"] <= before
    assert index_finding(tmp_path).endswith("ok")

    (folder,) = (tmp_path / "index").glob("*/")
    index = SegmentIndex(folder)
    assert index.stats().tombstones == 0
    index.apply([], [kept], index.epoch)
    assert "1 references are missing" in index_finding(tmp_path, status=3)


def index_finding(home: Path, status: int = 0) -> str:
    findings = {
        each["part"]: each for each in lines(clearance(home, "doctor", "--json", status=status))
    }
    return f"{findings['index']['detail']} {'ok' if findings['index']['well'] else ''}"
