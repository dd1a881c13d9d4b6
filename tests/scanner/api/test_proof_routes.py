"""A party gets what proves what happened in their matter; nobody learns who of the staff it was."""

import json
from datetime import timedelta

import pytest
from sqlmodel import select

import appeals
from scanner import audit_proofs, checkpoints, entry_links, keys, matters, policies, webhooks
from scanner.bus.relay import seal_batch
from scanner.clock import new_id
from scanner.journal import Event
from scanner.privacy import holds
from scanner.tables import Claim, Dispute, Evidence, Track, WebhookDelivery
from tests import casework, rollouts
from tests.program import clearance
from tests.scanner.api.conftest import Api, Platform, problem


@pytest.fixture
def platform(api: Api) -> Platform:
    return api.platform()


def disputed(platform: Platform) -> tuple[Dispute, str, str]:
    """A dispute with evidence; the creator's and the holder's tokens."""
    service, caller = platform.service, keys.authenticate(platform.service, platform.token)
    ana, holder_id, now = casework.account(service, caller), new_id(), service.now()
    track = Track(
        id=new_id(), tenant_id=caller.tenant_id, account_id=ana.id, state="released", version=1,
        created_at=now, updated_at=now,
    )  # fmt: skip
    claim = matters.new(
        Claim, caller.tenant_id, now, track_id=track.id, account_id=ana.id, reference_id=new_id(),
        holder_id=holder_id, right="recording", remedy="block", segments=[], score=0.9,
        coverage_query=0.5, longest_ms=1000,
    )  # fmt: skip
    dispute = matters.new(
        Dispute, caller.tenant_id, now, claim_id=claim.id, track_id=track.id, account_id=ana.id,
        filed_by=ana.id, grounds=["licence"], text="It is mine.",
    )  # fmt: skip
    evidence = Evidence(
        id=new_id(), tenant_id=caller.tenant_id, matter_kind="dispute", matter_id=dispute.id,
        by_kind="creator", by_id=ana.id, name="contract.pdf", media_type="application/pdf",
        sha256="ab" * 32, size_bytes=3, created_at=now,
    )  # fmt: skip
    with service.database.transaction() as session:
        session.add(track)
        session.flush()
        matters.opened(service, session, claim, appeals.Actor(appeals.Role.SYSTEM, "pipeline"))
        matters.opened(service, session, dispute, appeals.Actor(appeals.Role.CREATOR, ana.id))
        session.add(evidence)
    _, link = entry_links.make(service, caller, "ana", 24)
    _, holder = keys.create_key(service, caller.tenant_id, "holder", holder_id=holder_id)
    return dispute, link, holder


def signed(platform: Platform) -> None:
    seal_batch(platform.service.database)
    casework.at(platform.service, platform.service.now() + timedelta(hours=1))
    checkpoints.write(platform.service)


def test_each_party_gets_a_proof_that_is_checked_without_a_database(
    api, platform, tmp_path
) -> None:
    dispute, link, holder = disputed(platform)
    signed(platform)
    address = f"/v1/audit/proof/{dispute.id}"

    for token in (link, holder, platform.token):
        answer = api.client(token).get(address)
        assert answer.status_code == 200, answer.text
        proof = answer.json()
        records = audit_proofs.check(proof, checkpoints.public_key(platform.service))
        assert records[0]["type"].startswith("clearance.dispute.")
        assert (proof["waiting"], proof["sealed_evidence"], proof["evidence"]) == (0, 1, [])

    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    elsewhere = tmp_path / "elsewhere"
    done = clearance(elsewhere, "audit", "check", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["proved"] is True
    assert not elsewhere.exists() or not list(elsewhere.glob("*.db"))

    proof["rows"][0]["record"]["time"] = "2020-01-01T00:00:00.000000+00:00"
    file.write_text(json.dumps(proof))
    clearance(elsewhere, "audit", "check", str(file), status=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof["rows"][0]["data"].update(action="nothing"),
        lambda proof: proof["rows"][0].update(sequence=2),
        lambda proof: proof["rows"][0].update(seal="00" * 32),
        lambda proof: proof["rows"][0]["path"].append("00" * 32),
        lambda proof: proof.update(object=new_id()),
        lambda proof: proof["checkpoint"]["statement"].update(root="00" * 32),
        lambda proof: proof.update(rows=[]),
        lambda proof: proof.pop("checkpoint"),
    ],
)
def test_a_proof_that_was_changed_proves_nothing(platform, change) -> None:
    dispute, _, _ = disputed(platform)
    signed(platform)
    proof = platform.http.get(f"/v1/audit/proof/{dispute.id}").json()

    change(proof)

    with pytest.raises(audit_proofs.BadProofError):
        audit_proofs.check(proof)


