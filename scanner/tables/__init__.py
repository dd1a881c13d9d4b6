"""Every table the service keeps itself; `policy` and `appeals` keep theirs."""

from appeals.case_tables import CaseNote, CaseVerdict, GoldenCase, ReasonTemplate
from appeals.matter_tables import (
    Appeal,
    AppealDecider,
    Claim,
    CounterNotice,
    Deadline,
    Dispute,
    Evidence,
    Message,
    Notice,
    NoticeTrack,
    PresumedUse,
    PriorDecider,
    Sanction,
    Strike,
)
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
from scanner.tables.audit_blocks import AuditBlock
from scanner.tables.audit_walks import AuditWalk
from scanner.tables.backtests import BacktestRun
from scanner.tables.catalogue_imports import CatalogueImport, CatalogueImportRow
from scanner.tables.console import ConsoleSession, ContestDraft, ReviewerWish
from scanner.tables.drift import DriftBaseline, DriftDay
from scanner.tables.entry_links import EntryLink
from scanner.tables.flaggers import Flagger
from scanner.tables.generator_engines import GeneratorEngine
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
from scanner.tables.letters import Letter
from scanner.tables.objections import Objections
from scanner.tables.people import (
    AgeAssurance,
    Consent,
    Generation,
    Guardian,
    ParentalControls,
)
from scanner.tables.previews import Preview
from scanner.tables.privacy import BlobRelease, Erasure, LegalHold
from scanner.tables.provenance import Provenance
from scanner.tables.references import (
    Bank,
    CatalogueChange,
    CatalogueEpoch,
    Holder,
    Licence,
    LyricShingle,
    Reference,
    ReferenceExclusion,
    ReferenceLyrics,
    ReferenceOpinion,
    ReferenceSighting,
    ReferenceTally,
)
from scanner.tables.rescans import Rescan
from scanner.tables.retro import RetroDue, RetroMatch, RetroSweep
from scanner.tables.review import CaseHearing, TrackAmendment
from scanner.tables.rights import MatchExemption, Share, TrackEdit
from scanner.tables.setbacks import Setback
from scanner.tables.sign_ins import SignIn
from scanner.tables.statements import DatabasePush
from scanner.tables.streams import Stream, StreamPlay
from scanner.tables.strike_policies import StrikePolicyVersion
from scanner.tables.takes import Take, TakeContributor, TakeInvitation, TakeProject, TakeStem
from scanner.tables.tenants import (
    Account,
    ApiKey,
    LoginLink,
    SigningKey,
    Tenant,
    UsageCounter,
    User,
)
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
    "Appeal",
    "AppealDecider",
    "AuditBlock",
    "AuditWalk",
    "BacktestRun",
    "Bank",
    "BlobRelease",
    "BusCursor",
    "Case",
    "CaseHearing",
    "CaseNote",
    "CaseVerdict",
    "CatalogueChange",
    "CatalogueEpoch",
    "CatalogueImport",
    "CatalogueImportRow",
    "Claim",
    "ComparisonTally",
    "Consent",
    "ConsoleSession",
    "ContestDraft",
    "CounterNotice",
    "DatabasePush",
    "DeadLetter",
    "Deadline",
    "Delivery",
    "Dispute",
    "DriftBaseline",
    "DriftDay",
    "EntryLink",
    "Erasure",
    "Evidence",
    "Flagger",
    "Generation",
    "GeneratorEngine",
    "GoldenCase",
    "Guardian",
    "Handled",
    "HandlerStart",
    "Holder",
    "IdempotencyKey",
    "JournalPending",
    "JournalRow",
    "JournalSeal",
    "LegalHold",
    "Letter",
    "Licence",
    "LoginLink",
    "LyricShingle",
    "MarkLicensee",
    "MatchExemption",
    "Message",
    "Notice",
    "NoticeTrack",
    "Objections",
    "ParentalControls",
    "PolicyActivation",
    "PolicyComparison",
    "PolicyDecision",
    "PolicyPack",
    "PolicyRollout",
    "PresumedUse",
    "Preview",
    "PriorDecider",
    "Provenance",
    "ReasonTemplate",
    "Reference",
    "ReferenceExclusion",
    "ReferenceLyrics",
    "ReferenceOpinion",
    "ReferenceSighting",
    "ReferenceTally",
    "ReleasedFile",
    "Rescan",
    "RetroDue",
    "RetroMatch",
    "RetroSweep",
    "ReviewerWish",
    "RuleTally",
    "Sanction",
    "Setback",
    "Share",
    "SignIn",
    "SigningKey",
    "StatementOfReasons",
    "Stream",
    "StreamPlay",
    "Strike",
    "StrikePolicyVersion",
    "Submission",
    "Take",
    "TakeContributor",
    "TakeInvitation",
    "TakeProject",
    "TakeStem",
    "Tenant",
    "Track",
    "TrackAmendment",
    "TrackEdit",
    "TrackMatch",
    "TrackStem",
    "UsageCounter",
    "User",
    "Watermark",
    "WatermarkKey",
    "Webhook",
    "WebhookDelivery",
]
