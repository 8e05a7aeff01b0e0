"""The weights of a baseline, copied to where a training would have put them."""

from pathlib import Path
from typing import Any

from bench.commands.compare.repeatable import REMEDY
from bench.core.errors import BadInput
from bench.core.files import write_json
from bench.data.dataset import Dataset
from bench.models.checkpoint import WEIGHT_FILES, load_views, save_views
from bench.training.job import Job
from bench.training.stored_models import build_views, check_weights

Record = dict[str, Any]  # what job.json says


def require_weights(baseline: Path, epochs: tuple[str, ...]) -> None:
    """BadInput where a file of weights is missing."""
    for path in (baseline / WEIGHT_FILES[epoch] for epoch in epochs):
        if not path.exists():
            raise BadInput(f"{path} is missing, and --level 1 evaluates stored weights; {REMEDY}")


def copy_weights(
    baseline: Path, record: Record, folder: Path, job: Job, dataset: Dataset, epochs: tuple[str, ...]
) -> None:
    """Put the baseline's weights where the job's would be, had it just been trained.

    BadInput where they do not fit the job.
    """
    for epoch in epochs:
        path = baseline / WEIGHT_FILES[epoch]
        states = load_views(path, str(record.get("run")))
        models = build_views(job.recipe, job.model, dataset, job.plan.ema > 0)
        try:
            for view, model in models.items():
                model.load_state_dict(states[view])
        except (KeyError, RuntimeError) as error:
            raise BadInput(f"{path} does not fit {job.name} on {job.model} as they are now; {REMEDY}") from error
        check_weights(path, models)
        save_views(folder / WEIGHT_FILES[epoch], models, job.run)
    write_json(folder / "job.json", record | {"run": job.run})
