"""A run folder's rows and outcomes, read once and added to. See `bench.training.run_folder.locked` for who may add."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.files import Bits, write_atomically, write_csv
from bench.results.added import added_files, next_number, write_added
from bench.results.row import COLUMNS, CellId, Row
from bench.results.store import read_run


class RunFolder:
    """What a run folder holds, read when it is first asked for; BadInput then, as of `read_run`.

    Adding a cell writes one small file and reads nothing, so that its cost does not grow with the folder. `fold` then
    writes results.csv and outcomes.npz. To read is safe at any time; to add and to fold, only with the folder's lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = 0  # of the file that was added last

    @cached_property
    def _stored(self) -> tuple[dict[CellId, Row], dict[str, Bits]]:
        rows, outcomes = read_run(self.path)
        return {row.cell: row for row in rows}, outcomes

    @property
    def rows(self) -> list[Row]:
        """The older ones first."""
        return list(self._stored[0].values())

    @property
    def outcomes(self) -> dict[str, Bits]:
        """Which images the model got right, (n,) bool in test order, by the key of the row."""
        return self._stored[1]

    def find(self, key: str) -> Row | None:
        """The first row with this key that has a number and the outcomes of its images."""
        if key not in self.outcomes:
            return None
        return next((row for row in self._stored[0].values() if row.key == key and row.status == "ok"), None)

    def add(self, row: Row, bits: Bits | None, twins: Sequence[Row] = ()) -> None:
        """Store one measurement, in the place of an older one of the same model with the same key.

        twins: rows of models with the same weights, which have the same key and outcomes, and are stored with it.
        bits: as in `outcomes`; None where the cell failed, or they are stored under this key already.
        """
        self._number = max(self._number + 1, next_number(self.path) if not self._number else 0)
        write_added(self.path, self._number, (row, *twins), bits)
        if "_stored" in vars(self):
            rows, outcomes = self._stored
            for new in (row, *twins):
                rows.pop(new.cell, None)  # so that the new one is the last
                rows[new.cell] = new
            if bits is not None:
                outcomes[row.key] = bits

    def fold(self) -> None:
        """Write all to results.csv and outcomes.npz, and delete the small files of what was added.

        These win over the other two until they are gone, so whenever this is cut short, nothing is lost or mixed up.
        """
        added = added_files(self.path)
        if not added:
            return
        loaded = "_stored" in vars(self)
        rows, outcomes = (self.rows, self.outcomes) if loaded else read_run(self.path, compare=False)
        content: dict[str, Any] = outcomes  # Any: savez has keywords of other types
        if outcomes:
            write_atomically(self.path / "outcomes.npz", lambda file: np.savez_compressed(file, **content))
        write_csv(self.path / "results.csv", COLUMNS, [asdict(row) for row in rows])
        for path in added:  # the oldest first: what takes the place of another goes after it
            path.unlink()
