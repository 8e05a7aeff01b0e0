"""The optimiser of a training, and its learning rate."""

import torch
from torch import nn

from bench.training.job import Job


def build_optimiser(job: Job, model: nn.Module) -> torch.optim.Optimizer:
    """SGD or Adam; weight decay on all weights, or on kernels of convolutions and linear layers only."""
    plan, trained = job.plan, [p for p in model.parameters() if p.requires_grad]
    spared = [p for p in trained if job.recipe.decay == "kernels" and p.ndim < 2]
    groups = [
        {"params": [p for p in trained if not any(p is s for s in spared)], "weight_decay": plan.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    if plan.optimiser == "adam":
        return torch.optim.Adam(groups, plan.lr)
    return torch.optim.SGD(groups, plan.lr, momentum=plan.momentum)


def set_learning_rate(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Give all weights this learning rate from now on."""
    for group in optimiser.param_groups:
        group["lr"] = lr
