"""A job: everything that determines the weights of one training; a hash of it names the run folder."""

import hashlib
from dataclasses import dataclass, field, replace

from bench.core.errors import BadInput
from bench.core.files import require_names
from bench.core.options import Options, option
from bench.core.plan import Plan
from bench.training.recipe import Recipe

MOST_THREADS = 256


@dataclass(frozen=True)
class Job(Options):
    """One training, with everything that determines its weights; the images by their fingerprint.

    `threads` is a field because the order of sums, and so the last digits of the weights, depends on it. Its default 1
    is not part of the name, as runs were named before it was a field.

    Raises:
        BadInput: a name cannot name a folder, or `threads` is not from 1 to MOST_THREADS.
    """

    name: str  # of the recipe, as in RECIPES
    recipe: Recipe
    dataset: str
    data: str  # fingerprint of the training images
    model: str
    plan: Plan
    budget: str  # text that describes the plan; part of the identity, so that tables can group by it
    seed: int = 0
    precision: str = "fp32"
    start: "Job | None" = field(default=None, repr=False)  # of the finished model that it continues or has as helper
    threads: int = option(1)  # CPU threads of torch
    extra: str = option("")  # fingerprint of the extra images, see `bench.data.extra`; empty without them
    extra_share: float = option(0.0)  # of each batch that are extra images

    def __post_init__(self) -> None:
        require_names(recipe=self.name, dataset=self.dataset, model=self.model)
        if not 1 <= self.threads <= MOST_THREADS:
            raise BadInput(f"--threads {self.threads}: a training computes with 1 to {MOST_THREADS} threads")

    @property
    def digest(self) -> str:
        """Eight hex digits, a hash of all settings but the seed, so that the seeds of a configuration share them."""
        start = self.start.digest if self.start else ""
        return hashlib.sha256((repr(replace(self, seed=0)) + start).encode()).hexdigest()[:8]

    @property
    def run(self) -> str:
        """The path of the run folder below the results folder: dataset/model/recipe/sSEED-DIGEST."""
        return f"{self.dataset}/{self.model}/{self.name}/s{self.seed}-{self.digest}"
