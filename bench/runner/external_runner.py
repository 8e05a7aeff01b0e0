"""Evaluate an external model by units of work, as `job_runner.Runner` does for models that are trained here."""

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from bench.core.progress import ProgressCallback
from bench.evaluation.external.external_run import ExternalRun
from bench.evaluation.row import ModelRef
from bench.results.shards import Shard
from bench.runner.cells import CellPlan
from bench.runner.model_evaluation import ModelEvaluation
from bench.training.run_folder import lock_folder


@dataclass(frozen=True, eq=False)
class ExternalRunner:
    """Measures one loaded model under the conditions of a plan. It has nothing to train."""

    cells: CellPlan
    results: Path
    epoch: str  # as of a `ModelRef`
    view: str
    net: nn.Module
    identity: str  # a digest that changes with anything that the model's logits depend on

    def with_shard(self, shard: Shard) -> "ExternalRunner":
        """The same, for the images of a shard alone."""
        return replace(self, cells=replace(self.cells, options=replace(self.cells.options, shard=shard)))

    def with_results(self, results: Path) -> "ExternalRunner":
        """The same, in another results folder."""
        return replace(self, results=results)

    def is_trained(self, job: ExternalRun) -> bool:
        """True."""
        return True

    def train(self, job: ExternalRun, tell: ProgressCallback) -> None:
        """Nothing."""

    def evaluate(self, job: ExternalRun, tell: ProgressCallback) -> int:
        """Measure what the model's folder lacks; returns how many cells failed."""
        with lock_folder(self.results / job.run, shard=self.cells.options.shard) as run_folder:
            model = ModelRef(job, self.epoch, self.view)
            return ModelEvaluation(self.cells, run_folder, model, self.net, self.identity, tell).fill()
