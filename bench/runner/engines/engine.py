"""The engine that carries out the jobs of a run: processes of this machine, or a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.core.progress import ProgressCallback
from bench.runner.engines.ray_cluster import connect
from bench.runner.engines.ray_engine import run_on_ray
from bench.runner.job_runner import Runner
from bench.runner.options import RunOptions
from bench.runner.pool import run_jobs
from bench.training.job import Job

RunJobs = Callable[[Runner, Sequence[Job], ProgressCallback], int]  # returns how many cells and units failed


@contextmanager
def open_engine(options: RunOptions, workers: int, parallel: bool, threads: int, log: Path) -> Iterator[RunJobs]:
    """The function that runs jobs; a cluster is connected to inside the block.

    Args:
        options: name the engine.
        workers: processes of this machine, or processors of a cluster that is started here.
        parallel: as of `run_jobs`.
        threads: the most that a training asks for.
        log: the file that gets progress and tracebacks.

    Raises:
        BadInput: the cluster cannot be used.
    """
    if options.engine == "local":
        yield lambda runner, jobs, tell: run_jobs(runner, jobs, tell, workers, log, parallel)
        return
    with connect(options.ray_address, workers, options.device, threads) as ray:
        yield lambda runner, jobs, tell: run_on_ray(ray, runner, jobs, tell, log)
