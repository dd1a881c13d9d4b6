"""The report of a simulated year: its sums are those that the simulation kept, and those of the journal."""

import csv
import io
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import median

import pytest
from lxml import etree
from sqlmodel import select

import appeals
from appeals import Role
from scanner import inline, matters, rulings, transparency
from scanner.bus.relay import seal_batch
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.rulings import Ruling
from scanner.service import Service
from scanner.tables import Appeal, CounterNotice, Dispute, JournalRow, Notice, Strike
from scanner.tracks import locked
from scanner.transparency.page import as_page
from scanner.transparency.report import BadPeriodError
from tests import casework
from tests.running import add_tenant

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
REVIEWER = appeals.Actor(Role.REVIEWER, "rita")
OFFICER = appeals.Actor(Role.APPEALS_OFFICER, "omar")
SENDER = appeals.Actor(Role.NOTIFIER, "nora")
CREATOR = appeals.Actor(Role.CREATOR, "ana")
HOLDER = appeals.Actor(Role.RIGHTS_HOLDER, "hugo")


class Year:
    """Lets matters live, and keeps its own books of what falls into the year."""

    def __init__(self, service: Service, caller: Caller, session, seed: int) -> None:
        self.service, self.caller, self.session = service, caller, session
        self.chance = random.Random(seed)
        self.books: Counter[str] = Counter()
        self.hours: dict[str, list[float]] = defaultdict(list)

    @property
    def within(self) -> bool:
        return (
            datetime(2026, 1, 1, tzinfo=UTC)
            <= self.service.now()
            < datetime(2027, 1, 1, tzinfo=UTC)
        )

    def book(self, key: str) -> None:
        if self.within:
            self.books[key] += 1

    def open(self, model, actor, **columns):
        self.moment = datetime(2025, 12, 1, tzinfo=UTC) + timedelta(
            hours=self.chance.randrange(24 * 420)
        )
        casework.at(self.service, self.moment)
        row = matters.new(model, self.caller.tenant_id, self.moment, **columns)
        matters.opened(self.service, self.session, row, actor)
        return row

    def move(self, row, action, actor, hours=0.0, **parts) -> None:
        casework.at(self.service, self.service.now() + timedelta(hours=hours))
        matters.move(self.service, self.session, row, action, actor, parts=parts)

    def took(self, key: str) -> None:
        if self.within:
            self.hours[key].append((self.service.now() - self.moment).total_seconds() / 3600)

    def notice(self) -> None:
        form = self.chance.choice(["dmca", "dsa", "likeness", "order"])
        flagger = "flagger" if self.chance.random() < 0.2 else None
        row = self.open(Notice, SENDER, form=form, elements={}, flagger_id=flagger)
        self.book(f"{form}/received")
        if flagger:
            self.book("trusted/received")
        end = self.chance.choice(["action", "action_alone", "refuse", "lapse", "retract"])
        if end == "lapse":
            self.move(row, "find_incomplete", matters.CLOCK, missing={"work": "it is empty"})
            self.move(row, "lapse", matters.CLOCK, hours=24 * 16)
        elif end == "retract":
            self.move(row, "retract", SENDER, hours=2)
        else:
            self.move(row, "validate_trusted" if flagger else "validate", matters.CLOCK)
            hours = self.chance.randrange(1, 200)
            if end == "refuse":
                self.move(row, "refuse", REVIEWER, hours, reason="unfounded")
            elif end == "action":
                self.move(row, "action", REVIEWER, hours, reason="it holds")
            else:
                self.move(row, "action", matters.CLOCK, hours, reason="it holds", manifest=True)
                self.book(f"{form}/alone")
            self.took(form)
        self.book(f"{form}/{row.state}")
        if flagger:
            self.book(f"trusted/{row.state}")

    def appeal(self) -> None:
        kind = self.chance.choice(["decision", "notice", "strike"])
        row = self.open(
            Appeal,
            CREATOR,
            subject_kind=kind,
            subject_id=new_id(),
            filed_by="ana",
            filed_as="creator",
            reason="No.",
        )
        self.book("appeal/filed")
        self.book(f"basis/{kind}")
        self.move(row, "assign", OFFICER, hours=3)
        action = self.chance.choice(["grant", "grant_partly", "deny"])
        self.move(row, action, OFFICER, self.chance.randrange(1, 400), reason="So it is.")
        self.book(f"appeal/{row.state}")
        self.took("appeal")
        if action == "deny" and self.chance.random() < 0.4:
            self.move(row, "go_out_of_court", CREATOR, hours=24, body="A body")
            self.book("court/submitted")
            self.move(row, "record_outcome", OFFICER, hours=24 * 60, outcome="upheld")
            self.book("court/decided")

    def dispute(self) -> None:
        row = self.open(
            Dispute,
            CREATOR,
            claim_id="c",
            track_id="t",
            filed_by="ana",
            grounds=["licence"],
            text="x",
        )
        self.book("dispute/opened")
        self.move(row, "forward", matters.CLOCK, message="m")
        if self.chance.random() < 0.5:
            self.move(row, "release_claim", HOLDER, hours=70)
        else:
            self.move(row, "lapse", matters.CLOCK, hours=24 * 32)
        self.book(f"dispute/{row.state}")
        self.took("dispute")

    def counter_notice(self) -> None:
        row = self.open(CounterNotice, CREATOR, notice_id="n", track_id="t", elements={})
        self.book("counter/received")
        self.move(row, "forward", matters.CLOCK, message="m")
        self.book("counter/forwarded")
        self.move(row, "wait", matters.CLOCK)
        if self.chance.random() < 0.3:
            self.move(row, "file_action", SENDER, hours=30, filing="1:26-cv-1")
        else:
            self.move(row, "restore", matters.CLOCK, hours=24 * 17)
        self.book(f"counter/{row.state}")

    def strike(self) -> None:
        row = self.open(
            Strike, matters.CLOCK, account_id="a", ground_kind="notice", ground_id="n",
            policy_version="1",
        )  # fmt: skip
        if self.chance.random() < 0.3:
            self.move(row, "reverse", OFFICER, hours=5, ground="appeal")
        else:
            self.move(row, "activate", matters.CLOCK, hours=24 * 9)
        self.book(f"strike/{row.state}")


