"""Train one job: its run folder gets weights, train.csv and job.json, or the reason why the training failed."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.core.device import peak_memory
from bench.core.errors import BadInput, Failed
from bench.core.files import write_csv
from bench.core.foreign.guard import is_out_of_memory
from bench.core.progress import Event, ProgressCallback
from bench.models.checkpoint import WEIGHT_FILES, fingerprint, save_views
from bench.runner.experiment import Experiment
from bench.runner.prices.cost import training_cost
from bench.runner.torchrun.team import Team
from bench.training.job import Job
from bench.training.monitor import Record
from bench.training.run_folder import PROGRESS_FILE, RESULT_FILES, describe_job, failure, own_files
from bench.training.stored_models import fingerprints, load_start
from bench.training.trainer import CURVE_COLUMNS, EMA_CURVE_COLUMNS, Trainer, Views

EpochCallback = Callable[[int, str], None]  # number of epochs done, text on the last one


@dataclass(frozen=True)
class JobTraining:
    """A job, and where and with what it is trained.

    Args:
        experiment: of which it is a job.
        job: what is trained.
        results: the folder in which each job has its run folder.
        device: that computes.
        team: the processes that share the training; None: this one alone.
    """

    experiment: Experiment
    job: Job
    results: Path
    device: torch.device
    team: Team | None = None

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.results / self.job.run


def train_job(work: JobTraining, tell: ProgressCallback) -> None:
    """Train a job and store its last and best model. A training that fails is stored in job.json as failed.

    An interrupted training goes on from `progress.pt`.

    Raises:
        Failed: there is not enough memory; nothing is stored against the job, so it is tried again.
    """
    experiment, job, folder, device = work.experiment, work.job, work.folder, work.device
    request = experiment.request
    facts: dict[str, object] = {
        "source": request.dataset,
        "images": experiment.images,
        "eps": experiment.dataset.threat.eps,
        "train_eps": request.train_eps,
        "settings": request.settings,
        "classes": experiment.dataset.num_classes,
    }
    if experiment.extra is not None:
        facts |= {"extra_file": str(experiment.request.extra), "extra_images": len(experiment.extra)}
    describe_job(folder, job, device, "training", **facts)
    epochs, weight, title = job.plan.epochs, training_cost(experiment, job), f"{job.name} s{job.seed} training"
    try:
        found = train_and_store(work, lambda epoch, word: tell(Event(title, epoch, epochs, weight, word)))
    except Failed as error:
        describe_job(folder, job, device, f"failed: {error}", **facts)
        tell(Event(title, epochs, epochs, weight, f"failed: {error}"))
    except (MemoryError, RuntimeError) as error:  # not the job's fault, so nothing is stored against it
        if not is_out_of_memory(error):
            raise
        raise Failed(f"no memory left to train {job.name}; with more, the same command goes on from here") from error
    else:
        describe_job(folder, job, device, "trained", **facts, **found)
    (folder / PROGRESS_FILE).unlink(missing_ok=True)


def train_and_store(work: JobTraining, on_epoch: EpochCallback) -> dict[str, object]:
    """Train, write the weights and train.csv, and return the facts of the training for job.json.

    Raises:
        Failed: the recipe raises, the loss is not finite, or the training of the start model failed.
    """
    experiment, job, folder = work.experiment, work.job, work.folder
    start = load_start_model(job, experiment, work.results)
    states = start.state_dict() if start is not None else None
    columns = CURVE_COLUMNS + EMA_CURVE_COLUMNS * bool(job.plan.ema)

    def log() -> None:
        write_csv(folder / "train.csv", columns, [dict(record) for record in training.history.curve])

    def after(epoch: Record) -> None:
        log()
        word = f"hold-out {epoch['val_clean']:.1%} clean, {epoch['val_pgd']:.1%} PGD-10"
        on_epoch(int(epoch["epoch"]), "; ".join([word, *training.alarms]))

    with ExitStack() as stack:
        group = (
            None if work.team is None else stack.enter_context(work.team.share_training(experiment.request, job.run))
        )
        states = states if group is None else group.share(states)
        images = experiment.train, experiment.holdout
        training = Trainer(job, experiment.dataset, *images, work.device, states, group, experiment.extra)
        peak = stack.enter_context(peak_memory(work.device))
        last, best = training.run(folder / PROGRESS_FILE, after)
    log()  # a process that was killed after the last epoch may not have written it
    for stale in own_files(folder, *RESULT_FILES):
        stale.unlink()  # results of older weights
    models = {"last": last, "best": best}
    for epoch, views in models.items():
        save_views(folder / WEIGHT_FILES[epoch], views, job.run)
    return _facts_of(training, models, start, peak())


def _facts_of(
    training: Trainer, models: dict[str, Views], start: nn.Module | None, peak_mib: float | None
) -> dict[str, object]:
    """What job.json says of a finished training. models: its last and its best one, by their views."""
    averaged = {"best_epoch_ema": training.history.best_average["epoch"] + 1} if training.job.plan.ema else {}
    started = {"start_weights": fingerprint(start)} if start is not None else {}
    return (
        averaged
        | started
        | {
            "weights": fingerprints(models),
            "passes_per_image": training.step.cost,
            "seconds": sum(record["seconds"] for record in training.history.curve),
            "best_epoch": training.history.best["epoch"] + 1,
            "peak_mib": peak_mib,
            "alarms": training.alarms,
        }
    )


def load_start_model(job: Job, experiment: Experiment, results: Path) -> nn.Module | None:
    """The finished model that a job trains on; None if it trains from scratch.

    Raises:
        Failed: the training of that model failed.
        BadInput: it has no weights, or they are damaged.
    """
    if job.start is None:
        return None
    folder = results / job.start.run
    if reason := failure(folder):
        raise Failed(f"it trains on {job.start.name}, whose own training failed: {reason}")
    if not (folder / WEIGHT_FILES["last"]).exists():
        raise BadInput(f"it trains on {job.start.name}, whose own training came to nothing")
    return load_start(job.start, experiment.dataset, folder / WEIGHT_FILES["last"])
