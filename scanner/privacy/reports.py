"""The record of processing (GDPR-30) and what an impact assessment needs (GDPR-35).

Both come from the registry, the settings and the pack, so they say what the program does. What only
the controller knows is left open, by name.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import make_url

from scanner.privacy.personal import CLASSES
from scanner.privacy.registry import Table, registry

if TYPE_CHECKING:
    from policy import Pack
    from scanner.settings import Settings

OPEN: Final = "to be filled in by the controller"
_ERASURE: Final = {
    "delete": "rows are deleted with the account",
    "blank": "personal values are blanked with the account",
    "keep": "kept; it names nobody once the account is erased",
}
_RISKS: Final[Sequence[tuple[str, str, str]]] = (
    (
        "A lawful track is blocked by mistake.",
        "An automatic block must be manifest, else a person looks; every restriction has its "
        "statement of reasons and a way to a person.",
        "policy/judgement.py, appeals/statements.py, scanner/human_review.py",
    ),
    (
        "A person is found in the audit trail after erasure.",
        "Personal fields of the journal are encrypted under a key per person and class, outside of "
        "the backups; the key is destroyed.",
        "scanner/privacy/personal.py",
    ),
    (
        "A restored backup brings an erased person back.",
        "A list of erasures outside of the backups is applied before anything is served.",
        "scanner/privacy/erasure.py",
    ),
    (
        "One platform reads another's data.",
        "Every row, object, index entry and event carries its tenant; a foreign id reads as unknown.",
        "scanner/dependencies.py",
    ),
    (
        "Data is kept longer than needed.",
        "Every column has a retention in the registry, which the sweeper applies.",
        "scanner/privacy/sweeper.py",
    ),
    (
        "An uploaded file attacks the decoder and reads others' data.",
        "Files are decoded in limited child processes.",
        "scanner/audio/zygote.py",
    ),
)


def processing(settings: "Settings", now: datetime) -> dict[str, Any]:
    """Return the record of processing activities.

    Parameters
    ----------
    now : datetime
        When it is made.
    """
    return {
        "id": f"processing-{now:%Y-%m-%d}",
        "title": "Record of processing activities (GDPR Art. 30)",
        "made_at": now.isoformat(),
        "controller": OPEN,
        "activities": [
            _activity(name, entry) for name, entry in registry().items() if _concerns(entry)
        ],
        "recipients": _recipients(settings),
        "transfers": OPEN,
        "security": _security(settings),
    }


def impact(settings: "Settings", pack: "Pack", now: datetime) -> dict[str, Any]:
    """Return a systematic description, the automated decisions, the risks and the measures."""
    entries = [entry for entry in registry().values() if _concerns(entry)]
    return {
        "id": f"impact-{now:%Y-%m-%d}",
        "title": "Data protection impact assessment (GDPR Art. 35)",
        "made_at": now.isoformat(),
        "controller": OPEN,
        "description": {
            "purposes": sorted({entry.purpose for entry in entries}),
            "people": sorted({each for entry in entries for each in entry.whose.split(", ")}),
            "personal_columns": sum(len(entry.of_kind("personal")) for entry in entries),
            "pseudonymous_columns": sum(len(entry.of_kind("pseudonymous")) for entry in entries),
        },
        "automated_decisions": {
            "pack": pack.id,
            "rules": [
                {"rule": rule.id, "outcome": rule.outcome, "basis": list(rule.legal_basis)}
                for rule in pack.rules
                if rule.outcome in {"restrict", "block"}
            ],
            "human": "whoever is affected can ask for a person: POST /v1/tracks/{id}/human-review "
            "(GDPR-22)",
        },
        "necessity": OPEN,
        "risks": [
            {"risk": risk, "measure": measure, "where": where} for risk, measure, where in _RISKS
        ],
        "security": _security(settings),
        "residual_risk": OPEN,
    }


def markdown(report: Mapping[str, Any]) -> str:
    """Return a report as Markdown."""
    lines = [
        f"# {report['title']}",
        "",
        f"Made {report['made_at']}. Controller: {report['controller']}.",
    ]
    for name, value in report.items():
        if name not in {"id", "title", "made_at", "controller"}:
            lines += ["", f"## {_heading(name)}", "", *_body(value)]
    return "\n".join(lines)


def _body(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [line for name, each in value.items() for line in _item(name, each)]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return _table(value)
    if isinstance(value, list):
        return [f"- {each}" for each in value]
    return [str(value)]


def _item(name: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return ["", f"**{_heading(name)}**", "", *_body(value), ""]
    return [f"- {_heading(name)}: {value}"]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    heads = list(rows[0])
    cells = [[_cell(row[head]) for head in heads] for row in rows]
    drawn = [f"| {' | '.join(each)} |" for each in cells]
    return [f"| {' | '.join(map(_heading, heads))} |", f"|{'---|' * len(heads)}", *drawn]


def _cell(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("|", "\\|")


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _concerns(entry: Table) -> bool:
    return bool(entry.of_kind("personal") or entry.of_kind("pseudonymous"))


def _activity(name: str, entry: Table) -> dict[str, Any]:
    return {
        "table": name,
        "purpose": entry.purpose,
        "basis": entry.basis,
        "people": entry.whose,
        "personal": list(entry.of_kind("personal")),
        "pseudonymous": list(entry.of_kind("pseudonymous")),
        "kept": entry.retention.words(),
        "erasure": _ERASURE[entry.erase] if entry.erase else "not tied to a creator's account",
    }


def _recipients(settings: "Settings") -> list[str]:
    database = make_url(settings.database).get_backend_name()
    found = [
        "the platform that submitted the track, by API and by the webhooks it asked for",
        f"database: {database}",
        f"audio store: {'S3' if settings.store.startswith('s3://') else 'a local folder'}",
    ]
    if settings.kafka:
        found.append("Kafka: events with ids and hashes; personal fields encrypted")
    if settings.milvus_uri:
        found.append("Milvus: vectors of references")
    if settings.index_shards:
        found.append(
            f"{len(settings.index_shards)} shards of the index: fingerprints of tracks to compare"
        )
    return found


def _security(settings: "Settings") -> list[str]:
    ends = ", ".join(f"{name} {keep.days} days" for name, keep in CLASSES.items())
    return [
        "personal fields of the journal: AES-256-GCM under a key per person and class; a key lives "
        f"until erasure, or from the end of its month: {ends}",
        "the journal is append-only and sealed in hash chains",
        "API keys and passwords are kept as hashes, stored secrets encrypted",
        f"idempotency keys are kept {settings.idempotency_days} days",
        f"retro-matching looks {settings.retro_days} days back",
        "files of keys are readable by their owner alone",
    ]
