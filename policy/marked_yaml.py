"""YAML as packs use it: plain data, no surprises, and the line of everything.

Booleans are ``true`` and ``false`` only, so that ``NO`` stays Norway. Keys given twice are errors,
and so are anchors, which can make a small file a very large one.
"""

from typing import Any

import yaml

Place = tuple[str | int, ...]
Lines = dict[Place, int]


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows no dates and, of booleans, true and false only."""


class _QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C, which lists in lists in lists from a stranger would bring down."""


_QuickLoader.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        or (tag.endswith("bool") and first in "tf")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_marked(text: str, *, ours: bool = False) -> tuple[Any, Lines]:
    """Read YAML and where everything in it stands.

    Parameters
    ----------
    ours : bool
        It came with the program: a parser reads it that is eight times as fast, and not for strangers' texts.

    Returns
    -------
    object
        The data.
    dict
        Line, counted from 1, of each thing by its place: ``("rules", 0, "when")``.

    Raises
    ------
    yaml.YAMLError
        If it is not YAML, gives a key twice, or uses anchors.
    """
    loader = _QuickLoader(text) if ours else _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise yaml.MarkedYAMLError(problem="it is empty")
        lines: Lines = {}
        return _read(loader, node, (), lines, set()), lines
    finally:
        loader.dispose()


def _read(loader: Any, node: yaml.Node, at: Place, lines: Lines, met: set[int]) -> Any:
    if id(node) in met:
        raise yaml.MarkedYAMLError(
            problem="it uses an anchor, which packs do not", problem_mark=node.start_mark
        )
    met.add(id(node))
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key in data:
                what = "a key is not a word" if key is None else f"the key '{key}' is given twice"
                raise yaml.MarkedYAMLError(problem=what, problem_mark=key_node.start_mark)
            lines[(*at, key)] = key_node.start_mark.line + 1
            data[key] = _read(loader, value_node, (*at, key), lines, met)
        return data
    if isinstance(node, yaml.SequenceNode):
        return [_read(loader, item, (*at, n), lines, met) for n, item in enumerate(node.value)]
    return loader.construct_object(node)
