"""A stand-in for the EU's DSA Transparency Database: it takes what its published rules take, over real HTTP.

The schema is written from ``StatementStoreRequest`` of github.com/digital-services-act/transparency-database
(69e80a0b), not from our own model: the two must agree for a test to pass.
"""

import json
import socket
import threading
import uuid
from typing import Any, Final

from jsonschema import Draft202012Validator

from tests.loopback import Listener, reply

COUNTRIES: Final = (
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
)
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 500}
_DAY: Final = {"type": "string", "pattern": r"^20\d\d-\d\d-\d\d$"}


def _one_of(prefix: str, names: str) -> dict[str, Any]:
    return {"enum": [f"{prefix}_{name}" for name in names.split()]}


def _some_of(prefix: str, names: str) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": _one_of(prefix, names)}


def _if(field: str, test: dict[str, Any], *needed: str) -> dict[str, Any]:
    return {
        "if": {"properties": {field: test}, "required": [field]},
        "then": {"required": list(needed)},
    }


SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "decision_ground",
        "content_type",
        "category",
        "content_date",
        "application_date",
        "decision_facts",
        "source_type",
        "automated_detection",
        "automated_decision",
        "puid",
    ],
    "anyOf": [
        {"required": [f"decision_{each}"]}
        for each in ("visibility", "monetary", "provision", "account")
    ],
    "allOf": [
        _if(
            "decision_visibility",
            {"contains": {"const": "DECISION_VISIBILITY_OTHER"}},
            "decision_visibility_other",
        ),
        _if("decision_monetary", {"const": "DECISION_MONETARY_OTHER"}, "decision_monetary_other"),
        _if(
            "decision_ground",
            {"const": "DECISION_GROUND_ILLEGAL_CONTENT"},
            "illegal_content_legal_ground",
            "illegal_content_explanation",
        ),
        _if(
            "decision_ground",
            {"const": "DECISION_GROUND_INCOMPATIBLE_CONTENT"},
            "incompatible_content_ground",
            "incompatible_content_explanation",
        ),
    ],
    "properties": {
        "decision_visibility": _some_of(
            "DECISION_VISIBILITY",
            "CONTENT_REMOVED CONTENT_DISABLED CONTENT_DEMOTED CONTENT_AGE_RESTRICTED "
            "CONTENT_INTERACTION_RESTRICTED CONTENT_LABELLED OTHER",
        ),
        "decision_visibility_other": _TEXT,
        "decision_monetary": _one_of("DECISION_MONETARY", "SUSPENSION TERMINATION OTHER"),
        "decision_monetary_other": _TEXT,
        "decision_provision": _one_of(
            "DECISION_PROVISION",
            "PARTIAL_SUSPENSION TOTAL_SUSPENSION PARTIAL_TERMINATION TOTAL_TERMINATION",
        ),
        "decision_account": _one_of("DECISION_ACCOUNT", "SUSPENDED TERMINATED"),
        "end_date_service_restriction": _DAY,
        "end_date_account_restriction": _DAY,
        "decision_ground": _one_of("DECISION_GROUND", "ILLEGAL_CONTENT INCOMPATIBLE_CONTENT"),
        "illegal_content_legal_ground": _TEXT,
        "illegal_content_explanation": _TEXT | {"maxLength": 2000},
        "incompatible_content_ground": _TEXT,
        "incompatible_content_explanation": _TEXT | {"maxLength": 2000},
        "incompatible_content_illegal": {"enum": ["Yes", "No"]},
        "content_type": _some_of(
            "CONTENT_TYPE", "APP AUDIO IMAGE PRODUCT SYNTHETIC_MEDIA TEXT VIDEO OTHER"
        ),
        "category": _one_of(
            "STATEMENT_CATEGORY",
            "ANIMAL_WELFARE CONSUMER_INFORMATION CYBER_VIOLENCE CYBER_VIOLENCE_AGAINST_WOMEN "
            "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS ILLEGAL_OR_HARMFUL_SPEECH "
            "INTELLECTUAL_PROPERTY_INFRINGEMENTS "
            "NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS NOT_SPECIFIED_NOTICE "
            "OTHER_VIOLATION_TC PROTECTION_OF_MINORS RISK_FOR_PUBLIC_SECURITY SCAMS_AND_FRAUD "
            "SELF_HARM UNSAFE_AND_PROHIBITED_PRODUCTS VIOLENCE",
        ),
        "category_specification": {
            "type": "array",
            "items": {"type": "string", "pattern": "^KEYWORD_[A-Z_]+$"},
        },
        "category_specification_other": {"type": "string", "maxLength": 500},
        "territorial_scope": {"type": "array", "items": {"enum": COUNTRIES.split()}},
        "content_date": _DAY,
        "application_date": _DAY,
        "decision_facts": _TEXT | {"maxLength": 5000},
        "source_type": _one_of(
            "SOURCE", "ARTICLE_16 TRUSTED_FLAGGER TYPE_OTHER_NOTIFICATION VOLUNTARY"
        ),
        "automated_detection": {"enum": ["Yes", "No"]},
        "automated_decision": _one_of("AUTOMATED_DECISION", "FULLY PARTIALLY NOT_AUTOMATED"),
        "puid": {"type": "string", "maxLength": 500, "pattern": "^[a-zA-Z0-9-_]+$"},
    },
}


class EuDatabase(Listener):
    """Takes batches of up to 100; ``failing`` makes it answer 503, ``losing`` take them and hang up.

    ``forgetting`` leaves the last one out of the answer.
    """

    def __init__(self, token: str) -> None:
        super().__init__(self._answer)
        self.token = token
        self.taken: dict[str, dict[str, Any]] = {}
        self.failing = False
        self.losing = False
        self.forgetting = False
        self.poison: frozenset[str] = frozenset()
        self.posts = 0
        self._lock = threading.Lock()

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        if f"authorization: bearer {self.token}".encode() not in head.lower():
            connection.sendall(_json({"message": "Unauthenticated."}, "401 Unauthorized"))
        elif self.failing:
            connection.sendall(_json({}, "503 Service Unavailable"))
        else:
            said = self._take(json.loads(body)["statements"])
            if not self.losing:
                connection.sendall(said)

    def _take(self, statements: list[dict[str, Any]]) -> bytes:
        assert 1 <= len(statements) <= 100
        self.posts += 1
        if self.poison & {each["puid"] for each in statements}:
            return reply(b"<h1>Unprocessable</h1>", "422 Unprocessable Content")
        validator = Draft202012Validator(SCHEMA)
        errors = {
            f"statement_{n}": {"/".join(map(str, e.path)): [e.message] for e in found}
            for n, each in enumerate(statements)
            if (found := list(validator.iter_errors(each)))
        }
        if errors:
            return _json({"errors": errors}, "422 Unprocessable Content")
        with self._lock:
            if known := [each["puid"] for each in statements if each["puid"] in self.taken]:
                wrong = {"puid": ["not unique"], "existing_puids": known}
                return _json({"message": "", "errors": wrong}, "422 Unprocessable Content")
            for each in statements:
                self.taken[each["puid"]] = each | {"uuid": str(uuid.uuid4())}
            told = [self.taken[s["puid"]] for s in statements]
            return _json({"statements": told[:-1] if self.forgetting else told}, "201 Created")


def _json(content: dict[str, Any], status: str) -> bytes:
    return reply(json.dumps(content).encode(), status, Content_Type="application/json")
