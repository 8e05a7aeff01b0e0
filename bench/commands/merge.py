"""`bench merge`: join results folders of shards, hosts or labs. Nothing is written unless all of it fits together."""

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.core.files import Bits, is_run, require_inside, write_atomically
from bench.core.options import is_option
from bench.core.plan import Plan
from bench.models.checkpoint import FILES
from bench.results.row import CellId, Row
from bench.results.store import read_job, read_outcomes, read_rows, rows_at_home
from bench.results.survey import run_folders
from bench.runner.shard_albums import album_path
from bench.runner.shard_results import ShardResult, assemble, block_of, missing_shards, read_parts
from bench.training.run_folder import MEASURED, TRAINED, lock_folder, own_files, status

DEFAULT_PLAN = {f.name: f.default for f in fields(Plan) if is_option(f)}  # which older runs do not state
REMEDY = "one of them has to be made again, or left out"
CIRCUMSTANCES = {"environment", "seconds", "peak_mib", "spec", "status"}  # of job.json: may differ for the same run
ADDED = "weights"  # to job.json by the first run that finds none there, so that one folder may have it alone


def settings_of(folder: Path) -> dict[str, object]:
    """What job.json says of the run itself; settings that it was written before are at their defaults."""
    describe_cell = {name: value for name, value in read_job(folder).items() if name not in CIRCUMSTANCES}
    if isinstance(plan := describe_cell.get("plan"), dict):
        describe_cell |= {"plan": {**DEFAULT_PLAN, **plan}, "threads": describe_cell.get("threads", 1)}
    return describe_cell


@dataclass
class Joined:
    """One run as all the folders together have it, and the folder that each piece is from."""

    job: Path
    files: dict[str, Path] = field(default_factory=dict)  # weights, curves, albums and exhibits, by name
    rows: dict[CellId, tuple[Row, Bits | None, Path]] = field(default_factory=dict)
    parts: dict[str, tuple[ShardResult, Path]] = field(default_factory=dict)

    def take(self, folder: Path) -> None:
        """Add what a run folder has. BadInput where it says something else than another one."""
        mine, theirs = (settings_of(f) for f in (self.job.parent, folder))
        others = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
        if others := [name for name in others if name != ADDED or (name in mine and name in theirs)]:
            raise BadInput(f"{folder / 'job.json'} has another {others[0]} than {self.job}; {REMEDY}")
        kept = own_files(folder, "adversarial-*.npz", "exhibits/*.csv")
        for name in [*FILES.values(), "train.csv", *(path.relative_to(folder).as_posix() for path in kept)]:
            path, there = folder / name, self.files.get(name)
            if there and name in FILES.values() and path.exists() and not filecmp.cmp(path, there, shallow=False):
                raise BadInput(f"{path} holds other weights than {there}; {REMEDY}")
            if path.exists():
                self.files.setdefault(name, path)

    def measure(self, folder: Path, rows: Sequence[Row]) -> None:
        """Add its cells and parts of cells. BadInput where the same one came out otherwise."""
        outcomes = read_outcomes(folder)
        for row in rows:
            cell, bits = row.cell, outcomes.get(row.key)
            old, known, home = self.rows.get(cell, (row, bits, folder))
            if row.status == old.status == "ok" and (row.value != old.value or not np.array_equal(bits, known)):  # type: ignore[arg-type]
                raise BadInput(f"{folder} and {home} have other outcomes of the same {describe_cell(row)}; {REMEDY}")
            better = (row.status == "ok", bits is not None) > (old.status == "ok", known is not None)
            self.rows[cell] = (row, bits, folder) if better else (old, known, home)
        for part in read_parts(folder):
            twin, home = self.parts.setdefault(part.name, (part, folder))
            if not np.array_equal(part.outcome.right, twin.outcome.right) or part.outcome.values != twin.outcome.values:
                raise BadInput(
                    f"{folder} and {home} have other outcomes of shard {part.shard} of {describe_cell(part.row)}; "
                    f"{REMEDY}"
                )

    def settle(self) -> None:
        """Leave out the parts of what is whole. BadInput where a part says otherwise."""
        for name, (part, folder) in list(self.parts.items()):
            row, bits, home = self.rows.get(part.cell, (None, None, folder))
            if row and row.status == "ok" and bits is not None:
                ids = part.shard.ids(part.n, block_of(part.row))
                if not np.array_equal(bits[ids.start : ids.stop], part.outcome.right):
                    raise BadInput(
                        f"{folder} and {home} have other outcomes of the same {describe_cell(part.row)}; {REMEDY}"
                    )
                del self.parts[name]
        for name in list(self.files):
            if name.count("-") > 1 and album_path(Path(), name.split("-")[1]).name in self.files:
                del self.files[name]  # a shard's album of a whole one

    def write(self, folder: Path) -> None:
        """Add to a run folder what it lacks, and make what is whole then."""
        with lock_folder(folder) as held:
            for name, path in {**self.files, "job.json": self.job}.items():
                if not require_inside(folder, folder / name).exists():
                    content = path.read_bytes()
                    write_atomically(folder / name, lambda file, content=content: file.write(content))  # type: ignore[misc]
            for row, bits, home in self.rows.values():
                if home != folder:
                    held.add(row, bits)
            for path in folder.glob("part-*.json"):
                if path.name not in self.parts:
                    path.unlink()
            for part, _ in self.parts.values():
                part.write(folder)
            assemble(held)


