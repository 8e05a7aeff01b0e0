"""What the commands do, once their arguments are read."""

from pathlib import Path
from typing import Any

from rich.console import Console

from bench.attacks import ATTACKS
from bench.contract import examine
from bench.data import DATASETS
from bench.device import pick, prepare
from bench.errors import BadInput
from bench.models import MODELS
from bench.plugins import load_file, load_plugins
from bench.pool import cores, run_jobs
from bench.price import cell_cost, seconds_per_pass, training_cost
from bench.progress import Progress
from bench.recipe import RECIPES
from bench.registry import Registry
from bench.report import print_boards, write_leaderboard
from bench.runfolder import forget
from bench.runner import Runner
from bench.work import Request, plan_work

LOG = "bench.log"


def names(kind: str) -> list[str]:
    """Every name of a kind, families by their pattern."""
    load_plugins()
    registries: dict[str, Registry[Any]] = {
        "methods": RECIPES,
        "attacks": ATTACKS,
        "datasets": DATASETS,
        "models": MODELS,
    }
    listed = registries[kind].listed()
    return [*listed, "folder:PATH"] if kind == "datasets" else listed


def check_plugin(path: Path) -> int:
    """`bench check`. 0, or 1 if a recipe that the file registers breaks its contract."""
    load_plugins()
    prepare()
    ours = set(RECIPES)
    load_file(path)
    theirs = [name for name in RECIPES if name not in ours]
    if not theirs:
        raise BadInput(f"{path} registers no method, and `bench check` tests methods alone")
    broken = set()
    for name in theirs:
        print(name)
        for title, wrong in examine(name, RECIPES[name]):
            print(f"  FAILED  {title}: {' '.join(wrong.split())}" if wrong else f"  ok      {title}")
            if wrong:
                broken.add(name)
    print(f"{len(theirs) - len(broken)} of {len(theirs)} methods keep the contract")
    return 1 if broken else 0


def run_methods(
    request: Request,
    data_dir: Path,
    results: Path,
    reports: Path,
    device_name: str,
    batch_size: int,
    workers: int | None,
    *,
    download: bool = False,
    retrain: bool = False,
    dry_run: bool = False,
) -> int:
    """`bench run`. 0, or 1 if a training or a cell failed."""
    load_plugins()
    prepare()
    device = pick(device_name)
    for folder in (results, reports):
        if blocking := [path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()]:
            raise BadInput(f"{blocking[0]} is a file, where a folder is to be; name another --results or --reports")
    work = plan_work(request, data_dir, device, fetch=download and not dry_run)
    workers = workers or (1 if device.type == "cuda" else cores())
    runner = Runner(work, results, device, request.precision, batch_size)
    todo = runner.todo(retrain)
    cost = sum(training_cost(work, t.job) for t in todo if t.training)
    cost += sum(cell_cost(c, work.n) for t in todo for c in t.cells)
    if dry_run:
        total = len(work.jobs) * len(work.epochs) * len(work.conditions)
        seconds = cost * seconds_per_pass(work, device) / min(workers, len(todo)) if cost else 0.0
        trainings, cells = sum(t.training for t in todo), sum(len(t.cells) for t in todo)
        print(f"{trainings} trainings, {cells} of {total} cells to do, about {duration(seconds)}")
        return 0
    if retrain:
        for job in work.jobs:
            forget(results / job.run)
    with Progress(cost) as progress:
        failed = run_jobs(runner, [t.job for t in todo], progress, workers, results / LOG)
    paths = write_leaderboard(results, reports)
    print_boards(results, Console(), only={job.run for job in work.jobs})
    print(f"board: {next(path for path in paths if path.suffix == '.md')}")
    print(f"results: {results / work.dataset.name}, log: {results / LOG}")
    return 1 if failed else 0


def duration(seconds: float) -> str:
    """Rounded as an estimate deserves."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