def test_who_is_no_party_gets_no_proof(api, platform) -> None:
    dispute, _, _ = disputed(platform)
    signed(platform)
    service, caller = platform.service, keys.authenticate(platform.service, platform.token)
    casework.account(service, caller, "ben")
    _, ben = entry_links.make(service, caller, "ben", 24)
    _, other = keys.create_key(service, caller.tenant_id, "other", holder_id=new_id())
    stranger = api.platform("two")

    for token in (ben, other, stranger.token):
        answer = api.client(token).get(f"/v1/audit/proof/{dispute.id}")
        assert problem(answer) == "not-found"


def test_what_no_checkpoint_has_yet_waits(platform) -> None:
    dispute, _, _ = disputed(platform)

    proof = platform.http.get(f"/v1/audit/proof/{dispute.id}").json()

    assert (proof["rows"], proof["checkpoint"]) == ([], None)
    assert proof["waiting"] > 0
    with pytest.raises(audit_proofs.BadProofError):
        audit_proofs.check(proof)


def test_evidence_is_told_once_the_matter_is_over(platform) -> None:
    dispute, _, _ = disputed(platform)
    final = sorted(str(state) for state in appeals.MACHINES["dispute"].final)[0]
    with platform.service.database.transaction() as session:
        session.get_one(Dispute, dispute.id).state = final

    proof = platform.http.get(f"/v1/audit/proof/{dispute.id}").json()

    assert proof["sealed_evidence"] == 0
    assert [each["name"] for each in proof["evidence"]] == ["contract.pdf"]


def test_staff_appear_under_pseudonyms_but_to_an_auditor(api, platform) -> None:
    service, caller = platform.service, keys.authenticate(platform.service, platform.token)
    rita = casework.person(service, caller, "rita", "admin")
    ana = casework.account(service, caller)
    hold = holds.place(service, rita, "account", ana.id, "a claim")
    keys.create_user(service, "otto@example.org", "auditor")
    _, auditor = keys.create_key(service, caller.tenant_id, "otto", user="otto@example.org")
    signed(platform)
    proof = platform.http.get(f"/v1/audit/proof/{hold.id}")

    everybody = platform.http.get("/v1/audit", params={"subject": hold.id})
    otto = api.client(auditor).get("/v1/audit", params={"subject": hold.id})

    pseudonym = service.pseudonyms.on(caller.tenant_id).of(str(rita.user_id))
    for answer in (everybody, proof):
        assert rita.user_id not in answer.text
        assert pseudonym in answer.text
    assert otto.json()["items"][0]["actor"] == rita.user_id
    assert audit_proofs.check(proof.json())[0]["actor"] == pseudonym
    assert service.pseudonyms.actor("pipeline", "system") == "pipeline"


def test_packs_and_webhooks_name_no_login(api, platform) -> None:
    service, caller = platform.service, keys.authenticate(platform.service, platform.token)
    lead = casework.person(service, caller, "lea", "policy_lead")
    pack = policies.add(service, lead, rollouts.pack_text())
    webhooks.create(service, caller, "https://hooks.example.com/a", ["*"])
    told = Event(
        new_id(), "t", "clearance.case.assigned", 1, new_id(), 1, caller.tenant_id, service.now(),
        {"to": lead.user_id},
    )  # fmt: skip
    with service.database.transaction() as session:
        webhooks.queue(service, session, told)

    pseudonym = service.pseudonyms.on(caller.tenant_id).of(str(lead.user_id))
    assert platform.http.get(f"/v1/policies/{pack.content_hash}").json()["author"] == pseudonym
    assert lead.user_id not in platform.http.get("/v1/policies").text
    with service.database.reading() as session:
        (delivery,) = session.exec(select(WebhookDelivery)).all()
    assert delivery.payload["data"] == {"to": pseudonym}


def test_a_platform_keeps_its_last_checkpoint_itself(api, platform) -> None:
    assert problem(platform.http.get("/v1/audit/checkpoint")) == "not-found"
    signed(platform)

    kept = platform.http.get("/v1/audit/checkpoint").json()

    found = checkpoints.parsed(kept, checkpoints.public_key(platform.service))
    assert found.chain == platform.tenant.id
    verdict = platform.http.get("/v1/audit/verify").json()
    assert (verdict["whole"], verdict["checkpoints"]) == (True, 1)
