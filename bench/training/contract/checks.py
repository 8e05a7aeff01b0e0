"""The contract of recipes, as a list of checks that the tests and `bench check FILE.py` run.

A check is a function (recipe) that raises Broken with a sentence on what it saw. Its name is shown to users.
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

VALUE_CHECKS: tuple[Check, ...] = (  # quick; run before a training is planned
    it_is_a_frozen_value,
    its_settings_survive_copies,
    its_repr_is_stable,
    it_starts_somewhere,
)
CHECKS: tuple[Check, ...] = (
    *VALUE_CHECKS,
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
FATAL_CHECKS = (
    it_is_a_frozen_value,
    the_loss_is_one_finite_number,
)  # if these fail, all others would fail for the same reason


def examine(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Run the checks; yields title and message of each, an empty message if it passed. Stops if a vital one fails."""
    for check in CHECKS:
        wrong = run_check(check, recipe)
        yield title_of(check), wrong
        if wrong and check in FATAL_CHECKS:
            return


def title_of(check: Check) -> str:
    """The name of a check as words."""
    return check.__name__.replace("_", " ")


def run_check(check: Check, recipe: Recipe) -> str:
    """Run a check; returns its message, or what the recipe's code raised; empty if it passed."""
    try:
        with guarded_call():
            check(recipe)
    except Broken as broken:
        return str(broken)
    except Exception as error:  # a plug-in's code may raise anything
        return f"it raised {format_error(error, home_of(recipe))}"
    return ""
