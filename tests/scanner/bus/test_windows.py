"""What a consumer has read: begun when due, acknowledged without a hole."""

from types import SimpleNamespace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scanner.bus.windows import Waiting, Window


class WindowModel(RuleBasedStateMachine):
    """Any order of reading, beginning, finishing and failing."""

    in_order = True

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(self.in_order)
        self.read: list[Waiting] = []
        self.committed = 0
        self.now = 0.0
        self.begun: list[int] = []

    @rule(delays=st.lists(st.integers(0, 5), min_size=1, max_size=4))
    def more_is_read(self, delays: list[int]) -> None:
        new = [
            Waiting(SimpleNamespace(offset=len(self.read) + n), self.now + delay)
            for n, delay in enumerate(delays)
        ]
        self.read += new
        self.window.extend(new)

    @rule(seconds=st.integers(1, 6))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def one_begins(self) -> None:
        entry = self.window.next_due(self.now)
        if entry is not None:
            assert entry.due <= self.now
            entry.running = True
            self.begun.append(entry.record.offset)

    @rule(n=st.integers(0, 9), works=st.booleans())
    def one_ends(self, n: int, works: bool) -> None:
        running = [entry for entry in self.read if entry.running]
        if running:
            entry = running[n % len(running)]
            entry.running, entry.done = False, works
            entry.due = self.now if works else self.now + 1
            offset = self.window.acknowledge()
            self.committed = self.committed if offset is None else offset

    @invariant()
    def what_may_not_begin_yet_is_waited_for(self) -> None:
        due = self.window.earliest_due()
        assert due is None or (due <= self.now) == (self.window.next_due(self.now) is not None)

    @invariant()
    def only_what_is_done_is_acknowledged(self) -> None:
        assert all(entry.done for entry in self.read[: self.committed])
        assert len(self.window) == sum(not entry.done for entry in self.read)
        if self.committed < len(self.read):
            assert not self.read[self.committed].done

    @invariant()
    def the_order_is_kept_where_it_matters(self) -> None:
        if self.in_order:
            assert self.begun == sorted(self.begun)

    def teardown(self) -> None:
        """In the end everything can be dealt with."""
        self.now += 100
        for entry in self.read:
            entry.running = False
        while (entry := self.window.next_due(self.now)) is not None:
            entry.done = True
            self.committed = self.window.acknowledge() or self.committed
        assert self.committed == len(self.read)


class RetryWindowModel(WindowModel):
    """The same on a topic where each record waits for its own time."""

    in_order = False


TestInOrder = WindowModel.TestCase
TestEachInItsTime = RetryWindowModel.TestCase
