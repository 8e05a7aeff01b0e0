"""What to train: a recipe, a data set, a model, an optimisation plan and a seed. Hashable, and named by its content."""

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
    """One training. Everything that determines its weights is here, the images by their fingerprint.

    BadInput where a name cannot be a folder's, or `threads` is not from 1 to MOST_THREADS. `threads` is here because
    the order of a sum, and so the last digits of the weights, depends on it. 1 joins no name, as what was published
    was trained with one thread.
    """

    name: str  # of the recipe, as in RECIPES
    recipe: Recipe
    dataset: str
    data: str  # fingerprint of the training images
    model: str
    plan: Plan
    budget: str  # how the plan came about, for people; part of the identity so that tables can group by it
    seed: int = 0
    precision: str = "fp32"
    start: "Job | None" = field(default=None, repr=False)  # whose finished model is trained on
    threads: int = option(1)  # that torch computes with on a CPU, whatever else the machine does

    def __post_init__(self) -> None:
        require_names(recipe=self.name, dataset=self.dataset, model=self.model)
        if not 1 <= self.threads <= MOST_THREADS:
            raise BadInput(f"--threads {self.threads}: a training computes with 1 to {MOST_THREADS} threads")

    @property
    def digest(self) -> str:
        """Eight digits that change with every setting but the seed, so the seeds of one configuration share them."""
        start = self.start.digest if self.start else ""
        return hashlib.sha256((repr(replace(self, seed=0)) + start).encode()).hexdigest()[:8]

    @property
    def run(self) -> str:
        """Folder of the run below the results folder."""
        return f"{self.dataset}/{self.model}/{self.name}/s{self.seed}-{self.digest}"
