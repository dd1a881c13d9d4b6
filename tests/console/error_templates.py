"""What can be told to people that something is wrong: every message of an error, collected from the source."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pydantic_core._pydantic_core import list_all_errors

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("scanner", "appeals", "generator", "fingerprint")
_SAYING: Final = re.compile(r"(Error|Exception|Told)$")
_SAYERS: Final = frozenset(
    {"error", "_malformed", "_bad_field", "_form", "_refused", "_too_large", "crashed", "_step"}
)
"""Functions that make an error, or a part of one, of what they are given."""
_NAMES: Final = frozenset(
    {
        "told", "wrong", "flaw", "detail", "why", "there", "where", "there_are", "WRONG", "_REFUSED",
        "_NO_FULL_NAME", "_NO_STREAM", "_BAD_REDIRECT", "_BY_LINK",
    }
)  # fmt: skip
"""What a message is called before it is raised."""
_RETURNED: Final = frozenset(
    {
        "appeals/forms.py", "appeals/machine.py", "appeals/machines/case.py", "scanner/restrictions.py", "scanner/evidence.py",
        "scanner/routing.py", "scanner/rights.py", "scanner/catalogue_csv.py", "scanner/declarations.py",
        "scanner/problems.py", "scanner/audio/decoding.py", "scanner/reference_lyrics.py",
        "appeals/disputes.py",
    }
)  # fmt: skip
"""Files whose functions return messages."""
ELSEWHERE: Final = re.compile(
    r"""(watermark|policy)/|generator/(engines/|kept_takes|rendering|prompts/|takes|training)
    |fingerprint/(?!extraction)
    |appeals/(columns|deadlines|eu_database|measures|shares|standing|statements|strike_policy)
    |scanner/(cli|backup|bus/(?!dead_letters)|shards|speech|streams|migrations|routes/(?!notice_pages)|tables|schemas/appeals)
    |scanner/(transparency/[pct]|settings|upkeep|signed_lines|merkle|secret|watermark_keys|checkpoint|certificates)
    |scanner/privacy/(registry|sweeper|person_keys|personal|export|erasure|reports)
    |scanner/(sharing|banks|sentences|stability|strict_json|drift|installation|licens|mark_schemas|source_audio|sweep|rollouts|audit)
    |scanner/(engine_child|guarded_http|rescans|mail|live_|badge|error_rates|precheck|inline|effects|database|api\.py)
    |scanner/(byte_ranges|tenant_sizes|manifests|takes\.py|cursors|dmca_agent|alarms|idempotency|decision_replays)
    |scanner/(dashboards|objections\.py|pack_checks|claims\.py|claim_letters|reconsideration|analysis\.py|pipeline|admission)
    |scanner/audio/(manifest_work|live)|scanner/console/(identity_provider|sign_ins|alignment|rendering)""",
    re.VERBOSE,
)
"""What only programs, operators and logs meet, or no error; the pages of a pack of rules quote its file."""


OMITTED: Final = frozenset(
    {
        "decode failed", "decoder broke", "nobody would sign", "the decoder can't decode silence: %(report)s", "log in first",
        "takes are made here, and cleared like any upload", "text/plain; charset=utf-8", "no words are set here: ",
        "a small mixed ensemble", "nobody plays a melody", "the notes of the MIDI given are kept", "usual for %(genre)s", "melody_midi: %(why)s", "the file went to the store", "the report and the samples differ", "%(encoder)s encodes no audio",
        "the store must be a folder or s3://bucket/prefix", "bad tenant %(tenant)s", "the blob was committed or given up already",
        "Nobody on the staff may decide this case: all who could have decided it before. An administrator adds somebody, or appoints one of them.",
        "Nobody on the staff may decide this case, on which two appeals officers must agree. An administrator adds an appeals officer.",

        "bars win over seconds: %(bars)s bars last %(bars2)s s", "the appeal against its block was granted",
        "an appeal against its block was granted in part",
    }
)  # fmt: skip
"""Found by their form, and no message of an error to anybody."""


PYDANTIC: Final = frozenset(
    {
        "missing", "extra_forbidden", "none_required", "greater_than", "greater_than_equal", "less_than", "less_than_equal",
        "multiple_of", "finite_number", "too_short", "too_long", "string_type", "string_too_short", "string_too_long",
        "string_pattern_mismatch", "literal_error", "enum", "model_type", "dict_type", "list_type", "tuple_type",
        "bool_type", "bool_parsing", "int_type", "int_parsing", "int_parsing_size", "int_from_float", "float_type",
        "float_parsing", "date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact",
        "time_type", "time_parsing", "datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware",
        "decimal_parsing", "decimal_max_digits", "decimal_max_places", "decimal_whole_digits", "url_parsing", "url_scheme",
    }
)  # fmt: skip
"""Types of pydantic's errors that what people send can have."""


