"""The clean test image."""

from dataclasses import dataclass

from bench.evaluation.conditions.base import Caption


@dataclass(frozen=True)
class Clean:
    """The condition that leaves the test image as it is.

    Example:
        >>> import torch
        >>> from bench import Clean, Images, outcomes
        >>> model = torch.nn.Flatten()  # the brightest of two pixels is the class
        >>> images = Images(torch.tensor([[[[0.9, 0.1]]], [[[0.9, 0.1]]]]), torch.tensor([0, 1]))
        >>> outcomes(model, images, Clean()).right
        array([ True, False])
    """

    @property
    def caption(self) -> Caption:
        return Caption("clean", "clean")
