"""Does a model keep the contract: [0, 1] images in, a logit for each class out, differentiable for attacks?

What makes every number wrong is refused. What may be meant, or is only likely from what the model does, is a doubt.
"""

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.foreign.messages import format_error, model_errors_as_bad_input
from bench.core.stats import mcnemar
from bench.data.dataset import Dataset, Images
from bench.evaluation.arguments import as_seen_by
from bench.evaluation.outcome import model_logits
from bench.models.freeze import frozen
from bench.models.modes import has_modes

FEW = 16  # images that are looked at one by one
MANY = 256  # images that accuracies are compared on
APART = 1e-3  # of the largest logit: what the arithmetic of another batch size may change, with a wide margin
SURE, CLEAR = 1e-3, 0.1  # p-value and share of images by which other pixels must do better


def model_warnings(model: nn.Module, dataset: Dataset, images: Images, attacked: bool) -> list[str]:
    """What looks wrong, a clause each, with what to do. BadInput where nothing can be measured at all.

    images:   of the test set, on the model's device.
    attacked: whether gradients will be asked for.
    """
    x = as_seen_by(model, images.x[:FEW])
    with model_errors_as_bad_input(), frozen(model):
        logits = _logits(model, x, dataset)
        return [
            *(_gradient(model, x, dataset) if attacked else []),
            *_modes(model),
            *_probabilities(logits),
            *(_random(model, x, logits) or _batchwise(model, x, logits)),
            *_pixels(model, dataset, images.first(MANY)),
        ]


def check_logits(model: nn.Module, dataset: Dataset, images: Images) -> None:
    """BadInput where a model gives no finite logits of the first few images, one a class of the data set."""
    with model_errors_as_bad_input(), frozen(model):
        _logits(model, as_seen_by(model, images.x[:FEW]), dataset)


def is_stochastic(model: nn.Module, dataset: Dataset, images: Images) -> bool:
    """Whether the same images get other logits on a second call. BadInput where they get none of this data set's."""
    x = as_seen_by(model, images.x[:FEW])
    with model_errors_as_bad_input(), frozen(model):
        return bool(_random(model, x, _logits(model, x, dataset)))


def _logits(model: nn.Module, x: Tensor, dataset: Dataset) -> Tensor:
    """Finite logits (B, K), one a class."""
    shape, classes, seen = "x".join(map(str, x.shape[1:])), dataset.num_classes, x.clone()
    try:
        with torch.no_grad():
            logits = model_logits(model, seen)
    except BadInput:
        raise
    except Exception as error:  # anybody's code may raise anything
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
            f"the model gives {logits.shape[1]} logits an image, and {dataset.name} has {classes} classes; "
            "return those of its classes in their order, or name the --dataset that it is for"
        )
    return logits


def _gradient(model: nn.Module, x: Tensor, dataset: Dataset) -> list[str]:
    """Images at which there is no slope at all. BadInput where the logits cannot be differentiated."""
    wrong = "the logits carry no gradient to the image, as after no_grad, detach, numpy or argmax"
    remedy = "compute them with differentiable operations, or judge with --attacks none"
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
        raise BadInput(f"the gradient of the logits is NaN or infinite on some of the first {len(x)} images; {remedy}")
    flat = int((grad.flatten(1) == 0).all(1).sum())
    said = f"the gradient is exactly 0 for {flat} of {len(x)} images; remove the rounding or threshold that hides it"
    return [said] if flat else []


def _modes(model: nn.Module) -> list[str]:
    if not has_modes(model):
        return []
    stuck = [type(m).__name__ for m in model.modules() if getattr(m, "training", False)]
    said = f"train mode outlives eval() in {', '.join(dict.fromkeys(stuck))}; let train() and eval() reach every layer"
    return [said] if stuck else []


def _probabilities(logits: Tensor) -> list[str]:
    rows = bool((logits >= 0).all()) and bool(((logits.sum(1) - 1).abs() < APART).all())
    said = "the outputs are probabilities, which blind attacks by cross-entropy; return logits, without the softmax"
    return [said] if rows else []


def _random(model: nn.Module, x: Tensor, logits: Tensor) -> list[str]:
    with torch.no_grad():
        change = _apart(model(x), logits)
    said = f"the same images get logits that differ by {change:.2g} on a second call; call eval(), so that dropout ends"
    return [said] if change > APART * float(logits.abs().max()) else []


def _batchwise(model: nn.Module, x: Tensor, logits: Tensor) -> list[str]:
    try:
        with torch.no_grad():
            change = _apart(torch.cat([model(one) for one in torch.split(x, 1)]), logits)
    except Exception as error:  # such as an assertion on the size of a batch
        return [
            f"an image alone cannot be judged, {format_error(error)}; let the model compute batches of any size, "
            "and, if it has batch norms, call eval(), so that they use running statistics"
        ]
    said = f"an image's logits change by {change:.2g} with the batch around it"
    remedy = "call eval() on every part, and let batch norm keep running statistics"
    return [f"{said}; {remedy}"] if change > APART * float(logits.abs().max()) else []


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


@torch.no_grad()
def _pixels(model: nn.Module, dataset: Dataset, images: Images) -> list[str]:
    """Whether the model does clearly better on images in another range, which is then the one it was trained for."""
    x, (mean, std) = as_seen_by(model, images.x), (_channels(dataset.mean, images.x), _channels(dataset.std, images.x))
    others = {
        "normalised by mean and std": (
            (x - mean) / std,
            "give --normalise meanstd, or let the model's first layer normalise",
        ),
        "in [-1, 1]": (2 * x - 1, "give --normalise pm1, or let the model's first layer compute 2 x - 1"),
        "in [0, 255]": (255 * x, "give --normalise 0,1/255, or let the model's first layer multiply by 255"),
        "with mean and std undone": (x * std + mean, "the model normalises twice, remove one of them, or --normalise"),
    }
    plain, found = _right(model, x, images.y), {}
    for what, (z, remedy) in others.items():
        right = _right(model, z, images.y)
        gained, lost = int((right & ~plain).sum()), int((plain & ~right).sum())
        if gained - lost > CLEAR * len(x) and mcnemar(lost, gained) < SURE:
            found[what] = float(right.float().mean()), remedy
    if not found:
        return []
    what, (accuracy, remedy) = max(found.items(), key=lambda item: item[1][0])
    before = f"{float(plain.float().mean()):.1%} of the first {len(x)} test images are right in [0, 1]"
    return [f"{before}, {accuracy:.1%} {what}; {remedy}"]


def _channels(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device).view(1, -1, 1, 1)


def _right(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([model(part).argmax(1) for part in torch.split(x, MANY // 4)]) == y
