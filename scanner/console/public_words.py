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
CITED: Final[Mapping[str, str]] = {
    "DSM-17-7": _("Directive (EU) 2019/790, Art. 17(7)"),
    "DSM-17-9": _("Directive (EU) 2019/790, Art. 17(9)"),
    "DE-URHDAG": "UrhDaG, §§ 9–11",
    "DSA-17": _("Regulation (EU) 2022/2065, Art. 17"),
    "DSA-23": _("Regulation (EU) 2022/2065, Art. 23"),
    "DSA-28": _("Regulation (EU) 2022/2065, Art. 28"),
    "AIA-50-2": _("Regulation (EU) 2024/1689, Art. 50(2)"),
    "AIA-50-4": _("Regulation (EU) 2024/1689, Art. 50(4)"),
    "DMCA-RI": "17 U.S.C. 512(i)",
    "COPPA": "16 CFR Part 312",
    "GDPR-8": _("Regulation (EU) 2016/679, Art. 8"),
    "UKGDPR-8": _("UK GDPR, Art. 8"),
}
"""How the ids of rules of law are cited; of other ids a page shows the id."""
