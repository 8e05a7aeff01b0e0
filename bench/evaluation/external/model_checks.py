"""Check that a model takes images in [0, 1], returns a logit for each class, and has gradients for attacks.

BadInput where no number would mean anything; a warning where the model may be meant so, or the problem is only likely.
"""

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.foreign.messages import format_error, model_errors_as_bad_input
from bench.core.parsing import format_count
from bench.core.stats import mcnemar
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.evaluation.arguments import cast_for_model
from bench.evaluation.outcome import model_logits
from bench.models.freeze import frozen
from bench.models.modes import has_modes

SAMPLE_SIZE = 16  # images of the checks of single images
ACCURACY_SAMPLE = 256  # images of the comparison of pixel ranges
LOGIT_TOLERANCE = 1e-3  # relative to the largest logit: well above rounding errors of another batch size
MAX_P_VALUE, MIN_GAIN = 1e-3, 0.1  # another pixel range must be better by this share of images, with this p-value


def model_warnings(model: nn.Module, dataset: Dataset, images: Images, attacked: bool) -> list[str]:
    """What looks wrong with a model and what to do, a clause each. BadInput where it cannot be evaluated at all.

    images:   of the test set, on the model's device.
    attacked: whether it will be attacked, which needs gradients.
    """
    x = cast_for_model(model, images.x[:SAMPLE_SIZE])
    with model_errors_as_bad_input(), frozen(model):
        logits = _logits(model, x, dataset)
        return [
            *(_gradient_warnings(model, x, dataset) if attacked else []),
            *_mode_warnings(model),
            *_probability_warnings(logits),
            *(_randomness_warnings(model, x, logits) or _batch_warnings(model, x, logits)),
            *_pixel_warnings(model, dataset, images.first(ACCURACY_SAMPLE)),
        ]


def check_logits(model: nn.Module, dataset: Dataset, images: Images) -> None:
    """BadInput where the logits of the first few images are not finite, or not one for each class of the data set."""
    with model_errors_as_bad_input(), frozen(model):
        _logits(model, cast_for_model(model, images.x[:SAMPLE_SIZE]), dataset)


def is_stochastic(model: nn.Module, dataset: Dataset, images: Images) -> bool:
    """Whether the same images get other logits on a second call. BadInput as of `check_logits`."""
    x = cast_for_model(model, images.x[:SAMPLE_SIZE])
    with model_errors_as_bad_input(), frozen(model):
        return bool(_randomness_warnings(model, x, _logits(model, x, dataset)))


def _logits(model: nn.Module, x: Tensor, dataset: Dataset) -> Tensor:
    """Finite logits (B, K), one for each class; else BadInput."""
    shape, classes, seen = "x".join(map(str, x.shape[1:])), dataset.num_classes, x.clone()
    try:
        with torch.no_grad():
            logits = model_logits(model, seen)
    except BadInput:
        raise
    except Exception as error:  # foreign code may raise anything
        remedy = "let its first layer resize them, or name the --dataset that it is for"
        tensors = (*model.parameters(), *model.buffers())
        if "dtype" in str(error) or any(t.is_floating_point() and t.dtype != x.dtype for t in tensors):
            remedy = "its weights have another number format than the images, which .float() on it mends"
        raise BadInput(
            f"the model does not take images of {shape} pixels in [0, 1], {format_error(error)}; {remedy}"
        ) from error
    if not torch.equal(seen, x):
        raise BadInput(
            "the model writes into the images it is given; leave out in-place operations such as x.sub_(mean)"
        )
    if logits.shape[1] != classes:
        raise BadInput(
            f"the model gives {logits.shape[1]} logits an image, and {dataset.name} has "
            f"{format_count(classes, 'class', 'classes')}; "
            "return those of its classes in their order, or name the --dataset that it is for"
        )
    return logits


