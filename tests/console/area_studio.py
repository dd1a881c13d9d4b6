"""What the studio brings to the tests of all pages: its addresses, who may see them, and what is on them."""

from typing import TYPE_CHECKING

from scanner import ages, entry_links, generations, inline, previews, watermark_keys
from scanner.ages import AgeSaid
from scanner.certificates import make_development_chain
from scanner.clock import new_id, utc_now
from scanner.journal import Actor
from scanner.tables import Generation

if TYPE_CHECKING:
    from tests.console.conftest import World

MUSICIANS: set[str | None] = {"creator", "admin", "appeals_officer"}
_TAKE = "/studio/takes/{take_id}"
_PREVIEW = "/studio/previews/{preview_id}"
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/studio"): MUSICIANS,
    ("POST", "/studio/reading"): MUSICIANS,
    ("POST", "/studio/melody"): MUSICIANS,
    ("POST", "/studio/takes"): MUSICIANS,
    ("GET", "/studio/made"): MUSICIANS,
    ("GET", _TAKE): MUSICIANS,
    ("POST", f"{_TAKE}/variations"): MUSICIANS,
    ("POST", f"{_TAKE}/current"): MUSICIANS,
    ("POST", f"{_TAKE}/leave"): MUSICIANS,
    ("GET", f"{_TAKE}/files/{{file}}"): MUSICIANS,
    ("POST", "/studio/invitations/{invitation_id}/{answer}"): MUSICIANS,
    ("POST", "/studio/generations/{generation_id}/away"): MUSICIANS,
    ("POST", "/studio/previews"): MUSICIANS,
    ("GET", _PREVIEW): MUSICIANS,
    ("GET", f"{_PREVIEW}/audio"): MUSICIANS,
    ("POST", f"{_PREVIEW}/controls"): MUSICIANS,
    ("POST", f"{_PREVIEW}/end"): MUSICIANS,
}
PAGES: dict[str | None, dict[str, str]] = {
    "musician": {
        "studio": "/studio",
        "studio-take": _TAKE,
        "studio-made": "/studio/made?of={generation_id}&of={refused_id}",
    },
}
PROMPT = "dark, 100 bpm, D minor, cello and piano, 8 bars"


def fill(world: "World") -> dict[str, str]:
    """A take of mia's that is clear, a request that was refused, a preview that nobody heard yet."""
    service, caller = world.service, world.caller
    watermark_keys.rotate(service, Actor("operator", "admin"))
    make_development_chain(service.settings.home / "certificate", utc_now())
    ages.assure(service, caller, "mia", AgeSaid("document", band="adult"))
    world.links["musician"] = entry_links.make(service, caller, "mia", 24)[1]
    asked = generations.GenerationAsked(PROMPT, "mia", {"seed": 3, "stems": True})
    made = generations.request(service, caller, asked)
    inline.drive_generation(service, made["id"])
    with service.database.reading() as session:
        row = session.get_one(Generation, made["id"])
        view = generations.describe(session, row)
    inline.drive(service, str(row.track_id))
    refused = generations.request(
        service, caller, generations.GenerationAsked("something like “Blue Hour”", "mia")
    )
    preview = previews.ask(service, caller, previews.PreviewAskedFor(PROMPT, "mia"))
    return {
        "take_id": view["take_id"],
        "file": "mix.wav",
        "generation_id": made["id"],
        "refused_id": refused["id"],
        "preview_id": preview["id"],
        "invitation_id": new_id(),
        "answer": "accept",
    }
