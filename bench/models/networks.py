"""A second network beside a model, for recipes that train two or ask another one for labels."""

from collections.abc import Mapping
from copy import deepcopy

from torch import Tensor, nn

from bench.models.batch_norm.switches import MAIN_BRANCH, Switch

HELPER = "helper"  # the network that gets the weights of `Recipe.helper`


class Networks(Switch):
    """Networks of one architecture by name, of which `choice` is the one in use; the others are not computed."""

    def __init__(self, main: nn.Module, name: str) -> None:
        super().__init__(MAIN_BRANCH)
        self.networks = nn.ModuleDict({MAIN_BRANCH: main, name: deepcopy(main)})

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.networks[self.choice](x)
        return out

    def plain(self) -> nn.Module:
        return self.networks[self.choice]


def add_network(model: nn.Module, name: str, trained: bool = True) -> nn.Module:
    """Put a second network beside a model, with the same architecture and weights.

    Inside `with branch(result, name):` the second network computes, and the model itself outside all blocks;
    `plain(result, "main")` is the model alone again.

    Args:
        model: images (B, C, H, W) to logits (B, K).
        name: of the second network; `helper` for one that gets the weights of a finished model, see `Recipe.helper`.
        trained: whether the second network is trained as well.

    Returns:
        A model of both, which contains the given one.

    Example:
        >>> import torch
        >>> from bench import add_network, branch
        >>> both = add_network(torch.nn.Linear(2, 2), "second")
        >>> _ = torch.nn.init.zeros_(both.networks["second"].weight)
        >>> with branch(both, "second"):
        ...     (both(torch.ones(1, 2)) == both.networks["second"].bias).all().item()
        True
    """
    both = Networks(model, name)
    both.networks[name].requires_grad_(trained)
    return both


def load_helper(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give the network `helper` of a model with `add_network` these weights, a state dict of the architecture."""
    for networks in (m for m in model.modules() if isinstance(m, Networks)):
        networks.networks[HELPER].load_state_dict(weights)
