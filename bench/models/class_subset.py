"""Models evaluated by their logits of some of their classes, as on ImageNet-A, which has 200 of ImageNet's 1,000."""

import torch
from torch import Tensor, nn

from bench.data.dataset import Dataset


class ClassSubset(nn.Module):
    """The logits (B, k) of k classes out of the logits (B, K) of a model, as in the official code of ImageNet-A.

    Logits of another number of classes than K are returned as they are, for models of the k classes alone.

    Args:
        model: from images to logits (B, K).
        places: of the k classes among the K, in their order.
        classes: K.
    """

    places: Tensor

    def __init__(self, model: nn.Module, places: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.model, self.classes = model, classes
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] != self.classes:
            return logits
        return logits[:, self.places]


def restrict_classes(model: nn.Module, dataset: Dataset) -> nn.Module:
    """The model with the logits of the data set's classes alone; the model itself where it is trained on just these."""
    places = dataset.logit_places
    if places is None or dataset.trained_on is None:
        return model
    return ClassSubset(model, places, dataset.trained_on.num_classes)


def model_of_all_classes(model: nn.Module) -> nn.Module:
    """The model that `restrict_classes` was given."""
    return model.model if isinstance(model, ClassSubset) else model
