"""What public pages call the outcomes of rules and the parts of a transparency report, as messages of the PO files."""

from collections.abc import Mapping
from typing import Final

from scanner.console.holder_words import _

OUTCOMES: Final[Mapping[str, str]] = {
    "exempt": _("It is left alone"),
    "clear": _("It goes out"),
    "restrict": _("It is limited, as by age or territory"),
    "review": _("A person decides"),
    "block": _("It is blocked"),
    "indeterminate": _("A person decides"),
}
SECTIONS: Final[Mapping[str, str]] = {
    "orders": _("Orders of authorities"),
    "notices": _("Notices, by form"),
    "notices_in_all": _("Notices of all forms"),
    "trusted_flaggers": _("Notices of trusted flaggers"),
    "own_initiative": _("Restrictions on our own initiative"),
    "by_notice_or_order": _("Restrictions after a notice, an order or a contest"),
    "restrictions_by_source": _("Restrictions, by what they go back to"),
    "complaints": _("Complaints about our decisions"),
    "disputes": _("Disputes with rights holders"),
    "claims": _("Claims of rights holders"),
    "out_of_court": _("Disputes out of court"),
    "suspensions": _("Suspensions for misuse"),
    "automation": _("Decisions by automated means"),
    "dmca": _("Digital Millennium Copyright Act"),
    "eu_database": _("Statements in the EU's database"),
}
