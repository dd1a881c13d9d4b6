"""A child's tracks and requests wait for a parent, go on when one agrees, and are pulled when not."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import soundfile
from sqlmodel import select

from scanner import keys
from scanner.bus.chores import Chores
from scanner.clock import new_id
from scanner.consumer_groups import GROUPS
from scanner.inline import drive, drive_group
from scanner.service import Service
from scanner.tables import Case, JournalRow, PolicyDecision, StatementOfReasons
from tests.scanner.api.conftest import served
from tests.songs import RATE, song

WORDS = {"text": "May your child publish?", "text_version": "2026-11", "guardian": "mother"}


@dataclass
class Family:
    """A platform's key, a child's account, and a parent who has nothing but links."""

    service: Service
    platform: httpx.Client
    parent: httpx.Client
    tenant_id: str

    def assure(self, band: str = "child") -> None:
        body = {"method": "parent", "band": band, "country": "US"}
        answer = self.platform.put("/v1/accounts/kid/age", json=body)
        assert answer.status_code == 200, answer.text

    def link(self, *scopes: str, **more: Any) -> tuple[str, str]:
        """Ask the parent; return the address and the token of their link."""
        body = WORDS | {"scopes": scopes, "method": "signed-form"} | more
        answer = self.platform.post("/v1/accounts/kid/consents", json=body)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"], answer.json()["token"]

    def grant(self, address: str, token: str) -> str:
        body = {"token": token}
        answer = self.parent.post(f"{address}/grant", json=body)
        assert answer.status_code == 200, answer.text
        self.work()
        return str(answer.json()["token"])

    def withdraw(self, address: str, token: str) -> None:
        answer = self.parent.post(f"{address}/withdraw", json={"token": token})
        assert answer.status_code == 200, answer.text
        self.work()

    def generation(self) -> dict[str, Any]:
        body = {"prompt": "a slow waltz", "account": "kid"}
        answer = self.platform.post("/v1/generations", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def track(self) -> str:
        """Submit a track of the child's and bring it to its end."""
        track_id = self.submit()
        drive(self.service, track_id)
        return track_id

    def stages(self, *names: str) -> None:
        """Run some stages of the pipeline once each."""
        for name in names:
            (group,) = (each for each in GROUPS if each.name == name)
            drive_group(self.service, group, self.tenant_id)

    def submit(self) -> str:
        file = io.BytesIO()
        soundfile.write(file, song(71, 6), RATE, format="WAV")
        answer = self.platform.post(
            "/v1/tracks",
            headers={"Idempotency-Key": new_id()},
            files={"file": ("song.wav", file.getvalue())},
            data={"account": "kid"},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["track_id"])

    def state(self, address: str) -> str:
        return str(self.platform.get(address).json()["state"])

    def work(self) -> None:
        """What a worker does by the second."""
        Chores(self.service).run_due()
        (group,) = (each for each in GROUPS if each.name == "people")
        drive_group(self.service, group, self.tenant_id)


@pytest.fixture
def family(make_service, database_url) -> Iterator[Family]:
    service = make_service(database_url=database_url, rate_limit="100000/minute")
    tenant = keys.create_tenant(service, "platform")
    _, token = keys.create_key(service, tenant.id, "key")
    with (
        served(service) as url,
        httpx.Client(base_url=url, trust_env=False) as parent,
        httpx.Client(
            base_url=url, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        ) as platform,
    ):
        yield Family(service, platform, parent, tenant.id)


def test_a_generation_waits_for_consent_is_allowed_on_grant_and_pulled_on_revocation(
    family: Family,
) -> None:
    family.assure()
    made = family.generation()
    address = f"/v1/generations/{made['id']}"
    assert (made["state"], made["needs_consent"]) == ("waiting_consent", "generate")

    link, token = family.link("generate")
    family.work()
    assert family.state(address) == "waiting_consent"
    back = family.grant(link, token)
    assert family.state(address) == "queued"
    assert family.generation()["state"] == "queued"

    family.withdraw(link, back)
    assert family.state(address) == "withdrawn"
    assert family.generation()["state"] == "waiting_consent"


