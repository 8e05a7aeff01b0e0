"""What every recipe owes the bench: ours are tested by these checks, and yours are by `bench check FILE.py`.

A check is a function of a recipe that raises Broken with a sentence on what it saw.
"""

from collections.abc import Callable, Iterator

from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error, home_of
from bench.training.contract.images import images_and_labels_stay, its_radii_scale, training_images_are_in_range
from bench.training.contract.loss import (
    batches_may_be_of_any_size,
    every_weight_learns,
    no_gradient_is_left_behind,
    same_seed_same_loss,
    the_loss_is_one_finite_number,
    two_classes_are_enough,
)
from bench.training.contract.model import (
    finished_models_are_plain,
    one_step_on_cifar_shapes,
    one_step_on_digits_shapes,
    the_cost_is_counted,
    the_model_goes_on_training,
)
from bench.training.contract.probe import Broken
from bench.training.contract.value import (
    it_is_a_frozen_value,
    it_starts_somewhere,
    its_repr_is_stable,
    its_settings_survive_copies,
)
from bench.training.recipe import Recipe

Check = Callable[[Recipe], None]

VALUE: tuple[Check, ...] = (  # quick, and asked before anything is planned with a recipe
    it_is_a_frozen_value,
    its_settings_survive_copies,
    its_repr_is_stable,
    it_starts_somewhere,
)
CHECKS: tuple[Check, ...] = (
    *VALUE,
    the_loss_is_one_finite_number,
    batches_may_be_of_any_size,
    every_weight_learns,
    no_gradient_is_left_behind,
    same_seed_same_loss,
    two_classes_are_enough,
    images_and_labels_stay,
    training_images_are_in_range,
    its_radii_scale,
    the_model_goes_on_training,
    the_cost_is_counted,
    finished_models_are_plain,
    one_step_on_digits_shapes,
    one_step_on_cifar_shapes,
)
VITAL = (it_is_a_frozen_value, the_loss_is_one_finite_number)  # where these fail, the rest would for the same reason


def examine(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The title of each check and what it saw, empty where nothing is wrong; up to a vital one that fails."""
    for check in CHECKS:
        wrong = saw(check, recipe)
        yield title(check), wrong
        if wrong and check in VITAL:
            return


def title(check: Check) -> str:
    return check.__name__.replace("_", " ")


def saw(check: Check, recipe: Recipe) -> str:
    """What is wrong, as the check or the recipe's own code says it."""
    try:
        with guarded_call():
            check(recipe)
    except Broken as broken:
        return str(broken)
    except Exception as error:  # anybody's code may raise anything
        return f"it raised {format_error(error, home_of(recipe))}"
    return ""
