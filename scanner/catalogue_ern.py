"""Catalogues as DDEX ERN 4.3: a subset of the NewReleaseMessage, its recordings and claim policies.

What is read: each SoundRecording's ISRC, title, artists and contributors, the file it names, and from the
deals of its releases the RightsClaimPolicy with its territories. All else is left alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from scanner.catalogue_rows import MOST_ROWS, CatalogueFileError, Row, checked, distinct, error
from scanner.ddex import message_root
from scanner.declarations import countries
from scanner.wording import Told

MAX_BYTES: Final = 16 << 20
POLICY_OF: Final[Mapping[str, str]] = {
    "BlockAccess": "block",
    "Monetize": "monetise",
    "ReportUsage": "track",
}
"""What DDEX calls a policy (RightsClaimPolicyType), and what it is called here."""
WORLDWIDE: Final = "Worldwide"
_NAMES: Final = ("FullName", "KeyName")


@dataclass
class _Claim:
    """What the deals say of one recording."""

    policies: set[str] = field(default_factory=set)
    territories: set[str] = field(default_factory=set)
    everywhere: bool = False

    def take(self, other: "_Claim") -> None:
        """Say what another says, too."""
        self.policies |= other.policies
        self.territories |= other.territories
        self.everywhere |= other.everywhere


def read_ern(raw: bytes) -> list[Row]:
    """Return a row for each sound recording of a message.

    Raises
    ------
    CatalogueFileError
        If it is no such message, is too large, or holds a document type.
    """
    try:
        root = message_root(raw, MAX_BYTES)
    except ValueError as wrong:
        raise CatalogueFileError(
            Told("%(wrong)s: send a NewReleaseMessage of ERN 4.3", wrong=wrong)
        ) from None
    if etree.QName(root).localname != "NewReleaseMessage":
        raise CatalogueFileError("the XML is no NewReleaseMessage of ERN 4.3")
    found = [node for node in _all(root, "ResourceList") for node in _all(node, "SoundRecording")]
    if not 0 < len(found) <= MOST_ROWS:
        raise CatalogueFileError(
            Told("a message holds 1 to %(most_rows)s sound recordings", most_rows=MOST_ROWS)
        )
    people = {
        reference: name
        for party in _all(root, "Party")
        if (reference := _text(party, "PartyReference")) and (name := _name(party))
    }
    claims = _claims(root)
    return distinct([_row(node, people, claims) for node in found])


def _row(node: Any, people: Mapping[str, str], claims: Mapping[str, _Claim]) -> Row:
    reference = _text(node, "ResourceReference") or ""
    claim = claims.get(reference, _Claim())
    given = {
        "key": _text(node, "ISRC") or _text(node, "ProprietaryId") or "",
        "title": _text(node, "DisplayTitleText") or _text(node, "TitleText") or "",
        "isrc": _text(node, "ISRC") or "",
        "policy": next(iter(claim.policies), "") if len(claim.policies) == 1 else "",
        "territories": "" if claim.everywhere else " ".join(sorted(claim.territories)),
        "contributors": ";".join(_contributors(node, people)),
        "file": _file(node),
    }
    return checked(int(node.sourceline or 0), given, list(_claim_errors(claim)))


def _claim_errors(claim: _Claim) -> Iterator[dict[str, str]]:
    if len(claim.policies) > 1:
        told = "its deals name several: a recording has one policy; leave the others to another message"
        yield error("policy", told)
    if unknown := sorted(claim.policies - set(POLICY_OF.values())):
        yield error(
            "policy",
            Told(
                "%(unknown)s is none of %(policy_of)s",
                unknown=repr(unknown[0][:50]),
                policy_of=", ".join(POLICY_OF),
            ),
        )


def _contributors(node: Any, people: Mapping[str, str]) -> list[str]:
    named = [
        people.get((each.text or "").strip())
        for tag in ("ArtistPartyReference", "ContributorPartyReference")
        for each in _all(node, tag)
    ]
    plain = [(each.text or "").strip() for each in _all(node, "DisplayArtistName")]
    inline = [_name(each) for tag in ("DisplayArtist", "Contributor") for each in _all(node, tag)]
    return list(dict.fromkeys(name.replace(";", ",") for name in (*plain, *named, *inline) if name))


def _file(node: Any) -> str:
    for each in _all(node, "File"):
        if name := _text(each, "URI") or _text(each, "FileName"):
            return name.removeprefix("./")
    return ""


def _claims(root: Any) -> dict[str, _Claim]:
    """Return what is claimed by recording: deals name releases, and these name their recordings."""
    recordings: dict[str, set[str]] = defaultdict(set)
    for tag in ("Release", "TrackRelease"):
        for release in _all(root, tag):
            named = {
                (each.text or "").strip() for each in _all(release, "ReleaseResourceReference")
            }
            recordings[_text(release, "ReleaseReference") or ""] |= named
    of_releases: dict[str, _Claim] = defaultdict(_Claim)
    for deal in _all(root, "ReleaseDeal"):
        said = _Claim()
        for terms in _all(deal, "DealTerms"):
            for each in _all(terms, "RightsClaimPolicy"):
                _add(said, each, terms)
        for release in {(each.text or "").strip() for each in _all(deal, "DealReleaseReference")}:
            of_releases[release].take(said)
    claims: dict[str, _Claim] = defaultdict(_Claim)
    for release, said in of_releases.items():
        for recording in recordings[release]:
            claims[recording].take(said)
    return claims


def _add(claim: _Claim, policy: Any, terms: Any) -> None:
    said = _text(policy, "RightsClaimPolicyType") or ""
    claim.policies.add(POLICY_OF.get(said, said))
    named = {(each.text or "").strip() for each in _all(terms, "TerritoryCode")}
    but = {(each.text or "").strip() for each in _all(terms, "ExcludedTerritoryCode")}
    if but:
        claim.territories |= set(countries()) - but
    elif not named or WORLDWIDE in named:
        claim.everywhere = True
    else:
        claim.territories |= named


def _all(node: Any, tag: str) -> list[Any]:
    """Return the elements of a name in a node, none of those inside another of the same name.

    So each element is told once, however deeply a message repeats itself.
    """
    walk = etree.iterwalk(node, events=("start",), tag=f"{{*}}{tag}")
    found = []
    for _, each in walk:
        found.append(each)
        walk.skip_subtree()
    return found


def _text(node: Any, tag: str) -> str | None:
    return next((text for each in _all(node, tag) if (text := (each.text or "").strip())), None)


def _name(node: Any) -> str | None:
    return next((name for tag in _NAMES if (name := _text(node, tag))), None)
