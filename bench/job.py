"""What to train: a recipe, a data set, a model, an optimisation plan and a seed. Hashable, and named by its content."""

import hashlib
from dataclasses import dataclass, field, replace

from bench.plan import Plan
from bench.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """One training. Everything that determines its weights is here, the images by their fingerprint."""

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

    @property
    def digest(self) -> str:
        """Eight digits that change with every setting but the seed, so the seeds of one configuration share them."""
        start = self.start.digest if self.start else ""
        return hashlib.sha256((repr(replace(self, seed=0)) + start).encode()).hexdigest()[:8]

    @property
    def run(self) -> str:
        """Folder of the run below the results folder."""
        return f"{self.dataset}/{self.model}/{self.name}/s{self.seed}-{self.digest}"
