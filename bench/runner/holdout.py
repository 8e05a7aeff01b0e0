"""Split training images into those that a training learns from and those on which its best epoch is picked.

The best epoch is the one with the highest robust accuracy on the watched images. The bench's own budgets hold them out
of the images that the user names. `--budget paper` learns from as many images as the paper, so there they are further
training images; if the paper uses the whole training set, they are the first test images, as in the papers that print
a best epoch. The text of the budget (`budgets.describe_budget`) says which.
"""

from dataclasses import dataclass

from bench.core.errors import BadInput
from bench.core.plan import Budget
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.report.studies.papers.plans import STANDARD, plan_of_recipe
from bench.runner.budgets import LAPTOP, PAPER
from bench.runner.request import Request

IMAGES_PER_WATCHED, MAX_WATCHED = 10, 1000  # one watched image for ten training images, a thousand at most
MIN_TRAINING_IMAGES = 20  # fewer would leave a single watched image, or none


@dataclass(frozen=True)
class Split:
    """The images of a training."""

    requested: int  # number of training images that the user or the budget names
    train: Images  # the training learns from these
    watched: Images  # the best epoch is picked on these
    fingerprint: str  # of all training images that are read
    words: str = ""  # text on the watched images in that of the budget; empty for the default split, a tenth held out
    on_test: bool = False  # whether the watched images are test images


def split_of(
    request: Request, budget_name: str, budget: Budget, data: Dataset, test: Images, cache: ImageCache
) -> Split:
    """Choose the images of a training: --limit-train of them, else the budget's number, else all that there are.

    Raises:
        BadInput: these are fewer than `MIN_TRAINING_IMAGES`, or more than the data set has.
    """
    there = cache.size(data, "train")
    requested = request.limit_train or min(budget.train or there, there)
    if requested < MIN_TRAINING_IMAGES:
        raise BadInput(f"{requested} training images are too few: {MIN_TRAINING_IMAGES} or more are needed")
    count = min(MAX_WATCHED, requested // IMAGES_PER_WATCHED)
    if budget_name != PAPER:
        images = cache.load(data, "train", requested)
        words = f" ({count} held out)" if budget_name == LAPTOP else ""  # a text would rename runs of other budgets
        return Split(
            requested,
            images.first(requested - count),
            images.part(requested - count, requested),
            images.fingerprint(),
            words,
        )
    if requested + count <= there:
        images = cache.load(data, "train", requested + count)
        words = f", watched on {count} more"
        return Split(
            requested, images.first(requested), images.part(requested, requested + count), images.fingerprint(), words
        )
    images, watched = cache.load(data, "train", requested), test.first(min(MAX_WATCHED, len(test)))
    words = f", watched on {len(watched)} test images"
    return Split(requested, images, watched, images.fingerprint(), words, on_test=True)


def epochs_to_evaluate(request: Request, budget: Budget, split: Split, recipes: list[str]) -> tuple[str, ...]:
    """Which models of a training are evaluated (last, best): those of the budget.

    If the best epoch is picked on test images, it is evaluated only if the paper of a recipe prints such an epoch.
    """
    sources = [*recipes, *([STANDARD[request.paper]] if request.paper else [])]
    is_printed = any(plan_of_recipe(name).reports == "best" for name in sources)
    return budget.evaluated_epochs if is_printed or not split.on_test else ("last",)
