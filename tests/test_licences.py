"""What the program needs to run may be given on with it: no package under the GPL is among it."""

from importlib import metadata
from importlib.metadata import Distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = frozenset({"milvus", "scores"})
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT"),
    *("MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib"),
    *("LGPL-2.1-or-later", "LGPL-3.0-only"),  # imported as they are, and replaceable
}
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
TEXTS = {"3-Clause BSD License": "BSD-3-Clause", "Apache Software License 2.0": "Apache-2.0"}


def may_be_given_on(expression: str) -> bool:
    """Whether an SPDX expression without nested brackets allows it, by one of its alternatives."""
    return any(
        all(
            part.strip(" ()").removesuffix(" WITH LLVM-exception") in ALLOWED
            for part in one.split(" AND ")
        )
        for one in expression.split(" OR ")
    )


def licence(distribution: Distribution) -> str:
    """What a package says of its licence, as SPDX where it says it as a classifier."""
    about = distribution.metadata
    if expression := about.get("License-Expression"):
        return expression
    said = [
        each.rpartition(" :: ")[2]
        for each in about.get_all("Classifier") or []
        if each.startswith("License :: ")
    ]
    if known := [CLASSIFIERS[each] for each in said if each in CLASSIFIERS]:
        return " OR ".join(known)
    return TEXTS.get(text := about.get("License") or "", text)


def needed(name: str, extras: frozenset[str], found: dict[str, Distribution]) -> None:
    """Collect a package and, as far as they are for this platform, what it needs."""
    distribution = found[canonicalize_name(name)] = metadata.distribution(name)
    for each in map(Requirement, distribution.requires or []):
        markers = [{"extra": extra} for extra in extras or {""}]
        if each.marker is not None and not any(each.marker.evaluate(one) for one in markers):
            continue
        if canonicalize_name(each.name) not in found:
            needed(each.name, frozenset(each.extras), found)


def test_every_package_that_runs_may_be_given_on() -> None:
    found: dict[str, Distribution] = {}
    needed("clearance", EXTRAS, found)

    said = {name: licence(each) for name, each in found.items()}

    assert {"fastapi", "psycopg", "pymilvus", "torch"} <= set(said)
    assert {name: each for name, each in said.items() if not may_be_given_on(each)} == {}


@pytest.mark.parametrize(
    "expression",
    ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "AGPL-3.0-only OR LicenseRef-Commercial", "", "?"],
)
def test_what_may_not_be_given_on_is_told(expression: str) -> None:
    assert not may_be_given_on(expression)


def test_one_of_two_licences_is_enough() -> None:
    assert may_be_given_on("GPL-3.0-only OR MIT")
    assert may_be_given_on("Apache-2.0 AND (Apache-2.0 WITH LLVM-exception)")