@pytest.fixture
def service(make_service) -> Service:
    return make_service(legal_zone="UTC")


@pytest.fixture
def caller(service) -> Caller:
    return add_tenant(service)


def lived(service: Service, caller: Caller, seed: int, each: int) -> Year:
    with service.database.transaction() as session:
        year = Year(service, caller, session, seed)
        for _ in range(each):
            for kind in (year.notice, year.notice, year.appeal, year.dispute):
                kind()
            year.counter_notice()
            year.strike()
    return year


def test_the_sums_of_a_simulated_year_are_those_of_its_books_and_of_the_chain(
    service, caller
) -> None:
    year = lived(service, caller, 7, 50)
    lived(service, add_tenant(service, "two"), 8, 2)  # another tenant's is not counted
    while seal_batch(service.database):
        pass
    report = transparency.of_period(service, caller.tenant_id, FIRST, LAST)
    books = year.books

    for form in ("dmca", "dsa", "likeness", "order"):
        said = report["orders"] if form == "order" else report["notices"][form]
        for end in ("received", "actioned", "refused", "lapsed", "retracted"):
            assert said[end] == books[f"{form}/{end}"], (form, end)
        assert said["decided_by_rules_alone"] == books[f"{form}/alone"]
        assert said["median_hours_to_decision"] == round(median(year.hours[form]), 2)
    assert sum(report["trusted_flaggers"].values()) == sum(
        count for key, count in books.items() if key.startswith("trusted/")
    )
    complaints = report["complaints"]
    for end in ("filed", "granted", "partly", "denied"):
        assert complaints[end] == books[f"appeal/{end}"]
    assert complaints["reversals"] == books["appeal/granted"] + books["appeal/partly"]
    assert complaints["by_basis"] == {
        kind: books[f"basis/{kind}"] for kind in ("decision", "notice", "strike")
    }
    assert complaints["by_party"] == {"creator": books["appeal/filed"]}
    assert complaints["median_hours_to_decision"] == round(median(year.hours["appeal"]), 2)
    assert report["out_of_court"]["submitted"] == books["court/submitted"]
    assert report["out_of_court"]["decided"] == books["court/decided"]
    for end in ("opened", "released", "expired"):
        assert report["disputes"][end] == books[f"dispute/{end}"]
    for end in ("received", "forwarded", "restored", "court_hold"):
        assert report["dmca"][f"counter_notices_{end}"] == books[f"counter/{end}"]
    for end in ("active", "reversed"):
        assert report["dmca"][f"strikes_{end}"] == books[f"strike/{end}"]
    assert report["dmca"]["notices_actioned"] == books["dmca/actioned"]
    assert_proven(service, caller, report)


def assert_proven(service: Service, caller: Caller, report) -> None:
    """Count the journal anew, and hold the chain's head to the database's."""
    with service.database.reading() as session:
        rows = session.exec(
            select(JournalRow).where(JournalRow.tenant_id == caller.tenant_id)
        ).all()
    within = Counter(row.type for row in rows if row.time.year == 2026)
    counted = report["proof"]["events_by_type"]
    assert counted
    assert all(within[type_] == count for type_, count in counted.items())
    assert report["proof"]["events_in_period"] == within.total()
    assert counted["clearance.appeal.filed"] == report["complaints"]["filed"]
    assert sum(
        counted.get(f"clearance.{kind}.{state}", 0) for kind, state in [("notice", "received")]
    ) == sum(each["received"] for each in [report["orders"], *report["notices"].values()])
    assert report["proof"]["whole"]
    assert report["proof"]["unsealed"] == 0
    assert len(report["proof"]["head"]["hash"]) == 64


