"""Which pages a role sees: the one table that the header and every route ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STAFF: Final = frozenset({"reviewer", "appeals_officer"})
ADMINS: Final = frozenset({"admin"})
UPLOADERS: Final = frozenset({"appeals_officer"}) | ADMINS
"""A reviewer sees the tracks of cases that they hold, and none that they brought in."""
TRACK_READERS: Final = STAFF | ADMINS
LEADS: Final = frozenset({"policy_lead"})
AUDITORS: Final = frozenset({"auditor"})
OVERSEERS: Final = LEADS | ADMINS | AUDITORS
HOLDERS: Final = frozenset({"rights_holder"})
CASE_READERS: Final = STAFF
OFFICERS: Final = frozenset({"appeals_officer"})
CREATORS: Final = frozenset({"creator"})
STUDIO: Final = CREATORS | UPLOADERS
PARENTS: Final = frozenset({"parent"})
ACCOUNT_HOLDERS: Final = STAFF | OVERSEERS | HOLDERS
"""Who has a login; creators and parents enter by links."""
EVERYBODY: Final = ACCOUNT_HOLDERS | CREATORS | PARENTS


@dataclass(frozen=True)
class Place:
    """A page in the header: its address and its name, a message of the PO files.

    Attributes
    ----------
    group : str
        Name of the list that it is in where the header has room for few; empty if it is always in sight.
    """

    path: str
    name: str
    roles: frozenset[str]
    group: str = ""


def _(message: str) -> str:
    """Mark a message for the PO files."""
    return message


ADMINISTRATION: Final = _("Administration")
MORE: Final = _("More")
PLACES: Final = (
    Place("/queue", _("Queue"), CASE_READERS),
    Place("/appeals", _("Appeals"), OFFICERS),
    Place("/overview", _("Overview"), ADMINS),
    Place("/care", _("Breaks"), CASE_READERS),
    Place("/upload", _("Upload"), UPLOADERS),
    Place("/policies", _("Rules"), LEADS),
    Place("/audit", _("Audit"), AUDITORS),
    Place("/admin/users", _("Users"), ADMINS, ADMINISTRATION),
    Place("/admin/keys", _("API keys"), ADMINS, ADMINISTRATION),
    Place("/admin/webhooks", _("Webhooks"), ADMINS, ADMINISTRATION),
    Place("/admin/dead", _("Dead letters"), ADMINS, ADMINISTRATION),
    Place("/admin/flaggers", _("Flaggers"), ADMINS, ADMINISTRATION),
    Place("/admin/holds", _("Retention and holds"), ADMINS, ADMINISTRATION),
    Place("/admin/configuration", _("Configuration"), ADMINS, ADMINISTRATION),
    Place("/dashboards", _("Dashboards"), OVERSEERS),
    Place("/rights/catalogue", _("Catalogue"), HOLDERS),
    Place("/rights/claims", _("Claims"), HOLDERS),
    Place("/rights/disputes", _("Disputes"), HOLDERS),
    Place("/rights/notices", _("Notices"), HOLDERS),
    Place("/rights/licences", _("Licences"), HOLDERS, MORE),
    Place("/rights/presumed", _("Presumed uses"), HOLDERS, MORE),
    Place("/my/tracks", _("My tracks"), CREATORS),
    Place("/studio", _("Studio"), STUDIO),
    Place("/my/letters", _("Messages"), CREATORS),
    Place("/my/standing", _("Where I stand"), CREATORS),
    Place("/my/data", _("My data"), CREATORS),
    Place("/parent", _("Your child's account"), PARENTS),
    Place("/check", _("Check a file"), EVERYBODY),
)
ROLE_NAMES: Final[Mapping[str, str]] = {
    "admin": _("administrator"),
    "reviewer": _("reviewer"),
    "appeals_officer": _("appeals officer"),
    "policy_lead": _("policy lead"),
    "auditor": _("auditor"),
    "creator": _("creator"),
    "parent": _("parent"),
    "rights_holder": _("rights holder"),
    "none": _("no role"),
}


def places_of(role: str | None) -> list[Place]:
    """Return what the header offers; to who is not logged in only what is public."""
    if role is None:
        return [place for place in PLACES if place.roles == EVERYBODY]
    return [place for place in PLACES if role in place.roles]


def place_at(path: str) -> str:
    """Return the place that a page's address is at or below; empty if it is none's."""
    behind = (each.path for each in PLACES if f"{path}/".startswith(f"{each.path}/"))
    return max(behind, key=len, default="")


def menu_of(role: str | None) -> dict[str, list[Place]]:
    """Return the header's places by their list; those that are always in sight under the empty name."""
    menu: dict[str, list[Place]] = {"": []}
    for place in places_of(role):
        menu.setdefault(place.group, []).append(place)
    return menu


def home_of(role: str) -> str:
    """Return where a role begins."""
    return places_of(role)[0].path
