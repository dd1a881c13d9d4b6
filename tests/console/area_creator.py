"""Creators' and parents' pages: who may open them, and what is on them."""

from typing import TYPE_CHECKING

from scanner import amendments, consents, disputes, entry_links, keys, references
from scanner.consents import ConsentAsked
from scanner.disputes import Answered, Filed
from scanner.tables import Holder, Reference
from tests import casework, claiming, noticed
from tests.console.creations import ana_of
from tests.scanner.api.conftest import sound

if TYPE_CHECKING:
    from tests.console.conftest import World

CREATOR, PARENT = {"creator"}, {"parent"}
ANYBODY = {*keys.ROLES, None}
_CONTEST = "/my/contest/{contest_kind}/{contest_id}"
_CHANGES = "/my/tracks/{track_id}/changes"
_MATTER = "/my/matters/{matter_kind}/{matter_id}"
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/enter"): ANYBODY,
    ("POST", "/enter"): ANYBODY,
    ("GET", "/enter/oidc"): ANYBODY,
    ("GET", "/enter/oidc/callback"): ANYBODY,
    ("GET", "/my/tracks"): CREATOR,
    ("GET", "/my/tracks/{track_id}"): CREATOR,
    ("GET", "/my/tracks/{track_id}/audio"): CREATOR,
    ("GET", "/my/tracks/{track_id}/reference.webm"): CREATOR,
    ("GET", "/my/tracks/{track_id}/events"): CREATOR,
    ("POST", "/my/tracks/{track_id}/fix"): CREATOR,
    ("POST", "/my/tracks/{track_id}/human-review"): CREATOR,
    ("POST", "/my/questions/{case_id}"): CREATOR,
    ("GET", f"{_CHANGES}/new/{{change_kind}}"): CREATOR,
    ("POST", f"{_CHANGES}/new/{{change_kind}}"): CREATOR,
    ("GET", f"{_CHANGES}/{{amendment_id}}"): CREATOR,
    ("POST", f"{_CHANGES}/{{amendment_id}}/documents"): CREATOR,
    ("POST", f"{_CHANGES}/{{amendment_id}}/apply"): CREATOR,
    ("POST", f"{_CHANGES}/{{amendment_id}}/undo"): CREATOR,
    ("GET", _CONTEST): CREATOR,
    ("POST", _CONTEST): CREATOR,
    ("POST", f"{_CONTEST}/draft"): CREATOR,
    ("GET", _MATTER): CREATOR,
    ("POST", f"{_MATTER}/evidence"): CREATOR,
    ("POST", f"{_MATTER}/{{matter_act}}"): CREATOR,
    ("GET", "/my/presumed/{use_id}"): CREATOR,
    ("POST", "/my/presumed/{use_id}/comment"): CREATOR,
    ("GET", "/my/letters"): CREATOR,
    ("POST", "/my/letters/{letter_id}/read"): CREATOR,
    ("GET", "/my/standing"): CREATOR,
    ("GET", "/my/data"): CREATOR,
    ("GET", "/my/data/export"): CREATOR,
    ("POST", "/my/data/erasure"): CREATOR,
    ("GET", "/parent"): PARENT,
    ("POST", "/parent/consents/{consent_id}/grant"): PARENT,
    ("POST", "/parent/consents/{consent_id}/withdrawal"): PARENT,
    ("GET", "/parent/consents/{consent_id}/receipt"): PARENT,
    ("POST", "/parent/controls"): PARENT,
    ("GET", "/parent/tracks/{track_id}/reference.webm"): PARENT,
}
PAGES: dict[str | None, dict[str, str]] = {
    None: {"creator-enter": "/enter"},
    "creator": {
        "creator-tracks": "/my/tracks",
        "creator-track-found": "/my/tracks/{track_id}",
        "creator-track-claimed": "/my/tracks/{claimed_id}",
        "creator-track-upheld": "/my/tracks/{upheld_id}",
        "creator-track-noticed": "/my/tracks/{noticed_id}",
        "creator-track-limited": "/my/tracks/{limited_id}",
        "creator-change-credit": "/my/tracks/{limited_id}/changes/new/credit",
        "creator-change-countries": "/my/tracks/{limited_id}/changes/new/territories",
        "creator-change-licence": "/my/tracks/{limited_id}/changes/new/licence",
        "creator-change": "/my/tracks/{limited_id}/changes/{change_id}",
        "creator-change-document": "/my/tracks/{limited_id}/changes/{unattached_id}",
        "creator-dispute-form": "/my/contest/claim/{my_claim_id}?ground=licence",
        "creator-appeal-form": "/my/contest/dispute/{contest_id}",
        "creator-counter-form": "/my/contest/notice/{my_notice_id}",
        "creator-matter": "/my/matters/dispute/{matter_id}",
        "creator-presumed": "/my/presumed/{use_id}",
        "creator-letters": "/my/letters",
        "creator-standing": "/my/standing",
        "creator-data": "/my/data",
    },
    "parent": {"creator-parent": "/parent"},
}


