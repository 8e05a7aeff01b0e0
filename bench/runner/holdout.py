"""Which images a training learns from, and which it is watched on while it does.

The best epoch is the one that is most robust on the watched images. A budget of the bench's own holds them out of the
images that are asked for. `--budget paper` trains on as many images as the paper does, so there they come on top of
these; where a paper trains on all images that a data set has, the first test images are watched, as the papers do that
print a best epoch. The words of the budget say which.
"""

from dataclasses import dataclass

from bench.core.errors import BadInput
from bench.core.plan import Budget
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset, Images
from bench.report.studies.papers.plans import STANDARD, plan_of_recipe
from bench.runner.budgets import LAPTOP, PAPER
from bench.runner.request import Request

SHARE, MOST = 10, 1000  # one image watched for ten that are asked for, a thousand at most
FEWEST = 20  # training images: below that there is no hold-out to speak of


@dataclass(frozen=True)
class Split:
    """The images of a training."""

    asked: int  # training images as the user or the budget names them
    train: Images  # to learn from
    watched: Images
    fingerprint: str  # of all training images that are read
    words: str = ""  # what is watched, behind the number of training images; empty: what the bench always held out
    on_test: bool = False  # whether the watched images are test images


def split_of(
    request: Request, budget_name: str, budget: Budget, data: Dataset, test: Images, shelf: ImageCache
) -> Split:
    """As many training images as were asked for, or the budget's number where there are so many, and those to watch."""
    there = shelf.size(data, "train")
    asked = request.limit_train or min(budget.train or there, there)
    if asked < FEWEST:
        raise BadInput(f"{asked} training images are too few: {FEWEST} or more are needed")
    held = min(MOST, asked // SHARE)
    if budget_name != PAPER:
        images = shelf.load(data, "train", asked)
        words = (
            f" ({held} held out)" if budget_name == LAPTOP else ""
        )  # others came before, and their runs keep their names
        return Split(asked, images.first(asked - held), _from(images, asked - held), images.fingerprint(), words)
    if asked + held <= there:
        images = shelf.load(data, "train", asked + held)
        words = f", watched on {held} more"
        return Split(asked, images.first(asked), _from(images, asked), images.fingerprint(), words)
    images, watched = shelf.load(data, "train", asked), test.first(min(MOST, len(test)))
    words = f", watched on {len(watched)} test images"
    return Split(asked, images, watched, images.fingerprint(), words, on_test=True)


def judged_epochs(request: Request, budget: Budget, split: Split, recipes: list[str]) -> tuple[str, ...]:
    """Which models of a training are judged: those of the budget.

    An epoch that was chosen on test images is judged only where a paper prints such a one.
    """
    sources = [*recipes, *([STANDARD[request.paper]] if request.paper else [])]
    is_printed = any(plan_of_recipe(name).reports == "best" for name in sources)
    return budget.judged if is_printed or not split.on_test else ("last",)


def _from(images: Images, start: int) -> Images:
    return Images(images.x[start:], images.y[start:])
