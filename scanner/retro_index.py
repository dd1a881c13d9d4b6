"""Small indexes of new references, which stored tracks are compared with.

Each process has its own, in folders that nobody else reads, writes or removes: an index whose files
are gone finds nothing, and says so to nobody. What a killed process leaves is swept from the
temporary folder after a day without use (`scanner/temporary.py`).
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlmodel import col, select

import fingerprint
from scanner.catalogue import Catalogue
from scanner.database import Database
from scanner.reference_states import Status
from scanner.tables import Reference, RetroSweep

KEPT: Final = 4
"""Sweeps, each another tenant's, whose indexes a process keeps at most."""
PREFIX: Final = "retro-"


class RetroIndexes:
    """The indexes of one process.

    Parameters
    ----------
    folder : Path
        The temporary folder.
    """

    def __init__(self, database: Database, catalogue: Catalogue, folder: Path) -> None:
        self._database = database
        self._catalogue = catalogue
        self._folder = folder
        self._kept: OrderedDict[str, tuple[TemporaryDirectory[str], fingerprint.SegmentIndex]] = (
            OrderedDict()
        )
        self._guard = threading.Lock()

    @contextmanager
    def of_sweep(self, sweep: RetroSweep) -> Iterator[fingerprint.SegmentIndex]:
        """Give a sweep's index, made by whoever comes first and kept until :meth:`forget`.

        Raises
        ------
        TransientError
            If a reference can't be read: a sweep is tried again, it does not go on without it.
        """
        with self._guard:
            if not self._in_use(sweep.id):
                self._kept[sweep.id] = self._made(sweep.tenant_id, sweep.reference_ids)
            self._kept.move_to_end(sweep.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1][0].cleanup()
            yield self._kept[sweep.id][1]

    @contextmanager
    def of(self, tenant_id: str, ids: Collection[str]) -> Iterator[fingerprint.SegmentIndex]:
        """Make an index of some references for once; raises as :meth:`of_sweep`."""
        folder, index = self._made(tenant_id, ids)
        with folder:
            yield index

    def forget(self, sweep_id: str) -> None:
        """Remove the index of a sweep that ended."""
        with self._guard:
            if sweep_id in self._kept:
                self._kept.pop(sweep_id)[0].cleanup()

    def close(self) -> None:
        """Remove every index."""
        for sweep_id in list(self._kept):
            self.forget(sweep_id)

    def _in_use(self, sweep_id: str) -> bool:
        """Keep a sweep's folder from being swept; say whether there is one.

        A process that pauses for a day, as a suspended machine's does, finds its folder swept.
        """
        if sweep_id not in self._kept:
            return False
        try:
            os.utime(self._kept[sweep_id][0].name)
        except FileNotFoundError:
            self._kept.pop(sweep_id)[0].cleanup()
            return False
        return True

    def _made(
        self, tenant_id: str, ids: Collection[str]
    ) -> tuple[TemporaryDirectory[str], fingerprint.SegmentIndex]:
        with self._database.reading() as session:
            rows = session.exec(
                select(Reference).where(
                    Reference.tenant_id == tenant_id,
                    Reference.status == Status.ACTIVE,
                    col(Reference.id).in_(ids),
                )
            ).all()
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=PREFIX, dir=self._folder)
        try:
            index = fingerprint.SegmentIndex(Path(folder.name))
            index.apply(((row.id, self._catalogue.print_of(row)) for row in rows), (), 1)
        except BaseException:
            folder.cleanup()
            raise
        return folder, index