def test_a_track_is_released_with_consent_and_pulled_with_its_reasons_on_withdrawal(
    family: Family,
) -> None:
    family.assure()
    link, token = family.link("publish", "monetise")
    back = family.grant(link, token)
    track = family.track()
    assert family.state(f"/v1/tracks/{track}") == "released"

    family.withdraw(link, back)

    view = family.platform.get(f"/v1/tracks/{track}").json()
    assert (view["state"], view["decision"]) == ("quarantined", "review")
    rules = {reason["rule"] for reason in view["reasons"]}
    assert {"child-publishing", "child-monetising"} <= rules
    with family.service.database.reading() as session:
        decisions = session.exec(select(PolicyDecision).order_by(PolicyDecision.id)).all()
        (statement,) = session.exec(select(StatementOfReasons)).all()
        (case,) = session.exec(select(Case)).all()
        rows = session.exec(
            select(JournalRow).where(JournalRow.subject == track).order_by(JournalRow.version)
        ).all()
    first, second = decisions
    assert second.supersedes == first.id
    assert statement.decision_id == case.decision_id == second.id
    assert statement.effect == "quarantined"
    assert {"COPPA", "GDPR-8"} <= set(statement.legal_basis)
    assert [row.type.rpartition(".")[2] for row in rows[-3:]] == [
        "released",
        "superseded",
        "quarantined",
    ]
    assert rows[-1].causation_id == rows[-2].causation_id  # the withdrawal


def test_a_track_that_waited_is_released_once_a_parent_agrees(family: Family) -> None:
    family.assure()
    track = family.track()
    assert family.state(f"/v1/tracks/{track}") == "quarantined"

    link, token = family.link("publish", "monetise")
    family.grant(link, token)
    drive(family.service, track)

    assert family.state(f"/v1/tracks/{track}") == "released"
    with family.service.database.reading() as session:
        assert [case.state for case in session.exec(select(Case))] == ["closed"]


def test_consent_that_expires_pulls_what_it_allowed(family: Family) -> None:
    family.assure()
    link, token = family.link("publish", "generate", lasts_days=30)
    family.grant(link, token)
    track, made = family.track(), family.generation()
    moment = family.service.now() + timedelta(days=30)
    family.service.now = lambda: moment

    family.work()

    assert family.state(f"/v1/tracks/{track}") == "quarantined"
    assert family.state(f"/v1/generations/{made['id']}") == "withdrawn"
    assert family.state(link) == "expired"


def test_a_withdrawal_between_decision_and_release_is_not_missed(family: Family) -> None:
    family.assure()
    link, token = family.link("publish")
    back = family.grant(link, token)
    track = family.submit()
    family.stages("analyse", "decide")
    family.withdraw(link, back)
    assert family.state(f"/v1/tracks/{track}") == "decided"

    drive(family.service, track)

    assert family.state(f"/v1/tracks/{track}") == "quarantined"


def test_who_is_found_to_be_a_child_is_treated_as_one_from_then_on(family: Family) -> None:
    family.assure("teen")
    track = family.track()
    assert family.state(f"/v1/tracks/{track}") == "released"

    body = {"method": "document", "band": "child", "country": "US"}
    version = family.platform.get("/v1/accounts/kid/age").headers["ETag"]
    found = family.platform.put(
        "/v1/accounts/kid/age", json=body, headers={"If-Match": version}
    ).json()
    family.work()

    assert found["band"] == "child"
    assert family.state(f"/v1/tracks/{track}") == "quarantined"


def test_nothing_of_an_adults_or_the_platforms_own_is_touched(family: Family) -> None:
    family.assure("adult")
    track = family.track()
    link, token = family.link("publish")
    family.withdraw(link, family.grant(link, token))

    assert family.state(f"/v1/tracks/{track}") == "released"
