"""What shards leave in a run folder, and the rows and albums that come of it when all are there."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from bench.adversarial import joined, read_album
from bench.attacks import AttackSpec
from bench.conditions import Clean, Condition, Minimised, Reading
from bench.errors import BadInput
from bench.judge import Outcome
from bench.results import Row, store, to_row, write_json
from bench.rows import measured
from bench.shards import WHOLE, Shard

Cell = tuple[str, str, str]  # key, epoch, view


@dataclass(frozen=True, eq=False)
class Part:
    """What one shard has found of a cell."""

    row: Row  # of the cell, its value still this shard's
    n: int  # images of the whole
    shard: Shard
    outcome: Outcome  # of this shard's images

    @property
    def cell(self) -> Cell:
        return self.row.key, self.row.epoch, self.row.view

    @property
    def name(self) -> str:
        """Of its file."""
        return f"part-{'-'.join(self.cell)}{self.shard.suffix}.json"

    def write(self, folder: Path) -> None:
        record = asdict(self) | {"row": {k: "" if v is None else str(v) for k, v in asdict(self.row).items()}}
        record["outcome"]["right"] = self.outcome.right.astype(int).tolist()
        write_json(folder / self.name, record)


def read_part(path: Path) -> Part:
    """BadInput where the file is damaged."""
    try:
        record = json.loads(path.read_text())
        outcome = Outcome(**record["outcome"] | {"right": np.array(record["outcome"]["right"], bool)})
        return Part(to_row(record["row"]), record["n"], Shard(**record["shard"]), outcome)
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} cannot be read ({error}); delete it and judge its shard again") from error


def read_parts(folder: Path) -> list[Part]:
    """All of a run folder, in the order of their images."""
    parts = [read_part(path) for path in sorted(folder.glob("part-*.json"))]
    return sorted(parts, key=lambda part: (part.cell, part.shard.count, part.shard.index))


def album_path(folder: Path, key: str, shard: Shard = WHOLE) -> Path:
    """Where the adversarial images of a cell are kept, or a shard's share of them."""
    return folder / f"adversarial-{key}{shard.suffix}.npz"


def gather(parts: Iterable[Part]) -> list[list[Part]]:
    """The parts that belong together: of one cell, cut into the same shards."""
    groups: dict[tuple[Cell, int], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.cell, part.shard.count), []).append(part)
    return list(groups.values())


def complete(parts: list[Part]) -> bool:
    """Whether no shard is lacking."""
    return len(parts) == parts[0].shard.count


def whole(parts: list[Part]) -> tuple[Row, Outcome]:
    """The row and the outcome of a cell, from all of its parts in order."""
    outcomes, row, n = [part.outcome for part in parts], parts[0].row, parts[0].n
    doubts: dict[str, int] = {}
    for reason, images in (doubt for o in outcomes for doubt in o.doubts.items()):
        doubts[reason] = doubts.get(reason, 0) + images
    outcome = Outcome(
        right=np.concatenate([o.right for o in outcomes]),
        doubts=doubts,
        values=[value for o in outcomes for value in o.values],
        **{name: sum(getattr(o, name) for o in outcomes) for name in ("done", "seen", "forwards", "backwards")},
        seconds=sum(o.seconds for o in outcomes),
    )
    reading: list[Reading] = [reading for reading in get_args(Reading) if reading == row.metric]
    condition: Condition = Minimised(AttackSpec(row.name, ()), reading[0]) if reading else Clean()
    value, low, high, images = measured(condition, outcome, n)
    return replace(
        row,
        value=value,
        ci_low=low,
        ci_high=high,
        n=images,
        forwards=outcome.forwards / outcome.seen,
        backwards=outcome.backwards / outcome.seen,
        seconds=outcome.seconds,
        verdict=outcome.verdict,
    ), outcome


def assemble(folder: Path) -> None:
    """Make rows and albums of the cells that have all their parts."""
    for parts in gather(read_parts(folder)):
        if complete(parts):
            row, outcome = whole(parts)
            store(folder, row, outcome.right)
            for part in parts:
                (folder / part.name).unlink()
    join_albums(folder)


def lacking(folder: Path) -> list[str]:
    """The cells that have some of their parts, and which shards they lack, a line each."""
    lines = []
    for parts in gather(read_parts(folder)):
        row, count, there = parts[0].row, parts[0].shard.count, {part.shard.index for part in parts}
        shards = ", ".join(f"{i}/{count}" for i in range(1, count + 1) if i not in there)
        severity = "" if row.severity is None else f" {row.severity}"
        what = f"{row.name}{severity} {row.norm} {f'{row.eps:.4g}' if row.metric == 'accuracy' else row.metric}"
        lines.append(f"{row.run} {row.epoch} {row.view}, {what}: lacks shards {shards}")
    return lines


def join_albums(folder: Path) -> None:
    """Make one album of the shards' of a cell, where all are there."""
    for first in sorted(folder.glob("adversarial-*-1of*.npz")):
        key, count = first.stem.split("-")[1], int(first.stem.rpartition("of")[2])
        paths = [album_path(folder, key, Shard(index, count)) for index in range(1, count + 1)]
        if all(path.exists() for path in paths):
            if not album_path(folder, key).exists():
                albums, abouts = zip(*(read_album(path) for path in paths), strict=True)
                joined(albums).write(album_path(folder, key), abouts[0])
            for path in paths:
                path.unlink()
