"""`bench merge`: join results folders of shards or machines. Nothing is written if two contradict each other."""

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.core.files import Bits, is_run, require_inside, write_bytes
from bench.core.options import is_option
from bench.core.parsing import format_count
from bench.core.plan import Plan
from bench.models.checkpoint import WEIGHT_FILES
from bench.results.load import rows_at_home
from bench.results.row import CellId, Row
from bench.results.store import read_job, read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner.shards.adversarial_sets import adversarial_set_path
from bench.runner.shards.joining import assemble, missing_shards
from bench.runner.shards.results import ShardResult, block_of, read_parts
from bench.training.run_folder import RESULT_FILES, TRAINING_FILES, lock_folder, own_files, status

DEFAULT_PLAN = {f.name: f.default for f in fields(Plan) if is_option(f)}  # fields that job.json of older runs lacks
REMEDY = "one of them has to be made again, or left out"
NOT_COMPARED = {"environment", "seconds", "peak_mib", "spec", "status"}  # fields that may differ for the same run
OPTIONAL_FIELD = "weights"  # old job.json files get this field when weights are next loaded; a copy may lack it


def compared_facts(folder: Path) -> dict[str, object]:
    """The fields of job.json that must agree for the same run. Fields that an older version did not write: defaults."""
    facts = {name: value for name, value in read_job(folder).items() if name not in NOT_COMPARED}
    if isinstance(plan := facts.get("plan"), dict):
        facts |= {"plan": {**DEFAULT_PLAN, **plan}, "threads": facts.get("threads", 1)}
    return facts


@dataclass
class MergedRun:
    """The files, rows and shard results of one run in all folders, with the folder that each is from."""

    job: Path
    files: dict[str, Path] = field(default_factory=dict)  # weights, train.csv, adversarial sets and exhibits, by name
    rows: dict[CellId, tuple[Row, Bits | None, Path]] = field(default_factory=dict)
    parts: dict[str, tuple[ShardResult, Path]] = field(default_factory=dict)

    def add_files(self, folder: Path) -> None:
        """Add the files of a run folder. BadInput if its job.json or weights contradict those of another folder."""
        mine, theirs = (compared_facts(f) for f in (self.job.parent, folder))
        others = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
        if others := [name for name in others if name != OPTIONAL_FIELD or (name in mine and name in theirs)]:
            raise BadInput(f"{folder / 'job.json'} has another {others[0]} than {self.job}; {REMEDY}")
        kept = own_files(folder, "adversarial-*.npz", "exhibits/*.csv")
        for name in [*WEIGHT_FILES.values(), "train.csv", *(path.relative_to(folder).as_posix() for path in kept)]:
            path, there = folder / name, self.files.get(name)
            if (
                there
                and name in WEIGHT_FILES.values()
                and path.exists()
                and not filecmp.cmp(path, there, shallow=False)
            ):
                raise BadInput(f"{path} holds other weights than {there}; {REMEDY}")
            if path.exists():
                self.files.setdefault(name, path)

    def add_cells(self, folder: Path, rows: Sequence[Row]) -> None:
        """Add the rows and shard results of a run folder. BadInput if another folder has other outcomes of one."""
        outcomes = read_outcomes(folder)
        for row in rows:
            cell, bits = row.cell, outcomes.get(row.key)
            old, old_bits, home = self.rows.get(cell, (row, bits, folder))
            if row.status == old.status == "ok" and (row.value != old.value or not np.array_equal(bits, old_bits)):  # type: ignore[arg-type]
                raise BadInput(f"{folder} and {home} have other outcomes of the same {describe_cell(row)}; {REMEDY}")
            better = (row.status == "ok", bits is not None) > (old.status == "ok", old_bits is not None)
            self.rows[cell] = (row, bits, folder) if better else (old, old_bits, home)
        for part in read_parts(folder):
            first, home = self.parts.setdefault(part.name, (part, folder))
            if (
                not np.array_equal(part.outcome.right, first.outcome.right)
                or part.outcome.values != first.outcome.values
            ):
                raise BadInput(
                    f"{folder} and {home} have other outcomes of shard {part.shard} of {describe_cell(part.row)}; "
                    f"{REMEDY}"
                )

    def drop_redundant(self) -> None:
        """Drop results and adversarial sets of shards whose cell is whole. BadInput if outcomes contradict the row."""
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
            if name.count("-") > 1 and adversarial_set_path(Path(), name.split("-")[1]).name in self.files:
                del self.files[name]  # the images of one shard, where those of the whole cell are there

    def write(self, folder: Path) -> None:
        """Add to a run folder what it lacks, and join the shards of cells that are complete then."""
        with lock_folder(folder) as run_folder:
            for name, path in {**self.files, "job.json": self.job}.items():
                if not require_inside(folder, folder / name).exists():
                    write_bytes(folder / name, path.read_bytes())
            for row, bits, home in self.rows.values():
                if home != folder:
                    run_folder.add(row, bits)
            for path in folder.glob("part-*.json"):
                if path.name not in self.parts:
                    path.unlink()
            for part, _ in self.parts.values():
                part.write(folder)
            assemble(run_folder)


