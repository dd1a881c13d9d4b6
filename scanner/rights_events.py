"""What can happen to rights: holders, their shares, their licences, and fixes of tracks."""

from typing import Any, ClassVar, Literal

from scanner.events import REFERENCES, TRACKS, EventData


class RightsEvent(EventData):
    """Base of what happens to a holder or a licence."""

    topic: ClassVar[str] = REFERENCES

    holder_id: str


class HolderChanged(RightsEvent):
    """A holder was named, or how to reach them changed; what it is now is in the table."""

    type: ClassVar[str] = "clearance.holder.changed"

    changed: list[str]


class HolderVerified(RightsEvent):
    """Somebody looked at the evidence and said whether the holder is who they say they are."""

    type: ClassVar[str] = "clearance.holder.verified"

    verified: bool
    evidence: list[str]


class ShareRecorded(RightsEvent):
    """A share is on record; the subject is the share's own id."""

    type: ClassVar[str] = "clearance.share.recorded"

    of: str
    right: str
    territory: str
    percent: str


class ShareCorrected(RightsEvent):
    """A share is another one, or ends, from now on; what it was stands in the events before."""

    type: ClassVar[str] = "clearance.share.corrected"

    percent: str
    starts_on: str | None
    ends_on: str | None


class LicenceGranted(RightsEvent):
    """A licence is on record: what it covers is claimed no more."""

    type: ClassVar[str] = "clearance.licence.granted"

    account_id: str | None
    reference_id: str | None
    territories: list[str]


class LicenceEnded(RightsEvent):
    """A licence holds no more from a moment on."""

    type: ClassVar[str] = "clearance.licence.ended"

    at: str


class TrackMended(EventData):
    """A track got a new version, from which its creator cut, or in which they muted, something."""

    topic: ClassVar[str] = TRACKS
    type: ClassVar[str] = "clearance.track.mended"

    edit_id: str
    new_track_id: str
    parts: list[dict[str, Any]]


class CatalogueImported(RightsEvent):
    """A holder's catalogue file came to its end; ``counts`` are rows by what became of them."""

    type: ClassVar[str] = "clearance.catalogue.imported"

    dry_run: bool
    failed: bool
    counts: dict[str, int]


class LawfulUseFlagged(EventData):
    """The uploader said, after the upload, that the use of others' works is allowed by law (DE-URHDAG)."""

    topic: ClassVar[str] = TRACKS
    type: ClassVar[str] = "clearance.track.lawful_use_flagged"

    lawful_use: str
    decision_id: str


class TrackAmended(EventData):
    """A creator's change of what was declared with a track counts, or no longer; what it says is in the table."""

    topic: ClassVar[str] = TRACKS
    type: ClassVar[str] = "clearance.track.amended"

    amendment_id: str
    kind: Literal["credit", "territories", "licence"]
    step: Literal["applied", "undone"]
