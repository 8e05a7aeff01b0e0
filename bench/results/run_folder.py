"""Rows and outcomes of a run folder: read once, then appended to inside `training.run_folder.lock_folder`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
    """The rows and outcomes of a run folder, read at the first access, which raises BadInput as `read_run` does.

    `add` writes one small file and reads nothing, so that its cost does not grow with the folder; `merge_added` merges
    these files into results.csv and outcomes.npz. Reading is safe at any time; `add` and `merge_added` need the lock.

    Args:
        path: the run folder.
        lock: makes the lock of the folder, where processes of other shards change it too; None if this process has it.
    """

    def __init__(self, path: Path, lock: Callable[[], AbstractContextManager[object]] | None = None) -> None:
        self.path = path
        self._lock = lock
        self._number = 0  # in the name of the last file that was added

    @contextmanager
    def hold_lock(self) -> Iterator[None]:
        """Inside the block no other process changes the folder, and what others have changed before it is read."""
        if self._lock is None:
            yield
            return
        with self._lock():
            vars(self).pop("_stored", None)
            self._number = 0
            yield

    @cached_property
    def _stored(self) -> tuple[dict[CellId, Row], dict[str, Bits]]:
        rows, outcomes = read_run(self.path)
        return {row.cell: row for row in rows}, outcomes

    @property
    def rows(self) -> list[Row]:
        """All rows, the oldest first."""
        return list(self._stored[0].values())

    @property
    def outcomes(self) -> dict[str, Bits]:
        """Which images the model got right, (n,) bool in test order, by the key of the row."""
        return self._stored[1]

    def find(self, key: str) -> Row | None:
        """The first row with this key that did not fail and whose outcomes are stored; None if there is none."""
        if key not in self.outcomes:
            return None
        return next((row for row in self._stored[0].values() if row.key == key and row.status == "ok"), None)

    def add(self, row: Row, bits: Bits | None, same_key_rows: Sequence[Row] = ()) -> None:
        """Store one measurement; it replaces an older one of the same cell.

        Args:
            row: the measurement.
            bits: (n,) bool as in `outcomes`; None if the cell failed, or if they are stored under this key already.
            same_key_rows: rows of other epochs or views with the same weights, and so the same key and outcomes.
        """
        with self.hold_lock():
            self._number = max(self._number + 1, next_number(self.path) if not self._number else 0)
            write_added(self.path, self._number, (row, *same_key_rows), bits)
            if "_stored" in vars(self):
                rows, outcomes = self._stored
                for new in (row, *same_key_rows):
                    rows.pop(new.cell, None)  # so that the new row comes last
                    rows[new.cell] = new
                if bits is not None:
                    outcomes[row.key] = bits

    def merge_added(self) -> None:
        """Merge the files of added cells into results.csv and outcomes.npz, and delete them.

        Readers prefer an added file to the other two until it is deleted, so that no kill at any point loses a cell.
        """
        with self.hold_lock():
            added = added_files(self.path)
            if not added:
                return
            loaded = "_stored" in vars(self)
            rows, outcomes = (self.rows, self.outcomes) if loaded else read_run(self.path, compare=False)
            content: dict[str, Any] = outcomes  # Any: savez has keywords of other types
            if outcomes:
                write_atomically(self.path / "outcomes.npz", lambda file: np.savez_compressed(file, **content))
            write_csv(self.path / "results.csv", COLUMNS, [asdict(row) for row in rows])
            for path in added:  # the oldest first, as a later file replaces cells of an earlier one
                path.unlink()
