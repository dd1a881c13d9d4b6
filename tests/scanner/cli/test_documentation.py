"""The pages say what the program does: settings, commands, the compose file."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scanner.settings import Settings
from scripts.configuration_page import PAGE, page
from tests.scanner.cli.test_usage import commands

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# The parts of the Compose Specification that the file uses.
COMPOSE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["image", "healthcheck", "restart"],
                "additionalProperties": False,
                "properties": {
                    "image": {"type": "string", "pattern": "^[a-z0-9/._-]+:[A-Za-z0-9._-]+$"},
                    "command": {"type": ["string", "array"], "items": {"type": "string"}},
                    "entrypoint": {"type": ["string", "array"], "items": {"type": "string"}},
                    "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
                    "environment": {
                        "type": "object",
                        "additionalProperties": {"type": ["string", "number", "null"]},
                    },
                    "ports": {
                        "type": "array",
                        "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"},
                    },
                    "volumes": {
                        "type": "array",
                        "items": {"type": "string", "pattern": "^[a-z0-9-]+:/.+$"},
                    },
                    "healthcheck": {
                        "type": "object",
                        "required": ["test", "interval", "retries"],
                        "additionalProperties": False,
                        "properties": {
                            "test": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                            "interval": {"type": "string", "pattern": r"^\d+s$"},
                            "timeout": {"type": "string", "pattern": r"^\d+s$"},
                            "start_period": {"type": "string", "pattern": r"^\d+s$"},
                            "retries": {"type": "integer"},
                        },
                    },
                },
            },
        },
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
}


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_readme_names_every_command() -> None:
    groups = {name.split()[0] for name, _ in commands()}
    for group in groups:
        assert re.search(rf"clearance {group}\b|\b{group} \w+\|", README) or group in README, group


def test_every_file_that_a_page_names_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = r"`((?:scanner|fingerprint|policy|appeals|benchmarks|scripts|tests|docs)/[\w/.]+)`"
    found = 0
    for each in pages:
        text = each.read_text(encoding="utf-8")
        for path in re.findall(named, text):
            assert (ROOT / path).exists(), f"{each.name} names {path}"
            found += 1
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
            assert (each.parent / link).exists(), f"{each.name} links to {link}"
    assert found > 20


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_compose_file_is_well_formed(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, COMPOSE)
    volumes = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
    }
    assert volumes == set(compose["volumes"])


def test_the_readme_points_at_the_ports_that_the_compose_file_opens(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    block = re.search(r"(?:^export CLEARANCE_(?!HOME).*\n)+", README, re.MULTILINE)
    assert block is not None
    for line in block.group().splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value.strip("'\""))
    settings = Settings()
    opened = {
        port.split(":")[1]
        for service in compose["services"].values()
        for port in service.get("ports", ())
    }
    endpoint = json.dumps(settings.store_options)
    used = re.findall(r":(\d{4,5})\b", f"{settings.kafka} {settings.database_url} {endpoint}")
    assert len(used) == 3
    assert set(used) <= opened
    password = compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert f":{password}@" in str(settings.database_url)