def fill(world: "World") -> dict[str, str]:
    """Tracks of ana's that are claimed, disputed and taken down, and a parent who was asked twice."""
    service, caller = world.service, world.caller
    world.links["creator"] = entry_links.make(service, caller, "ana", 24)[1]
    label, song = _recorded(world)
    mine = {"account_id": ana_of(world).id}
    track, claim = claiming.claimed(service, caller, song, file_name="coast road.wav", **mine)
    kept, other = claiming.claimed(service, caller, song, file_name="harbour.wav", **mine)
    filed = Filed(other.id, ["misidentified"], claiming.WORDS, claiming.ATTESTED)
    dispute = disputes.file(service, caller, filed)
    given = Answered("uphold", "It is our master of 1999.")
    disputes.answer(service, claiming.of(caller, label), dispute.id, given)
    taken = casework.decided_track(service, caller, file_name="blue door.wav", **mine)
    notice = noticed.sent(service, caller, taken.id)
    noticed.decided(service, notice.id)
    limited, change, licence = _limited(world, label, song, mine)
    return {
        "limited_id": limited,
        "change_id": change,
        "unattached_id": licence,
        "amendment_id": _drafted_of_the_first(world),
        "change_kind": "credit",
        "claimed_id": track.id,
        "my_claim_id": claim.id,
        "upheld_id": kept.id,
        "noticed_id": taken.id,
        "my_notice_id": notice.id,
        "contest_kind": "dispute",
        "contest_id": dispute.id,
        "matter_kind": "dispute",
        "matter_id": dispute.id,
        "matter_act": "withdraw",
        "consent_id": _asked_of_a_parent(world),
    }


def _limited(
    world: "World", label: Holder, heard: Reference, mine: dict[str, str]
) -> tuple[str, str, str]:
    """A track that can't be had in two countries, one that is left out in a draft, and a licence without its document."""
    service, caller = world.service, world.caller
    song = claiming.reference(service, caller, label, "block", title="North Wind")
    with service.database.transaction() as session:
        row = session.get_one(Reference, song.id)
        row.territories, row.fingerprint_sha256 = ["AT", "DE"], heard.fingerprint_sha256
    track, _ = claiming.claimed(
        service, caller, song, parts=((0, 180),), file_name="lantern.wav", **mine
    )
    made = [
        amendments.draft(service, caller, track.id, kind, content).id
        for kind, content in (
            ("territories", {"without": ["AT", "DE"]}),
            ("licence", {"licensor": "North Records", "valid_from": "2026-01-01"}),
        )
    ]
    return track.id, made[0], made[1]


def _drafted_of_the_first(world: "World") -> str:
    """A credit of the world's own track, which the roles are tried on."""
    credit = {"title": "Blue Hour", "artist": "The Others"}
    return amendments.draft(world.service, world.caller, world.track_id, "credit", credit).id


def _recorded(world: "World") -> tuple[Holder, Reference]:
    """A verified holder and their recording of two minutes, which is in the index."""
    service, caller = world.service, world.caller
    path = service.settings.home / "long way down.wav"
    path.write_bytes(sound(9, 130))
    song = references.add(
        service, caller, path=path, title="Long Way Down", holder="Label", policy="monetise"
    )
    with service.database.transaction() as session:
        label = session.get_one(Holder, song.holder_id)
        label.verified, label.contact_email = True, "label@example.org"
    return label, song


def _asked_of_a_parent(world: "World") -> str:
    service, caller = world.service, world.caller
    asked = ConsentAsked(
        "parent-7", ("upload", "generate"), "May Kim upload tracks and have music made?", "v1",
        lasts_days=365,
    )  # fmt: skip
    first = consents.request(service, caller, "kim", asked).consent
    world.links["parent"] = str(consents.grant(service, first.id, caller.actor).token)
    again = ConsentAsked("parent-7", ("publish",), "May Kim publish tracks?", "v1", method="phone")
    consents.request(service, caller, "kim", again)
    return first.id
