"""Pages of rights holders, and those for everybody."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import httpx
from sqlmodel import select

from scanner import counter_notices, disputes, inline, keys, rights
from scanner.clock import new_id
from scanner.consumer_groups import GROUPS
from scanner.disputes import Filed
from scanner.rights import LicenceAsked, ShareAsked
from scanner.tables import Holder, PresumedUse, Reference, Sanction, Tenant, User
from tests import casework, cataloguing, claiming, noticed
from tests.console.creations import ana_of
from tests.scanner.api.conftest import TLS, sound

if TYPE_CHECKING:
    from tests.console.conftest import World

THEIRS: Final[set[str | None]] = {"rights_holder"}
ANYBODY: Final[set[str | None]] = {*keys.ROLES, None}
ROUTES: Final[dict[tuple[str, str], set[str | None]]] = {
    ("GET", "/rights/catalogue"): THEIRS,
    ("GET", "/rights/catalogue/export.csv"): THEIRS,
    ("GET", "/rights/catalogue/record"): THEIRS,
    ("GET", "/rights/catalogue/add"): THEIRS,
    ("POST", "/rights/catalogue/add"): THEIRS,
    ("GET", "/rights/catalogue/{reference_id}"): THEIRS,
    ("POST", "/rights/catalogue/{reference_id}"): THEIRS,
    ("POST", "/rights/catalogue/{reference_id}/exclusions"): THEIRS,
    ("POST", "/rights/catalogue/{reference_id}/shares"): THEIRS,
    ("POST", "/rights/catalogue/{reference_id}/retire"): THEIRS,
    ("GET", "/rights/imports"): THEIRS,
    ("POST", "/rights/imports"): THEIRS,
    ("GET", "/rights/imports/{import_id}"): THEIRS,
    ("GET", "/rights/imports/{import_id}/report.csv"): THEIRS,
    ("GET", "/rights/licences"): THEIRS,
    ("POST", "/rights/licences"): THEIRS,
    ("POST", "/rights/licences/{licence_id}/end"): THEIRS,
    ("GET", "/rights/claims"): THEIRS,
    ("GET", "/rights/claims/{claim_id}"): THEIRS,
    ("POST", "/rights/claims/{claim_id}/release"): THEIRS,
    ("GET", "/rights/disputes"): THEIRS,
    ("GET", "/rights/disputes/{dispute_id}"): THEIRS,
    ("POST", "/rights/disputes/{dispute_id}/answer"): THEIRS,
    ("GET", "/rights/presumed"): THEIRS,
    ("GET", "/rights/presumed/{use_id}"): THEIRS,
    ("POST", "/rights/presumed/{use_id}/complaint"): THEIRS,
    ("POST", "/rights/presumed/{use_id}/withdraw"): THEIRS,
    ("GET", "/rights/notices"): THEIRS,
    ("GET", "/rights/notices/new"): THEIRS,
    ("POST", "/rights/notices"): THEIRS,
    ("GET", "/rights/notices/{notice_id}"): THEIRS,
    ("POST", "/rights/notices/{notice_id}/cure"): THEIRS,
    ("POST", "/rights/notices/{notice_id}/retraction"): THEIRS,
    ("POST", "/rights/notices/{notice_id}/court-action"): THEIRS,
    ("POST", "/rights/notices/{notice_id}/appeal"): THEIRS,
    ("POST", "/rights/notices/{notice_id}/appeal-answer"): THEIRS,
    ("POST", "/rights/notices/{notice_id}/copies-appeal"): THEIRS,
    ("GET", "/public/policies"): ANYBODY,
    ("GET", "/public/dmca-agent"): ANYBODY,
    ("GET", "/public/transparency"): ANYBODY,
    ("GET", "/public/transparency/{year}"): ANYBODY,
    ("GET", "/public/transparency/{year}/figures.csv"): ANYBODY,
    ("GET", "/public/tracks/{track_id}"): ANYBODY,
}
PAGES: Final[dict[str | None, dict[str, str]]] = {
    "rights_holder": {
        "holder-catalogue": "/rights/catalogue",
        "holder-record": "/rights/catalogue/record",
        "holder-add": "/rights/catalogue/add",
        "holder-reference": "/rights/catalogue/{reference_id}",
        "holder-imports": "/rights/imports",
        "holder-import": "/rights/imports/{import_id}",
        "holder-licences": "/rights/licences",
        "holder-claims": "/rights/claims",
        "holder-claim": "/rights/claims/{claim_id}",
        "holder-disputes": "/rights/disputes",
        "holder-dispute": "/rights/disputes/{dispute_id}",
        "holder-presumed": "/rights/presumed",
        "holder-presumed-use": "/rights/presumed/{use_id}",
        "holder-notices": "/rights/notices",
        "holder-notice-new": "/rights/notices/new",
        "holder-notice": "/rights/notices/{notice_id}",
    },
    None: {
        "public-notice": "/public/notices/new?form=dmca",
        "public-agent": "/public/dmca-agent",
        "public-policies": "/public/policies",
        "public-reports": "/public/transparency",
        "public-report": "/public/transparency/{year}",
        "public-badge": "/public/tracks/{out}",
        "public-sanction": "/public/sanctions/{warning_id}?token={warning_token}",
    },
}


def fill(world: "World") -> dict[str, str]:
    """A holder with a recording, a claim, a dispute, a notice and its counter-notice, a licence, an import."""
    service, caller = world.service, world.caller
    label, song = _recorded(world)
    use_id = _presumed(world, label, song)  # before there is a licence
    theirs = claiming.of(caller, label)
    span = {"parts": ((1, 8),), "score": 0.995}
    _, lost = claiming.claimed(service, caller, song, **span)
    _, claim = claiming.claimed(service, caller, song, **span)
    words = ("misidentified",), claiming.WORDS, claiming.ATTESTED
    released = disputes.file(service, caller, Filed(lost.id, *words))
    disputes.answer(service, theirs, released.id, disputes.Answered("release"))
    dispute = disputes.file(service, caller, Filed(claim.id, *words))
    rights.record_share(
        service, theirs, ShareAsked(label.id, song.id, "recording", "*", Decimal(60))
    )
    licence = rights.grant_licence(service, theirs, LicenceAsked(label.id, territories=["DE"]))
    out = casework.decided_track(service, caller)
    taken = casework.decided_track(service, caller)
    notice = noticed.sent(service, theirs, taken.id)
    noticed.decided(service, notice.id)
    counter_notices.file(
        service, caller, notice, taken.id, noticed.COUNTER | {"location": [taken.id]}
    )
    raw = f"reference_id,policy,title\n{song.id},track,\n{song.id},sell,Blue Door\n".encode()
    job = cataloguing.done(service, theirs, label, raw, dry_run=True)
    warning_id, warning_token = _warned(world)
    return {
        "warning_id": warning_id,
        "warning_token": warning_token,
        "holder_id": label.id,
        "reference_id": song.id,
        "claim_id": claim.id,
        "dispute_id": dispute.id,
        "notice_id": notice.id,
        "licence_id": licence.id,
        "import_id": job["id"],
        "use_id": use_id,
        "out": out.id,
        "year": "2025",
    }


def _warned(world: "World") -> tuple[str, str]:
    """A notifier without a key, and the token of their link."""
    now = world.service.now()
    row = Sanction(
        id=new_id(),
        tenant_id=world.caller.tenant_id,
        party_kind="notifier",
        party_id="0" * 64,
        what="notices",
        kind="warning",
        state="in_force",
        factors={},
        reason="Five of your notices were unfounded.",
        signed_by="olga",
        starts_at=now,
        created_at=now,
    )
    with world.service.database.transaction() as session:
        session.add(row)
    return row.id, world.service.secrets.link_tokens("sanction", row.id)[0]


def _presumed(world: "World", label: Holder, heard: Reference) -> str:
    """Seven seconds of a song that its holder blocks, in a track of ana's: presumed lawful in Germany."""
    service, caller = world.service, world.caller
    song = claiming.reference(service, caller, label, "block", title="Red Gate")
    with service.database.transaction() as session:
        session.get_one(Reference, song.id).fingerprint_sha256 = heard.fingerprint_sha256
    event = claiming.analysed(
        service,
        caller,
        song,
        parts=((10, 17),),
        account_id=ana_of(world).id,
        file_name="seven seconds.wav",
    )
    inline.drive(service, event.subject)
    (follow,) = (each for each in GROUPS if each.name == "presumed-uses")
    inline.drive_group(service, follow, caller.tenant_id)
    with service.database.reading() as session:
        query = select(PresumedUse.id).where(PresumedUse.track_id == event.subject)
        return session.exec(query).one()


def _recorded(world: "World") -> tuple[Holder, Reference]:
    """A verified holder whose the login of this role is, and a recording of theirs that is in the index."""
    service, caller = world.service, world.caller
    _, token = keys.create_key(service, caller.tenant_id, "catalogue")
    with httpx.Client(
        base_url=world.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, verify=TLS
    ) as client:  # fmt: skip
        sent = client.post(
            "/v1/references",
            files={"file": ("door.wav", sound(8, 10))},
            data={"title": "Blue Door", "holder": "Blue Label", "policy": "monetise"},
            timeout=60,
        )
    with service.database.transaction() as session:
        song = session.get_one(Reference, sent.json()["id"])
        label = session.get_one(Holder, song.holder_id)
        label.verified, label.contact_email = True, "desk@blue.example"
        user = session.exec(select(User).where(User.role == "rights_holder")).one()
        user.holder_id = label.id
        tenant = session.get_one(Tenant, caller.tenant_id)
        tenant.created_at = tenant.created_at.replace(year=2025)
    return label, song
