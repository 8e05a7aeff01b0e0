"""`--engine ray`: units of work are tasks of a Ray cluster. The driver alone writes to the results folder."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench.core.errors import BadInput, Failed
from bench.core.foreign.interrupt import is_ctrl_c_pressed
from bench.core.foreign.messages import format_error
from bench.core.progress import ProgressCallback
from bench.results.run_folder import RunFolder
from bench.runner.engines.parcel import (
    Content,
    files_to_send,
    read_model,
    store_evaluation,
    store_partial_evaluation,
    store_training,
    write_files,
)
from bench.runner.engines.ray_cluster import first_line
from bench.runner.engines.ray_task import do_task, share_runner
from bench.runner.engines.remote import UnitOrder
from bench.runner.pool import UnitResult, disk_failure, log_to_file, report_failure
from bench.runner.units import Subject, Unit, UnitRunner, first_units, next_units
from bench.training.run_folder import lock_folder

MAX_ATTEMPTS = 4  # of a unit whose node dies
POLL_SECONDS = 0.5


def run_on_ray(ray: Any, runner: UnitRunner, jobs: Sequence[Subject], tell: ProgressCallback, log: Path) -> int:
    """Do every job on a cluster; returns how many cells failed, plus one for each unit that failed as a whole.

    Raises:
        BadInput: the runner cannot be sent to the cluster.
        Failed: nothing can be written to the results folder, or the cluster has ended.
    """
    with ExitStack() as open_files:
        try:
            shared = share_runner(ray, runner)
            open_files.enter_context(log_to_file(log))
            return RayRun(ray, runner, jobs, tell, open_files).run(shared)
        except OSError as error:  # this process alone writes, so no other unit could be stored either
            raise disk_failure(error, runner.results) from error
        except ray.exceptions.RayError as error:  # the cluster has ended, or the node of this process has left it
            raise Failed(
                f"the cluster does not answer any more: {first_line(error)}; the same command goes on"
            ) from error


@dataclass
class RayRun:
    """The units of some jobs: those that wait, and those that are at work, each with its number."""

    ray: Any
    runner: UnitRunner
    jobs: Sequence[Subject]
    tell: ProgressCallback
    locks: ExitStack  # of run folders, until the end
    folders: dict[str, RunFolder] = field(default_factory=dict)  # locked by this process
    running: dict[Any, tuple[int, Unit, int]] = field(default_factory=dict)  # task -> number, unit, attempt
    units: dict[int, Unit] = field(default_factory=dict)  # by number
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # none twice, as news may come late

    def run(self, shared: Any) -> int:
        """Do all units; returns how many cells failed. shared: of `share_runner`."""
        from ray.util.queue import Queue
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self.ray.get_runtime_context().get_node_id()  # the queue dies with the driver's node, and with no other
        place = NodeAffinitySchedulingStrategy(here, soft=False)
        news = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": place})
        waiting, failed = [(unit, 1) for unit in first_units(self.runner, self.jobs, split=True)], 0
        while waiting or self.running:
            if is_ctrl_c_pressed():  # while Ray called back, where an exception goes no further
                raise KeyboardInterrupt
            slots = int(2 * self.ray.cluster_resources().get("CPU", 1)) + 1  # more would only wait at the cluster
            while waiting and len(self.running) < slots:
                unit, attempt = waiting.pop(0)
                if refused := self._submit(unit, attempt, shared, news):
                    failed += refused.failed
                    waiting[:0] = self._follow(unit, refused)
            ended, _ = self.ray.wait(list(self.running), timeout=POLL_SECONDS) if self.running else ([], [])
            self._read(news)
            for task in ended:
                number, unit, attempt = self.running.pop(task)
                done = self._receive(task, unit, attempt)
                del self.units[number]
                if done is None:
                    waiting.insert(0, (unit, attempt + 1))
                    continue
                failed += done.failed
                waiting[:0] = self._follow(unit, done)
        self._read(news)
        news.shutdown()
        return failed

    def _follow(self, unit: Unit, done: UnitResult) -> list[tuple[Unit, int]]:
        """The units that waited for this one, each in its first attempt."""
        return [(other, 1) for other in next_units(self.runner, self.jobs, unit, done.is_lost, split=True)]

    def _submit(self, unit: Unit, attempt: int, shared: Any, news: Any) -> UnitResult | None:
        """Send a unit to the cluster; returns how it ended if it cannot be sent."""
        folder, start = self.runner.results / unit.job.run, unit.job.start
        try:
            if unit.job.run not in self.folders:
                self.folders[unit.job.run] = self.locks.enter_context(lock_folder(folder))
            order = UnitOrder(
                unit, files_to_send(folder, unit), read_model(self.runner.results / start.run) if start else {}
            )
        except BadInput as error:
            return report_failure(self.tell, unit, str(error))
        number = next(self.numbers)
        is_cuda, threads = self.runner.cells.device.type == "cuda", unit.job.threads if unit.shard is None else 1
        task = self.ray.remote(num_cpus=threads, num_gpus=int(is_cuda), max_retries=0)(do_task)
        self.running[task.remote(shared, shared.hex(), order, number, news.actor)] = (number, unit, attempt)
        self.units[number] = unit
        return None

    def _receive(self, task: Any, unit: Unit, attempt: int) -> UnitResult | None:
        """Store what a unit has come to; None if its node died, and it is to be done again."""
        errors = self.ray.exceptions
        try:
            done, files = self.ray.get(task)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.ObjectLostError, errors.LocalRayletDiedError):
            if attempt < MAX_ATTEMPTS:
                return None
            return report_failure(self.tell, unit, f"the nodes that it was given to died, {MAX_ATTEMPTS} in a row")
        except Exception as error:  # of Ray, or of a plug-in that a node imports
            cause = getattr(error, "cause", None) or error
            return report_failure(self.tell, unit, str(cause) if isinstance(cause, BadInput) else format_error(cause))
        if done.is_lost:
            return UnitResult(*done)  # its worker has reported why
        try:
            if unit.shard is None:
                store_training(self.runner.results / unit.job.run, files)
            else:
                store_evaluation(self.folders[unit.job.run], unit, files)
        except BadInput as error:  # a file of its run folder is damaged; the other runs go on
            return report_failure(self.tell, unit, str(error))
        return UnitResult(*done)

    def _read(self, news: Any) -> None:
        """Show the progress that units have reported, and store what they would go on from."""
        for pickled in news.get_nowait_batch(news.qsize()):
            item = pickle.loads(pickled)
            self.tell(item.event)
            if item.files and item.order in self.units:
                self._store_news(self.units[item.order], item.files)

    def _store_news(self, unit: Unit, files: Content) -> None:
        """Store what a unit has sent while it goes on. A damaged file of its run folder is told of when it ends."""
        with suppress(BadInput):
            if unit.shard is None:
                write_files(self.runner.results / unit.job.run, files)
            else:
                store_partial_evaluation(self.folders[unit.job.run], unit.shard, files)
