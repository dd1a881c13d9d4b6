"""Who listens to what: the consumer groups of the pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanner.journal import Event

if TYPE_CHECKING:
    from scanner.service import Service

Handle = Callable[["Service", Event], None]
GaveUp = Callable[["Service", Event, str], None]


@dataclass(frozen=True)
class Group:
    """A consumer group: its handlers by event type.

    A handler does its slow work outside any transaction and commits its effect inside
    `scanner.bus.dispatch.once`, which writes the mark *handled* in the same transaction.

    Parameters
    ----------
    name : str
        The stage's name, ``--stage`` of the command line and the Kafka group id.
    topics : tuple of str
        Topics that hold the handled types.
    handlers : mapping of event type to handler
    gave_up : callable, optional
        Called once, when an event of this group went to the dead letters.
    replays : mapping of event type to handler
        Called when such an event, of which the group was told, is replayed: what giving up has
        ended begins anew. An event of another type is delivered again under its old id.
    """

    name: str
    topics: tuple[str, ...]
    handlers: Mapping[str, Handle] = field(repr=False)
    gave_up: GaveUp | None = field(default=None, repr=False)
    replays: Mapping[str, Handle] = field(default_factory=dict, repr=False)
