"""JSON Schemas of what events carry in ``data``, one for each type and version."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import scanner.matter_events
import scanner.notice_events
import scanner.people_events
import scanner.preview_events
import scanner.reference_events
import scanner.rights_events
import scanner.standing_events
import scanner.statement_events
import scanner.stream_events  # noqa: F401 - their models are told of too
from scanner.events import EventData


@cache
def known() -> dict[tuple[str, int], type[EventData]]:
    """Return the model of each event type and version."""
    return {(model.type, model.schema_version): model for model in _models(EventData)}


def types() -> frozenset[str]:
    """Return every event type."""
    return frozenset(type_ for type_, _ in known())


def schema_of(type_: str, version: int) -> dict[str, Any] | None:
    """Return the JSON Schema (draft 2020-12) of an event's data, or None if there is none such."""
    model = known().get((type_, version))
    if model is None:
        return None
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:clearance:schema:{type_}:{version}",
        **model.model_json_schema(),
    }


def _models(parent: type[EventData]) -> Iterator[type[EventData]]:
    for model in parent.__subclasses__():
        if hasattr(model, "type"):
            yield model
        yield from _models(model)
