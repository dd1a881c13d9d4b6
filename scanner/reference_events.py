"""What can happen to references, their banks and the sweeps over stored tracks; each is a change of the catalogue."""

from typing import Any, ClassVar

from scanner.events import REFERENCES, EventData, EvidenceText


class CatalogueEvent(EventData):
    """Base of what happens to references and their banks."""

    topic: ClassVar[str] = REFERENCES


class BankCreated(CatalogueEvent):
    """There is a new bank."""

    type: ClassVar[str] = "clearance.bank.created"

    name: str
    kind: str
    peer_key: str | None = None


class BankChanged(CatalogueEvent):
    """A bank was renamed or switched: on, off, or to a share of the tracks."""

    type: ClassVar[str] = "clearance.bank.changed"

    name: str
    enabled: bool
    rollout: float
    changed: list[str]


class ReferenceChecking(CatalogueEvent):
    """A reference was taken in and will be found once it was compared with the others."""

    type: ClassVar[str] = "clearance.reference.checking"

    epoch: int
    policy: str
    fingerprint_sha256: str


class ReferenceQuarantined(CatalogueEvent):
    """A reference is not found until a person has decided: why, and the case."""

    type: ClassVar[str] = "clearance.reference.quarantined"

    epoch: int
    cause: str
    conflicts: list[dict[str, Any]] = []  # noqa: RUF012 - pydantic copies it
    matches: int | None = None
    baseline: float | None = None
    case_id: str | None = None


class ReferenceReinstated(CatalogueEvent):
    """A person let a reference out of quarantine: it is found again."""

    type: ClassVar[str] = "clearance.reference.reinstated"

    epoch: int
    reason: EvidenceText


class ReferenceSnoozed(CatalogueEvent):
    """A reference is not found until a time."""

    type: ClassVar[str] = "clearance.reference.snoozed"

    epoch: int
    until: str


class ReferenceWoken(CatalogueEvent):
    """A snoozed reference is found again."""

    type: ClassVar[str] = "clearance.reference.woken"

    epoch: int
    reason: str


class ReferencePartExcluded(CatalogueEvent):
    """A part of a reference is not its holder's; matches in it are exempt."""

    type: ClassVar[str] = "clearance.reference.part_excluded"

    exclusion_id: str
    start_s: float
    end_s: float
    origin: str


class ReferencePartIncluded(CatalogueEvent):
    """An exclusion was taken back."""

    type: ClassVar[str] = "clearance.reference.part_included"

    exclusion_id: str


class ReferenceJudged(CatalogueEvent):
    """A person here confirmed or deconfirmed a reference that a peer shared."""

    type: ClassVar[str] = "clearance.reference.judged"

    opinion: str
    reason: EvidenceText


class ReferenceOpinionReceived(CatalogueEvent):
    """A peer confirmed or deconfirmed a reference that came from here."""

    type: ClassVar[str] = "clearance.reference.opinion_received"

    peer_key: str
    opinion: str
    reason: EvidenceText


class RetroStarted(CatalogueEvent):
    """Stored tracks are being compared with references that are new."""

    type: ClassVar[str] = "clearance.retro.started"

    references: int


class RetroAdvanced(CatalogueEvent):
    """A chunk of the stored tracks was compared; there are more."""

    type: ClassVar[str] = "clearance.retro.advanced"

    compared: int
    found: int


class RetroEnded(CatalogueEvent):
    """Every stored track was compared."""

    type: ClassVar[str] = "clearance.retro.ended"

    compared: int
    found: int


class ReferenceAdded(EventData):
    """A reference is active and will be found."""

    topic: ClassVar[str] = REFERENCES
    type: ClassVar[str] = "clearance.reference.added"

    epoch: int
    policy: str
    fingerprint_sha256: str


class ReferenceChanged(EventData):
    """A reference's policy, title, territories, bank or fingerprint changed."""

    topic: ClassVar[str] = REFERENCES
    type: ClassVar[str] = "clearance.reference.changed"

    epoch: int
    changed: list[str]


class ReferenceRemoved(EventData):
    """A reference will no longer be found."""

    topic: ClassVar[str] = REFERENCES
    type: ClassVar[str] = "clearance.reference.removed"

    epoch: int
