"""Every table the service keeps itself; `policy` and `appeals` keep theirs."""

from appeals.tables import Case, StatementOfReasons
from policy.tables import (
    ComparisonTally,
    PolicyActivation,
    PolicyComparison,
    PolicyDecision,
    PolicyPack,
    PolicyRollout,
    RuleTally,
)
from scanner.tables.journal import (
    BusCursor,
    DeadLetter,
    Delivery,
    Handled,
    HandlerStart,
    JournalPending,
    JournalRow,
    JournalSeal,
)
from scanner.tables.people import (
    AgeAssurance,
    Consent,
    Generation,
    Guardian,
    ParentalControls,
)
from scanner.tables.privacy import BlobRelease, Erasure, LegalHold
from scanner.tables.provenance import Provenance
from scanner.tables.references import (
    Bank,
    CatalogueChange,
    CatalogueEpoch,
    Holder,
    Licence,
    Reference,
    ReferenceExclusion,
    ReferenceOpinion,
    ReferenceSighting,
    ReferenceTally,
)
from scanner.tables.retro import RetroDue, RetroMatch, RetroSweep
from scanner.tables.tenants import Account, ApiKey, SigningKey, Tenant, UsageCounter, User
from scanner.tables.tracks import Analysis, IdempotencyKey, Submission, Track, TrackMatch
from scanner.tables.watermarks import (
    MarkLicensee,
    ReleasedFile,
    TrackStem,
    Watermark,
    WatermarkKey,
)
from scanner.tables.webhooks import Webhook, WebhookDelivery

__all__ = [
    "Account",
    "AgeAssurance",
    "Analysis",
    "ApiKey",
    "Bank",
    "BlobRelease",
    "BusCursor",
    "Case",
    "CatalogueChange",
    "CatalogueEpoch",
    "ComparisonTally",
    "Consent",
    "DeadLetter",
    "Delivery",
    "Erasure",
    "Generation",
    "Guardian",
    "Handled",
    "HandlerStart",
    "Holder",
    "IdempotencyKey",
    "JournalPending",
    "JournalRow",
    "JournalSeal",
    "LegalHold",
    "Licence",
    "MarkLicensee",
    "ParentalControls",
    "PolicyActivation",
    "PolicyComparison",
    "PolicyDecision",
    "PolicyPack",
    "PolicyRollout",
    "Provenance",
    "Reference",
    "ReferenceExclusion",
    "ReferenceOpinion",
    "ReferenceSighting",
    "ReferenceTally",
    "ReleasedFile",
    "RetroDue",
    "RetroMatch",
    "RetroSweep",
    "RuleTally",
    "SigningKey",
    "StatementOfReasons",
    "Submission",
    "Tenant",
    "Track",
    "TrackMatch",
    "TrackStem",
    "UsageCounter",
    "User",
    "Watermark",
    "WatermarkKey",
    "Webhook",
    "WebhookDelivery",
]
