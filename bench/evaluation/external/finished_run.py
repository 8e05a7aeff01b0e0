"""The source FOLDER[@EPOCH|@VIEW]: a model of a finished run of this bench."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from bench.core.errors import BadInput
from bench.core.foreign.plugins import load_plugins
from bench.core.registration.suggestion import suggestion
from bench.data.dataset import Dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.loaded import LoadResult
from bench.models.checkpoint import WEIGHT_FILES
from bench.results.store import read_job
from bench.training.customise import customise, radius_factor
from bench.training.run_folder import failure, status
from bench.training.stored_models import load_models

REQUIRED_FIELDS = ("run", "name", "model", "seed", "source", "train_eps", "settings")


@dataclass(frozen=True)
class FinishedRun:
    """The weights after the last epoch or the best, in one of the recipe's views."""

    folder: Path
    epoch: str = "last"
    view: str = "main"

    trained_here = True

    def __str__(self) -> str:
        return f"{self.folder}@{self.epoch}@{self.view}"

    @cached_property
    def record(self) -> dict[str, object]:
        """The contents of job.json. BadInput where the training failed, has not ended, or fields are missing."""
        if reason := failure(self.folder):
            raise BadInput(f"{self.folder} has no model, its training failed: {reason}")
        record = read_job(self.folder)
        missing = [field for field in REQUIRED_FIELDS if field not in record]
        if missing or status(self.folder) != "trained":
            what = f"does not say {', '.join(missing)}" if missing else "is of a training that has not ended"
            raise BadInput(f"{self.folder / 'job.json'} {what}; name the folder of a run that `bench run` has finished")
        return record

    @property
    def name(self) -> str:
        """Its name in rows and folders: the recipe, whether it was trained with extra images, and the seed."""
        extra = ".extra" if self.extra_images else ""
        return f"{self.record['name']}{extra}.s{self.record['seed']}"

    @property
    def dataset(self) -> str:
        """The data set that it was trained on, as --dataset takes it."""
        return str(self.record["source"])

    @property
    def extra_images(self) -> int:
        """How many images it was trained on beside those of the data set."""
        count = self.record.get("extra_images", 0)
        return count if isinstance(count, int) else 0

    def load(self, dataset: Dataset, access: Access) -> LoadResult:
        """Build the recipe's network and load the stored weights. BadInput where files or the view are missing."""
        load_plugins()
        record, path = self.record, self.folder / WEIGHT_FILES[self.epoch]
        if not path.is_file():
            raise BadInput(f"{path} is not there; copy the weights beside job.json, or train with `bench run`")
        factor = radius_factor(record["train_eps"], dataset)  # type: ignore[arg-type]
        recipe = customise(str(record["name"]), record["settings"], factor)  # type: ignore[arg-type]
        plan = record.get("plan")
        averaged = isinstance(plan, dict) and bool(plan.get("ema"))
        views = load_models(recipe, str(record["model"]), dataset, path, str(record["run"]), averaged)
        if self.view not in views:
            raise BadInput(f"{self.folder} has no view {self.view!r}; {suggestion(self.view, list(views))}")
        return LoadResult(views[self.view])

    def origin(self, net: nn.Module) -> str:
        """Empty: its identity is that of `bench run`, so its cells have the same keys."""
        return ""

    def architecture(self, net: nn.Module) -> str:
        """Its architecture, as `--model` of `bench run` names it."""
        return str(self.record["model"])
