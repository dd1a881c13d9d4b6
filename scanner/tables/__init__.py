"""Every table the service keeps itself; `policy` and `appeals` keep theirs."""

from appeals.tables import Case, StatementOfReasons
from policy.tables import PolicyDecision
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
from scanner.tables.references import CatalogueChange, CatalogueEpoch, Holder, Licence, Reference
from scanner.tables.tenants import Account, ApiKey, SigningKey, Tenant, UsageCounter, User
from scanner.tables.tracks import Analysis, IdempotencyKey, Submission, Track, TrackMatch
from scanner.tables.webhooks import Webhook, WebhookDelivery

__all__ = [
    "Account",
    "Analysis",
    "ApiKey",
    "BusCursor",
    "Case",
    "CatalogueChange",
    "CatalogueEpoch",
    "DeadLetter",
    "Delivery",
    "Handled",
    "HandlerStart",
    "Holder",
    "IdempotencyKey",
    "JournalPending",
    "JournalRow",
    "JournalSeal",
    "Licence",
    "PolicyDecision",
    "Reference",
    "SigningKey",
    "StatementOfReasons",
    "Submission",
    "Tenant",
    "Track",
    "TrackMatch",
    "UsageCounter",
    "User",
    "Webhook",
    "WebhookDelivery",
]
