"""Kills a process again and again while it stores cells; another reads the folder meanwhile and checks what it sees.

`python store_until_killed.py FOLDER` prints the number of kills and of reads as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from result_files import ROW

from bench.core.files import Bits
from bench.core.stats import wilson
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.store import read_run

CELLS, IMAGES = 40, 1000


def cells() -> Iterator[tuple[Row, Bits, list[Row]]]:
    """Rows, outcomes and rows of further models with the same weights, in the order in which they are stored.

    Every third of the 40 cells is measured a second time.
    """
    for index in range(CELLS):
        for version in range(2 if index % 3 == 0 else 1):
            bits = np.random.default_rng([index, version]).random(IMAGES) < 0.6
            low, high = wilson(int(bits.sum()), IMAGES)
            row = replace(ROW, key=f"{index:016x}", n=IMAGES, value=float(bits.mean()), ci_low=low, ci_high=high)
            row = replace(row, seconds=float(version))
            yield row, bits, [replace(row, epoch="best")] if index % 2 else []


def work(folder: Path, stop: int) -> None:
    """Store the cells that the folder lacks, and merge added files after every ninth.

    stop: the process is killed at this many calls of fsync and renames.
    """
    run, left, sync, rename = RunFolder(folder), stop, os.fsync, os.replace

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = lambda file: (count(), sync(file))[1]  # type: ignore[assignment]
    os.replace = lambda one, two: (count(), rename(one, two), count())[1]  # type: ignore[assignment]
    there = {row.key: row.seconds or 0.0 for row in run.rows}
    for place, (row, bits, same_key_rows) in enumerate(cells()):
        if there.get(row.key, -1.0) < (row.seconds or 0.0):
            run.add(row, bits, same_key_rows)
        if place % 9 == 8:
            run.merge_added()
    run.merge_added()


def main(folder: Path) -> None:
    """Start `work` until it ends by itself; assert that every read sees true outcomes and never fewer rows."""
    draw, kills, reads = random.Random(0), 0, 0
    true = {(row.key, row.seconds): bits for row, bits, _ in cells()}
    while True:
        child = os.fork()
        if not child:
            work(folder, draw.randrange(1, 30))
            os._exit(0)
        before = 0
        while True:  # reads while the child writes, and once after it ended
            ended, status = os.waitpid(child, os.WNOHANG)
            rows, outcomes = read_run(folder)
            assert all(np.array_equal(outcomes[row.key], true[row.key, row.seconds]) for row in rows)
            assert len(rows) >= before, "a row was there, and is not any more"
            before, reads = len(rows), reads + 1
            if ended:
                break
            time.sleep(0.001)
        if not os.WIFSIGNALED(status):
            assert status == 0
            break
        kills += 1
    print(json.dumps({"kills": kills, "reads": reads}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
