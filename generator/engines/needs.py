"""What engines of others need, and what is said where it is missing."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from generator.engines import Access
from generator.errors import MissingPartError


def need_extra(name: str, module: str, extra: str) -> None:
    """Raise :class:`MissingPartError` unless a module is installed."""
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise MissingPartError(f"{name} needs {module}: install the extra `{extra}`")


def needed_key(name: str, access: Access) -> str:
    """The account's key."""
    if not access.key:
        raise MissingPartError(f"{name} needs a key of an account: give one as `Access.key`")
    return access.key


def needed_weights(name: str, access: Access, index: str) -> Path:
    """The folder of a model's weights, with the file that says what it is."""
    if access.weights is None:
        raise MissingPartError(
            f"{name} needs weights: give their folder as `Access.weights`; nothing is fetched"
        )
    if not (access.weights / index).is_file():
        raise MissingPartError(
            f"{name}: {access.weights} holds no {index}: name the model's folder"
        )
    return access.weights


def version_of(weights: Path) -> str:
    """A name for weights: the folder's, and a digest of all settings and of every file's name and size."""
    digest = hashlib.sha256()
    for path in sorted(each for each in weights.rglob("*") if each.is_file()):
        digest.update(f"{path.relative_to(weights)}:{path.stat().st_size};".encode())
        if path.suffix == ".json":
            digest.update(path.read_bytes())
    return f"{weights.name}-{digest.hexdigest()[:12]}"