def _gradient_warnings(model: nn.Module, x: Tensor, dataset: Dataset) -> list[str]:
    """Warn of images with a gradient of exactly 0. BadInput where the logits cannot be differentiated."""
    wrong = "the logits carry no gradient to the image, as after no_grad, detach, numpy or argmax"
    remedy = "compute them with differentiable operations, or evaluate with --attacks none"
    z = x.clone().requires_grad_()
    try:
        logits: Tensor = model(z)
        if not logits.requires_grad:
            raise BadInput(f"{wrong}; {remedy}")
        mixed = logits * torch.arange(1.0, dataset.num_classes + 1, device=x.device)
        (grad,) = torch.autograd.grad(mixed.sum(), z, allow_unused=True)
    except RuntimeError as error:
        raise BadInput(f"the model cannot be differentiated, {format_error(error)}; {remedy}") from error
    if grad is None:
        raise BadInput(f"{wrong}; {remedy}")
    if not grad.isfinite().all():
        raise BadInput(
            "the gradient of the logits is NaN or infinite on some of the first "
            f"{format_count(len(x), 'image')}; {remedy}"
        )
    flat = int((grad.flatten(1) == 0).all(1).sum())
    warning = (
        f"the gradient is exactly 0 for {flat} of {format_count(len(x), 'image')}; "
        "remove the rounding or threshold that hides it"
    )
    return [warning] if flat else []


def _mode_warnings(model: nn.Module) -> list[str]:
    if not has_modes(model):
        return []
    stuck = [type(m).__name__ for m in model.modules() if getattr(m, "training", False)]
    warning = (
        f"train mode outlives eval() in {', '.join(dict.fromkeys(stuck))}; let train() and eval() reach every layer"
    )
    return [warning] if stuck else []


def _probability_warnings(logits: Tensor) -> list[str]:
    rows = bool((logits >= 0).all()) and bool(((logits.sum(1) - 1).abs() < LOGIT_TOLERANCE).all())
    warning = "the outputs are probabilities, which blind attacks by cross-entropy; return logits, without the softmax"
    return [warning] if rows else []


def _randomness_warnings(model: nn.Module, x: Tensor, logits: Tensor) -> list[str]:
    with torch.no_grad():
        change = _max_difference(model(x), logits)
    warning = (
        f"the same images get logits that differ by {change:.2g} on a second call; call eval(), so that dropout ends"
    )
    return [warning] if change > LOGIT_TOLERANCE * float(logits.abs().max()) else []


def _batch_warnings(model: nn.Module, x: Tensor, logits: Tensor) -> list[str]:
    try:
        with torch.no_grad():
            change = _max_difference(torch.cat([model(one) for one in torch.split(x, 1)]), logits)
    except Exception as error:  # such as an assertion on the size of a batch
        return [
            f"an image alone cannot be classified, {format_error(error)}; let the model compute batches of any size, "
            "and, if it has batch norms, call eval(), so that they use running statistics"
        ]
    warning = f"an image's logits change by {change:.2g} with the batch around it"
    remedy = "call eval() on every part, and let batch norm keep running statistics"
    return [f"{warning}; {remedy}"] if change > LOGIT_TOLERANCE * float(logits.abs().max()) else []


def _max_difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


@torch.no_grad()
def _pixel_warnings(model: nn.Module, dataset: Dataset, images: Images) -> list[str]:
    """Warn where the model is clearly more accurate on another pixel range, which is likely the one of its training."""
    x = cast_for_model(model, images.x[:])
    mean, std = _channels(dataset.mean, x), _channels(dataset.std, x)
    others = {
        "normalised by mean and std": (
            (x - mean) / std,
            "give --normalise meanstd, or let the model's first layer normalise",
        ),
        "in [-1, 1]": (2 * x - 1, "give --normalise pm1, or let the model's first layer compute 2 x - 1"),
        "in [0, 255]": (255 * x, "give --normalise 0,1/255, or let the model's first layer multiply by 255"),
        "with mean and std undone": (x * std + mean, "the model normalises twice, remove one of them, or --normalise"),
    }
    plain, better = _is_correct(model, x, images.y), {}
    for what, (z, remedy) in others.items():
        right = _is_correct(model, z, images.y)
        gained, lost = int((right & ~plain).sum()), int((plain & ~right).sum())
        if gained - lost > MIN_GAIN * len(x) and mcnemar(lost, gained) < MAX_P_VALUE:
            better[what] = float(right.float().mean()), remedy
    if not better:
        return []
    what, (accuracy, remedy) = max(better.items(), key=lambda item: item[1][0])
    before = f"{float(plain.float().mean()):.1%} of the first {len(x)} test images are right in [0, 1]"
    return [f"{before}, {accuracy:.1%} {what}; {remedy}"]


def _channels(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device).view(1, -1, 1, 1)


def _is_correct(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([model(part).argmax(1) for part in torch.split(x, ACCURACY_SAMPLE // 4)]) == y