def test_no_matter_is_counted_twice_or_lost_where_periods_meet(service, caller) -> None:
    lived(service, caller, 9, 10)
    whole = transparency.of_period(service, caller.tenant_id, FIRST, LAST)
    first = transparency.of_period(service, caller.tenant_id, FIRST, date(2026, 6, 30))
    second = transparency.of_period(service, caller.tenant_id, date(2026, 7, 1), LAST)

    for section, figure in (
        ("complaints", "filed"),
        ("complaints", "denied"),
        ("dmca", "strikes_active"),
    ):
        assert whole[section][figure] == first[section][figure] + second[section][figure]


def restricted(service: Service, caller: Caller, outcome: str = "block") -> str:
    """A track that rules alone would restrict is not to be had without audio: a person's, then."""
    track = casework.decided_track(service, caller)
    ruled(service, caller, track.id, Ruling(outcome, "human.copy", "A copy."))
    return track.id


def ruled(service: Service, caller: Caller, track_id: str, ruling: Ruling) -> None:
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        rulings.rule(service, session, track, ruling, Actor("rita", "reviewer"))
    inline.drive(service, track_id)


def test_own_initiative_and_decisions_are_told_by_kind(service, caller) -> None:
    casework.at(service, datetime(2026, 5, 1, tzinfo=UTC))
    restricted(service, caller)
    track = casework.decided_track(service, caller)
    limit = {"kind": "monetise", "territories": [], "except": []}
    ruled(
        service, caller, track.id, Ruling("restrict", "human.shared", "So.", restrictions=(limit,))
    )
    notice = matters.new(Notice, caller.tenant_id, service.now(), form="dsa", elements={})
    with service.database.transaction() as session:
        session.add(notice)
    track = casework.decided_track(service, caller)
    ruled(
        service,
        caller,
        track.id,
        Ruling("block", "notice.actioned", "So.", ground=("notice", notice.id)),
    )

    report = transparency.of_period(service, caller.tenant_id, FIRST, LAST)

    assert report["own_initiative"] == {
        "all": 2,
        "effect/blocked": 1,
        "effect/conditioned": 1,
        "found_by_automated_means": 2,
        "ground/terms": 2,
        "limit/monetise": 1,
        "restricts/money": 1,
        "restricts/visibility": 1,
    }
    assert report["by_notice_or_order"]["all"] == 1
    assert report["automation"]["decisions_by_rules"] == 3
    assert report["automation"]["decisions_by_people_or_law"] == 3
    assert report["automation"]["error_rate"] is None


def test_a_period_without_anything_is_a_report_too(service, caller) -> None:
    report = transparency.of_period(service, caller.tenant_id, FIRST, LAST)

    assert report["complaints"]["filed"] == 0
    assert report["complaints"]["median_hours_to_decision"] is None
    etree.fromstring(as_page(report).encode())


def test_a_period_that_ends_before_it_begins_is_refused(service, caller) -> None:
    with pytest.raises(BadPeriodError, match="swap"):
        transparency.of_period(service, caller.tenant_id, LAST, FIRST)


def test_csv_and_page_say_what_the_report_says(service, caller) -> None:
    lived(service, caller, 11, 4)
    report = transparency.of_period(service, caller.tenant_id, FIRST, LAST)

    table = list(csv.DictReader(io.StringIO(transparency.as_csv(report))))
    figures = {(row["section"], row["category"], row["indicator"]): row["value"] for row in table}
    assert figures["complaints", "", "filed"] == str(report["complaints"]["filed"])
    assert figures["notices", "dmca", "received"] == str(report["notices"]["dmca"]["received"])
    page = as_page(report)
    tree = etree.fromstring(page.encode())  # well-formed, so that nothing is cut off or left open
    space = {"h": "http://www.w3.org/1999/xhtml", "s": "http://www.w3.org/2000/svg"}
    assert len(tree.findall(".//s:svg", space)) == 2  # there were no restrictions to draw
    cells = [cell.text for cell in tree.iterfind(".//h:td", space)]
    assert str(report["complaints"]["filed"]) in cells
    assert "src=" not in page
    assert "<script" not in page


def test_no_cell_of_the_table_is_a_formula(service, caller) -> None:
    report = transparency.of_period(service, caller.tenant_id, FIRST, LAST)
    named = report | {"platform": '=HYPERLINK("https://x.example","one")'}

    cells = [cell for row in csv.reader(io.StringIO(transparency.as_csv(named))) for cell in row]

    assert """'=HYPERLINK("https://x.example","one")""" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_names_are_shown_as_text(service, caller) -> None:
    report = transparency.of_period(service, caller.tenant_id, FIRST, LAST)

    assert "<b>" not in as_page(report | {"platform": "<b>Loud & Co"})
