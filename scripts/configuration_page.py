"""Write docs/configuration.md from the settings themselves.

Run: python -m scripts.configuration_page
"""

import json
import types
import typing
from pathlib import Path
from typing import Any, Final

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scanner.settings import Settings

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
_HEAD: Final = """\
# Settings

Every setting is an environment variable, read once when a process starts. This page is written by
`python -m scripts.configuration_page` from `scanner/settings.py` and `settings_core.py`; a test holds the two together.

| variable | default | allowed | what it is |
|---|---|---|---|
"""
_FOOT: Final = """
The command line reads five more: `CLEARANCE_TENANT`, the tenant that commands act for (default:
`default`), `CLEARANCE_API_KEY`, the key that `clearance scan --server` shows, `CLEARANCE_LOGIN` with
`CLEARANCE_PASSWORD`, the policy lead as whom `clearance policy` acts, and `CLEARANCE_BACKUP_PASSPHRASE`, with
which `clearance backup --with-secrets` seals the secret keys.
"""


def page() -> str:
    """Return the page."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return _HEAD + "".join(rows) + _FOOT


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`CLEARANCE_{name.upper()}`", _default(field), _allowed(field), field.description)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, frozenset):
        return ",".join(sorted(value)) and f"`{','.join(sorted(value))}`"
    return f"`{json.dumps(value)}`" if isinstance(value, dict) else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    limits = [limit for rule in field.metadata if (limit := _limit(rule))]
    return ", ".join(limits) or _kind(field.annotation)


def _limit(rule: Any) -> str:
    match rule:
        case annotated_types.Ge(ge=bound):
            return f"≥ {bound}"
        case annotated_types.Gt(gt=bound):
            return f"> {bound}"
        case annotated_types.Le(le=bound):
            return f"≤ {bound}"
    return ""


def _kind(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin in {types.UnionType, typing.Union}:
        given = [each for each in typing.get_args(annotation) if each is not type(None)]
        return " or ".join(_kind(each) for each in given)
    names = {
        "str": "text",
        "Path": "a path",
        "SecretStr": "a secret",
        "dict": "a JSON object",
        "frozenset": "a list, with commas",
    }
    name = getattr(origin or annotation, "__name__", str(annotation))
    return names.get(name, name)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
