"""Every metric's name, in one place."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram
from sqlmodel import col, func, select

from appeals import deadlines
from scanner import dmca_agent, setbacks
from scanner.tables import DeadLetter, Deadline, JournalPending, Letter, PolicyActivation, RuleTally

if TYPE_CHECKING:
    from scanner.service import Service

_STAGE_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


def _newest(name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
    """Return a gauge of what any process can look up: of several that share metrics, the one that did last is right."""
    return Gauge(name, documentation, labels, multiprocess_mode="livemostrecent")


EVENTS: Final = Counter(
    "clearance_events_total", "Events by group and what became of them", ["group", "outcome"]
)
HANDLE_SECONDS: Final = Histogram(
    "clearance_handle_seconds", "Time in a handler", ["group"], buckets=_STAGE_BUCKETS
)
STAGE_SECONDS: Final = Histogram(
    "clearance_stage_seconds", "Time in a step of the analysis", ["step"], buckets=_STAGE_BUCKETS
)
COMPARISONS: Final = Counter(
    "clearance_policy_comparisons_total", "Tracks on which two packs were compared", ["result"]
)
POLICY_ALARMS: Final = _newest(
    "clearance_policy_alarms", "Canaries stopped and rules that jumped in the last day", ["kind"]
)
DRIFT: Final = _newest(
    "clearance_drift_psi", "Largest population stability index of the newest day", ["kind"]
)
DRIFT_ALARMS: Final = _newest(
    "clearance_drift_alarms", "Days judged in the last day that drift from the baseline", ["kind"]
)
OUTCOMES: Final = Counter("clearance_decisions_total", "Decisions by outcome", ["decision"])
SUBMISSIONS: Final = Counter(
    "clearance_submissions_total", "Tracks accepted or refused", ["entrance", "result"]
)
QUEUE_DEPTH: Final = _newest("clearance_queue_depth", "Events that wait, by group", ["group"])
UNSEALED: Final = _newest("clearance_journal_unsealed", "Journal rows that wait for the relay")
DEAD_LETTERS: Final = _newest("clearance_dead_letters", "Dead letters not replayed")
INDEX_REFERENCES: Final = _newest(
    "clearance_index_references", "References in the index", ["tenant"]
)
INDEX_BYTES: Final = _newest("clearance_index_bytes", "Size of the index", ["tenant"])
SHARD_SECONDS: Final = Histogram(
    "clearance_shard_seconds", "Time until a shard answered", ["shard"], buckets=_STAGE_BUCKETS
)
SHARD_FAILURES: Final = Counter(
    "clearance_shard_failures_total",
    "Questions that a shard gave no usable answer to: away, busy, secret, refused, wrong or stale",
    ["shard", "reason"],
)
REQUESTS: Final = Histogram(
    "clearance_http_seconds", "HTTP requests", ["method", "route", "status"]
)
MANIFESTS: Final = Counter(
    "clearance_manifests_total", "Provenance manifests of analysed files", ["state"]
)
STREAM_WINDOWS: Final = Counter(
    "clearance_stream_windows_total", "Windows of live streams by how they were searched", ["how"]
)
FACTS_FAILED: Final = Counter(
    "clearance_audio_facts_failed_total", "Audio facts that could not be measured", ["fact"]
)
RETRO_INCOMPLETE: Final = Counter(
    "clearance_retro_incomplete_total",
    "Stored tracks compared without vectors or tones, of which no audio is kept",
)
MARKS_FAILED: Final = Counter(
    "clearance_marks_failed_total", "Marks that could not be searched for or read back", ["where"]
)
for _where in ("analysis", "release"):
    MARKS_FAILED.labels(
        _where
    )  # an increase is seen from what was there before: the first failure is one, too
DMCA_AGENT_DAYS: Final = _newest(
    "clearance_dmca_agent_days_left",
    "Days until the registration of the DMCA agent ends",
    ["registration"],
)
LETTERS: Final = Counter(
    "clearance_letter_tries_total", "Tries to mail letters by result", ["result"]
)
LETTERS_WAITING: Final = _newest("clearance_letters_waiting", "Letters that wait to be mailed")
SETBACKS: Final = _newest(
    "clearance_setbacks", "Rows on which a chore fails and that it tries again later", ["chore"]
)
DEADLINES_MISSED: Final = _newest(
    "clearance_deadlines_missed", "Deadlines of law that were found missed in the last day"
)
CASES_FOR_NOBODY: Final = _newest(
    "clearance_cases_nobody_may_take", "Open cases that no member of staff may decide"
)
CHECKPOINTS_REFUSED: Final = _newest(
    "clearance_checkpoints_refused", "1 while the last round of checkpoints is not whole"
)
SWEEP_STEPS_FAILED: Final = Counter(
    "clearance_sweep_steps_failed_total", "Steps of retention that failed and are done again"
)
PREVIEW_FIRST_SECONDS: Final = Histogram(
    "clearance_preview_first_audio_seconds",
    "From the request for a preview's sound to its first block",
    buckets=(0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10),
)
PREVIEW_BARS: Final = Counter(
    "clearance_preview_bars_total",
    "Bars of previews: played, repeated since the next was late, silenced, drawn anew",
    ["kind"],
)
PREVIEWS_PLAYING: Final = Gauge(
    "clearance_previews_playing", "Previews that play now", multiprocess_mode="livesum"
)
WEBHOOKS: Final = Counter("clearance_webhook_tries_total", "Webhook tries by result", ["result"])

_told: Final[set[str]] = set()
"""Chores of which a setback was told: where processes share metrics, one can't be taken back, only be none."""


def count_what_waits(service: "Service") -> None:
    """Set the gauges of what is not published, not handled and not replayed."""
    with service.database.reading() as session:
        UNSEALED.set(session.exec(select(func.count()).select_from(JournalPending)).one())
        dead = select(func.count()).select_from(DeadLetter).where(DeadLetter.state == "dead")
        DEAD_LETTERS.set(session.exec(dead).one())
        waiting = select(func.count()).select_from(Letter).where(Letter.state == "waiting")
        LETTERS_WAITING.set(session.exec(waiting).one())
        failing = setbacks.failing(session)
        _told.update(failing)
        for chore in _told:
            SETBACKS.labels(chore).set(failing.get(chore, 0))
        since = service.now() - timedelta(days=1)
        missed = (
            Deadline.state == "missed",
            col(Deadline.due_at) >= since - timedelta(days=30),  # by the index
            col(Deadline.ended_at) >= since,
            col(Deadline.rule).in_(deadlines.RULES),
        )
        DEADLINES_MISSED.set(
            session.exec(select(func.count(col(Deadline.id))).where(*missed)).one()
        )
        for kind, alarms in (
            ("rule", (RuleTally.alarmed, col(RuleTally.hour) >= since)),
            ("canary", (PolicyActivation.stopped, col(PolicyActivation.ended_at) >= since)),
        ):
            POLICY_ALARMS.labels(kind).set(session.exec(select(func.count()).where(*alarms)).one())
    if (left := dmca_agent.days_left(service)) is not None:
        DMCA_AGENT_DAYS.labels(service.settings.dmca_agent_registration or "").set(left)
    for group in service.groups:
        QUEUE_DEPTH.labels(group.name).set(service.transport.depth(group.name))