def describe_cell(row: Row) -> str:
    """Name the cell of a row in a message."""
    return f"{row.name or row.kind} {row.norm} {row.metric} of {row.run}".replace("  ", " ")


def merge(folders: Sequence[Path], into: Path) -> int:
    """Join results folders into one, with what it has already. Returns 0, also if cells still lack shards.

    Raises:
        BadInput: a folder is no results folder or lies inside another, or two contradict each other.
    """
    if into.exists() and not into.is_dir():
        raise BadInput(f"--into {into} is a file, where a folder is to be")
    for folder in (folder.resolve() for folder in folders):
        if into.resolve() in folder.parents or folder in into.resolve().parents:
            where = "inside" if folder in into.resolve().parents else "above"
            raise BadInput(f"--into {into} is {where} {folder}, whose runs would be there twice; name one beside it")
    there = [into] if into.is_dir() and run_folders(into) else []
    sources = list({folder.resolve(): folder for folder in [*there, *folders]}.values())
    runs: dict[str, MergedRun] = {}
    for source in sources:
        for folder in find_runs(source):
            name = folder.relative_to(source).as_posix()
            check_run_folder(source, folder, name)
            if status(folder) == "training":
                print(f"left out: {folder}, whose training has not ended")
                continue
            run = runs.setdefault(name, MergedRun(folder / "job.json"))
            run.add_files(folder)
            run.add_cells(folder, rows_at_home(source, folder))
    for run in runs.values():
        run.drop_redundant()
    for name, run in runs.items():
        run.write(into / name)
    lines = [line for name in sorted(runs) for line in missing_shards(into / name)]
    cells = sum(len(read_rows(into / name)) for name in runs)
    lines.append(
        f"{into}: {format_count(len(runs), 'run')} with {format_count(cells, 'whole cell')}, "
        f"joined from {format_count(len(sources), 'folder')}"
    )
    print("\n".join(lines))
    return 0


def check_run_folder(results: Path, folder: Path, run: str) -> None:
    """BadInput if a run folder's path is no name of a run, or one of its files is a link to a place outside."""
    if not is_run(run):
        raise BadInput(f"{folder} is no place for a run; name the folder that `bench run --results` wrote")
    for path in (folder, *own_files(folder, *TRAINING_FILES, *RESULT_FILES)):
        if not path.resolve().is_relative_to(results.resolve()):
            raise BadInput(
                f"{path} is a link to {path.resolve()}, outside of {results}, and merge copies nothing from there; "
                "put a copy in its place, or take it away"
            )


def find_runs(results: Path) -> list[Path]:
    """The run folders of a results folder. BadInput if it is none, or is a single run."""
    if not results.is_dir():
        raise BadInput(f"{results} is no folder; name results folders, as `bench run --results` writes them")
    folders = run_folders(results)
    if not folders or results in folders:
        what = "is a single run" if folders else "holds no run (no job.json below it)"
        raise BadInput(f"{results} {what}; name results folders, as `bench run --results` writes them")
    return folders
