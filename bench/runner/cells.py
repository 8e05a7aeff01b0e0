"""The cells of models: their keys, which of them a run folder lacks, and which images a process measures them on."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.core.device import describe
from bench.core.errors import BadInput, Failed
from bench.core.version import PROTOCOL
from bench.data.images import Images
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.outcome import Outcome
from bench.evaluation.row import ModelRef, row_of
from bench.results.keys import digest16
from bench.results.kinds import CLEAN
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import RUN_REMEDY
from bench.runner.options import CellOptions
from bench.runner.reuse import has_images, measured_keys


@dataclass(frozen=True)
class CellPlan:
    """Test images and conditions that models are measured on. A cell is one model under one condition: one row."""

    test: Images  # the whole test set in its order, as some attacks draw for a block of images at once
    n: int  # the first n of them count
    conditions: tuple[Condition, ...]
    device: torch.device
    precision: str
    options: CellOptions

    def __post_init__(self) -> None:
        refused = [condition.without_images for condition in self.conditions if condition.without_images]
        if self.options.save_adv and refused:
            raise BadInput(refused[0])

    def shard_of(self, condition: Condition) -> Shard:
        """The shard of the images that a condition is measured on: all of them if `--shard` does not cut its kind."""
        return self.options.shard if condition.sharded else WHOLE_SET

    def ids(self, condition: Condition) -> range:
        """The test images of this process for a condition. BadInput if there are more shards than blocks of images.

        A condition that shards do not cut is measured whole by the first shard, and by no other.
        """
        if condition.sharded:
            return self.options.shard.ids(self.n, condition.base().block)
        return range(self.n if self.options.shard.index == 1 else 0)

    def missing_conditions(self, run_folder: RunFolder, model: ModelRef, identity: str) -> dict[str, Condition]:
        """The conditions for which this model has no stored row with a value, by the key of that row.

        With --save-adv also the conditions whose adversarial images are missing.

        Args:
            identity: a digest that changes with anything that the model's logits depend on.
        """
        known = measured_keys(run_folder, model, self.options.shard)
        keys = {self.key(identity, condition): condition for condition in self.conditions if self.ids(condition)}
        return {key: c for key, c in keys.items() if key not in known or self.lacks_images(run_folder.path, key, c)}

    def key(self, identity: str, condition: Condition) -> str:
        """The key of a row: a digest of model, images that the attack sees, n, condition, precision and protocol."""
        block = condition.block or 1
        seen = self.test.first(-(-self.n // block) * block).fingerprint()
        return digest16(identity, seen, self.n, condition, condition.key_params, self.precision, PROTOCOL)

    def check_same_weights(self, run_folder: RunFolder, model: ModelRef, identity: str) -> None:
        """BadInput if the folder's clean accuracy of this epoch and view is of other weights or other test images."""
        rows = [row for row in run_folder.rows if (row.epoch, row.view) == (model.epoch, model.view)]
        clean = [row for row in rows if row.kind == CLEAN and row.status == "ok" and row.n <= len(self.test)]
        known = [row for row in clean if row.protocol == PROTOCOL]
        keys = (replace(self, n=row.n, precision=row.precision).key(identity, Clean()) for row in known)
        if known and not any(row.key == key for row, key in zip(known, keys, strict=True)):
            raise BadInput(
                f"{run_folder.path / 'results.csv'} was measured on other weights than those of "
                f"{model.epoch} {model.view} there, or on other test images; put back the weights (or the images), or, "
                f"if these are meant, {RUN_REMEDY}"
            )

    def lacks_images(self, folder: Path, key: str, condition: Condition) -> bool:
        """Whether --save-adv asks for the adversarial images of a cell and they are not in the folder."""
        return self.options.save_adv and not has_images(folder, key, condition, self.options.shard)

    def row(self, model: ModelRef, condition: Condition, key: str, result: Outcome | Failed) -> Row:
        """The row of one cell, from its outcome or its failure."""
        return row_of(
            model,
            condition,
            result,
            n=len(result.right) if isinstance(result, Outcome) else self.n,
            partial=self.n < len(self.test),
            device=describe(self.device),
            precision=self.precision,
            key=key,
        )
