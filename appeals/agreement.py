"""How far two reviewers agree, beyond what chance alone would give: Cohen's kappa."""

from collections import Counter
from collections.abc import Hashable, Iterable


def kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> float | None:
    r"""Cohen's kappa of two raters over the same items.

    With :math:`p_o` the share of items on which both say the same, and :math:`p_e` the share that chance
    gives from how often each says what, :math:`\kappa = (p_o - p_e) / (1 - p_e)`.

    Parameters
    ----------
    pairs : iterable of (label, label)
        What the first and the second rater said of each item.

    Returns
    -------
    float or None
        1: they agree on all; 0: no more than by chance; below: less. None where it is not defined: no
        items, or both said one and the same of all of them.

    References
    ----------
    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement
    20 (1), 1960.
    """
    said = list(pairs)
    if not said:
        return None
    total = len(said)
    first, second = (Counter(each[side] for each in said) for side in (0, 1))
    by_chance = sum(first[label] * second[label] for label in first) / total**2
    if by_chance == 1:
        return None
    observed = sum(one == other for one, other in said) / total
    return (observed - by_chance) / (1 - by_chance)