def describe_cell(row: Row) -> str:
    """A cell in a few words."""
    return f"{row.name or row.kind} {row.norm} {row.metric} of {row.run}".replace("  ", " ")


def merge(folders: Sequence[Path], into: Path) -> int:
    """Join the folders, and what is in `into` already. 0, also if cells still lack shards."""
    if into.exists() and not into.is_dir():
        raise BadInput(f"--into {into} is a file, where a folder is to be")
    for folder in (folder.resolve() for folder in folders):
        if into.resolve() in folder.parents or folder in into.resolve().parents:
            where = "inside" if folder in into.resolve().parents else "above"
            raise BadInput(f"--into {into} is {where} {folder}, whose runs would be there twice; name one beside it")
    there = [into] if into.is_dir() and run_folders(into) else []
    sources = list({folder.resolve(): folder for folder in [*there, *folders]}.values())
    runs: dict[str, Joined] = {}
    for source in sources:
        for folder in find_runs(source):
            name = folder.relative_to(source).as_posix()
            check_place(source, folder, name)
            if status(folder) == "training":
                print(f"left out: {folder}, whose training has not ended")
                continue
            joined = runs.setdefault(name, Joined(folder / "job.json"))
            joined.take(folder)
            joined.measure(folder, rows_at_home(source, folder))
    for joined in runs.values():
        joined.settle()
    for name, joined in runs.items():
        joined.write(into / name)
    lines = [line for name in sorted(runs) for line in missing_shards(into / name)]
    cells = sum(len(read_rows(into / name)) for name in runs)
    lines.append(f"{into}: {len(runs)} runs with {cells} whole cells, joined from {len(sources)} folders")
    print("\n".join(lines))
    return 0


def check_place(results: Path, folder: Path, run: str) -> None:
    """BadInput where a folder does not lie where runs do, or a file of it is a link to a place outside."""
    if not is_run(run):
        raise BadInput(f"{folder} is no place for a run; name the folder that `bench run --results` wrote")
    for path in (folder, *own_files(folder, *TRAINED, *MEASURED)):
        if not path.resolve().is_relative_to(results.resolve()):
            raise BadInput(
                f"{path} is a link to {path.resolve()}, outside of {results}, and merge copies nothing from there; "
                "put a copy in its place, or take it away"
            )


def find_runs(results: Path) -> list[Path]:
    """The run folders of a results folder. BadInput where it is none."""
    if not results.is_dir():
        raise BadInput(f"{results} is no folder; name results folders, as `bench run --results` writes them")
    folders = run_folders(results)
    if not folders or results in folders:
        what = "is a single run" if folders else "holds no run (no job.json below it)"
        raise BadInput(f"{results} {what}; name results folders, as `bench run --results` writes them")
    return folders
