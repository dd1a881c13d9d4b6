"""The seam between the two transports."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from scanner.bus.groups import Group
from scanner.bus.relay import Publisher
from scanner.journal import Event

if TYPE_CHECKING:
    from scanner.service import Service


class Transport(Publisher, Protocol):
    """Publishes sealed events and runs groups over them."""

    def consume(self, group: Group, stopping: Callable[[], bool], worker: str) -> None:
        """Handle the group's events in this thread until told to stop; finish what was begun."""

    def side_jobs(self, stopping: Callable[[], bool]) -> Sequence[tuple[str, Callable[[], None]]]:
        """Return what else a worker must run for this transport, by name."""

    def redeliver(self, group: str, event: Event) -> None:
        """Bring an event to one group again, under its old id."""

    def settled(self, group: str) -> int | None:
        """Return up to which position of the seals the group has handled every event.

        None: this transport keeps each subject's events in order by itself.
        """

    def depth(self, group: str) -> int:
        """Return how many events wait for a group."""

    def check(self) -> None:
        """Raise ``TransientError`` if the bus can't be reached."""


def open_transport(service: "Service") -> AbstractContextManager[Transport]:
    """Return the transport that the settings ask for."""
    if service.settings.kafka:
        from scanner.bus.kafka import KafkaTransport

        return KafkaTransport(service)
    from scanner.bus.embedded import EmbeddedTransport

    return EmbeddedTransport(service)