def collected() -> set[str]:
    """Every message of an error that may reach people, pydantic's among them."""
    return _own() | {
        re.sub(r"\{(\w+)\}", r"%(\1)s", told)
        for each in list_all_errors()
        if each["type"] in PYDANTIC
        for told in (each["message_template_python"], each.get("message_template_json"))
        if told
    }


def missing_things() -> set[str]:
    """What is said not to be there, by the source."""
    return {
        node.args[0].value
        for path in _files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "NotFoundError"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def untold() -> set[str]:
    """Messages of the service that have values, and do not bring their template."""
    return {
        told
        for path in _files()
        if path.is_relative_to(ROOT / "scanner")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for part in _parts(node, returned=False)
        for text in strings(part)
        if isinstance(text, ast.JoinedStr) and _is_message(told := template_of(text))
    } - OMITTED


def _own() -> set[str]:
    return {template for path in _files() for template in templates(path)} - OMITTED


def _files() -> Iterator[Path]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if not ELSEWHERE.match(path.relative_to(ROOT).as_posix()):
                yield path


def templates(path: Path) -> Iterator[str]:
    """Messages of a file: what errors are made of, ``detail`` of dictionaries, and what is put into such names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for part in _parts(node, returned=path.relative_to(ROOT).as_posix() in _RETURNED):
            yield from _texts(part)


def _parts(node: ast.AST, *, returned: bool) -> Iterable[ast.expr]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if (
            _SAYING.search(name) or name in _SAYERS
        ):
            return [*node.args, *(each.value for each in node.keywords if each.arg != "headers")]
        case ast.Dict():
            return [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "detail"
            ]
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ) if name in _NAMES and _is_text(value):
            return [value]
        case ast.Return(value=ast.expr() as value) if returned and _is_text(value):
            return [value]
    return []


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.Constant | ast.IfExp | ast.BinOp)


def _texts(node: ast.expr) -> Iterator[str]:
    for text in strings(node):
        told = template_of(text) if isinstance(text, ast.JoinedStr) else str(text.value)
        if _is_message(told):
            yield told


def _is_message(told: str) -> bool:
    """Tell a message from a name, an address or a shape: it has words of its own, with blanks between."""
    return (
        " " in told.strip() and re.search(r"[a-z]{2}", re.sub(r"%\(\w+\)s", "", told)) is not None
    )


def strings(node: ast.expr) -> Iterator[ast.JoinedStr | ast.Constant]:
    """Return the texts of which an expression makes one."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield node
        case ast.IfExp():
            yield from strings(node.body)
            yield from strings(node.orelse)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from strings(left)
            yield from strings(right)
        case ast.List() | ast.Tuple():
            for each in node.elts:
                yield from strings(each)


def template_of(text: ast.JoinedStr) -> str:
    """Return an f-string as a template, its values named by what they are."""
    names = list[str]()
    told = ""
    for part in text.values:
        if isinstance(part, ast.Constant):
            told += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            name = name_of(part.value)
            count = sum(re.fullmatch(rf"{name}\d*", each) is not None for each in names)
            names.append(f"{name}{count + 1}" if count else name)
            told += f"%({names[-1]})s"
    return told


def name_of(value: ast.expr) -> str:
    """Return what a value is called in a template: its last name, in small letters."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower().strip("_")
        case ast.Call(func=ast.Attribute(attr="join"), args=[first]):
            return name_of(first)
        case ast.Call(args=[first, *_]):
            return name_of(first)
        case ast.Call(func=ast.Attribute(value=owner)) | ast.Subscript(value=owner):
            return name_of(owner)
        case ast.BinOp(left=left, right=right):
            return name_of(left) if not isinstance(left, ast.Constant) else name_of(right)
        case ast.BoolOp(values=[first, *_]):
            return name_of(first)
        case ast.IfExp(body=body):
            return name_of(body)
        case ast.GeneratorExp(elt=elt):
            return name_of(elt)
    return "value"
