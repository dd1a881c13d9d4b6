"""Variations of a take: locked stems stay to the sample, the rest is made anew."""

from collections.abc import Iterable

from generator.engines import engine
from generator.request import SEEDS, request_of
from generator.takes import Take


def vary(
    take: Take,
    keep: Iterable[str] = (),
    *,
    keep_bars: Iterable[int] = (),
    amount: float = 1.0,
    seed: int | None = None,
) -> Take:
    """A child of a take.

    Parameters
    ----------
    take : Take
    keep : iterable of str
        Stems that stay, sample for sample before mastering.
    keep_bars : iterable of int
        Bars, from 0, whose notes stay in every stem. Their sound may differ where a note before rings on.
    amount : float
        Share of the phrases of every other stem that are made anew; from 0.75 on, where nothing is
        kept, the chords too.
    seed : int, optional
        The next of the parent's if not given.

    Raises
    ------
    InvalidRequestError
        If there is no such stem or bar, or the amount or seed can't be.
    """
    request = take.request.model_copy(
        update={
            "parent": take.id,
            "locked": tuple(sorted(keep)),
            "locked_bars": tuple(sorted(keep_bars)),
            "amount": amount,
            "seed": (take.request.seed + 1) % SEEDS if seed is None else seed,
        }
    )
    return engine(take.engine).generate(request_of(request.model_dump()), take)
