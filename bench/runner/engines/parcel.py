"""Files of a run folder that travel to the machine that does a unit of work, and back to the driver.

Names are relative to the run folder. Only the driver writes to the results folder; the other machines work in a
temporary one.
"""

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.core.files import Bits, require_inside, write_bytes
from bench.evaluation.conditions.base import find_class
from bench.models.checkpoint import WEIGHT_FILES
from bench.results.added import FILE_PATTERN
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.shards import Shard
from bench.results.store import read_run
from bench.runner.reuse import replace_outcomes
from bench.runner.shards.joining import assemble
from bench.runner.shards.results import block_of
from bench.runner.units import Unit
from bench.training.run_folder import PROGRESS_FILE, RESULT_FILES, own_files

Content = dict[str, bytes]  # by name

ROW_FILES = ("results.csv", "outcomes.npz", FILE_PATTERN)
MODEL_FILES = ("job.json", *WEIGHT_FILES.values())


def files_to_send(folder: Path, unit: Unit) -> Content:
    """What a unit needs of its run folder: the model, stored rows and images, and what it goes on from."""
    if unit.shard is None:
        return read_files(folder, ("job.json", "train.csv", PROGRESS_FILE, *WEIGHT_FILES.values()))
    patterns = (
        *MODEL_FILES,
        "train.csv",
        "results.csv",
        "outcomes.npz",
        "exhibits/*.csv",
        *evaluation_patterns(unit.shard),
    )
    known = {path.name: b"" for path in folder.glob("adversarial-*.npz") if _concerns(path.stem, unit.shard)}
    return read_files(folder, patterns) | known  # empty files: a unit only asks whether images are stored


def read_model(folder: Path) -> Content:
    """The weights of a finished run and its job.json: what trainings that start from it need."""
    return read_files(folder, MODEL_FILES)


def partial_file_patterns(shard: Shard) -> tuple[str, str]:
    """Patterns of the files from which the evaluation of a shard goes on."""
    return f"partial-*{shard.suffix}.json", f"partial-*{shard.suffix}.npz"


def evaluation_patterns(shard: Shard) -> tuple[str, ...]:
    """Patterns of the files that hold what an evaluation of a shard has measured, and from which it goes on."""
    return (FILE_PATTERN, f"part-*{shard.suffix}.json", *partial_file_patterns(shard))


def read_files(folder: Path, patterns: tuple[str, ...]) -> Content:
    """The contents of the files that match one of these patterns."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in own_files(folder, *patterns)}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a run folder, each at once or not at all. BadInput where a link leads out of it."""
    for name, content in files.items():
        write_bytes(require_inside(folder, folder / name), content)


def changed_files(
    folder: Path, sent: Mapping[str, bytes], patterns: tuple[str, ...] = ("*", "exhibits/*.csv")
) -> Content:
    """Files of a temporary run folder that are not as they were sent; locks and subfolders are left out."""
    now = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in patterns
        for path in folder.glob(pattern)
        if path.is_file() and not path.name.startswith(".")
    }
    return {name: content for name, content in now.items() if sent.get(name) != content}


def store_training(folder: Path, files: Mapping[str, bytes]) -> None:
    """Store a training that has ended, finished or failed, and delete what is of older weights."""
    if any(name in files for name in WEIGHT_FILES.values()):
        for stale in own_files(folder, *RESULT_FILES):
            stale.unlink()
    # job.json is written last, as readers take it as a sign that the weights are there
    last = {"job.json": files["job.json"]} if "job.json" in files else {}
    write_files(folder, {name: files[name] for name in files if name not in last} | last)
    (folder / PROGRESS_FILE).unlink(missing_ok=True)


def store_evaluation(run_folder: RunFolder, unit: Unit, files: Mapping[str, bytes]) -> None:
    """Store the rows, shard results, images and exhibits of an evaluation, and join shards that are all there."""
    assert unit.shard is not None
    store_partial_evaluation(
        run_folder, unit.shard, {name: files[name] for name in files if not name.startswith("partial-")}
    )
    for pattern in partial_file_patterns(unit.shard):
        for path in own_files(run_folder.path, pattern):
            path.unlink()
    assemble(run_folder)


def store_partial_evaluation(run_folder: RunFolder, shard: Shard, files: Mapping[str, bytes]) -> None:
    """Store what an evaluation has measured so far, and the files from which it goes on."""
    rows = [name for name in files if any(fnmatch.fnmatch(name, pattern) for pattern in ROW_FILES)]
    write_files(run_folder.path, {name: files[name] for name in files if name not in rows})
    for row, bits in _read_rows({name: files[name] for name in rows}):
        _store_row(run_folder, shard, row, bits)


def _store_row(run_folder: RunFolder, shard: Shard, row: Row, bits: Bits | None) -> None:
    """Store a row of a unit. What other units have stored since its files were sent stays."""
    known = next((other for other in run_folder.rows if other.cell == row.cell), None)
    if known is None or known.status != "ok" or known.key not in run_folder.outcomes:
        if known != row:
            run_folder.add(row, bits)
    elif row.status == "ok" and bits is not None:  # attacked again for --save-adv, on the images of the shard alone
        ids = shard.ids(len(bits), block_of(row)) if find_class(row).sharded else range(len(bits))
        replace_outcomes(run_folder, known, bits[ids.start : ids.stop], ids)


def _read_rows(files: Mapping[str, bytes]) -> list[tuple[Row, Bits | None]]:
    if not files:
        return []
    with TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        rows, outcomes = read_run(Path(folder))
    return [(row, outcomes.get(row.key)) for row in rows]


def _concerns(stem: str, shard: Shard) -> bool:
    """Whether stored adversarial images are of a whole cell or of this shard."""
    return stem.count("-") == 1 or (shard.count > 1 and stem.endswith(shard.suffix))
