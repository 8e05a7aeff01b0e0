"""Improved Kullback-Leibler loss (IKL-AT), from the decoupled form of the KL divergence (DKL).

Cui, Tian, Zhong, Qi, Yu, Zhang, "Decoupled Kullback-Leibler Divergence Loss", NeurIPS 2024, arXiv:2305.13948. Loss and
constants from the authors' DKLv1/Adv-training-dkl/train_dkl_cifar10.py: its settings for CIFAR-10, and the five steps
that its schedule of steps comes to. The radius grows with the epochs. They add AWP (IKL-AT+AWP) and average weights.
"""

from dataclasses import dataclass

import torch
from torch import nn

from bench import RECIPES, Ascent, BadInput, Linf, Recipe, cross_entropy, epoch_share, frozen, kl, scaled, whole_batch


@dataclass(frozen=True)
class Ikl(Recipe):
    """Clean loss, plus the two parts of the KL divergence: one on differences of logits, one a soft cross-entropy."""

    inner: Ascent = Ascent(Linf(8 / 255), steps=5, step_size=4 / 255)
    alpha: float = 4.0  # weight of the soft cross-entropy
    beta: float = 20.0  # weight of the squared differences of logits
    temperature: float = 4.0  # of predictions whose means weight the differences

    def prepare(self, model):
        return WithClassMeans(model)

    def finish(self, model):
        return {"main": model.model}

    def loss(self, model, x, q):
        inner = scaled(self.inner, epoch_share())
        with frozen(model) as attacked:
            p = attacked(x).softmax(1)
            x_adv = inner.maximise(lambda z: kl(p, attacked(z)), x, x + 0.001 * torch.randn_like(x))
        logits_adv, logits = model(x_adv), model(x)
        (means,) = (m for m in model.modules() if isinstance(m, WithClassMeans))
        weights = q @ means.update(q, (logits.detach() / self.temperature).softmax(1))
        difference = logits - logits_adv  # sum_jk w_j w_k (d_j - d_k)^2 / 4, as the weights w sum to 1:
        squares = ((weights * difference**2).sum(1) - (weights * difference).sum(1) ** 2) / 2
        soft = cross_entropy(logits_adv, logits.detach().softmax(1))
        return (cross_entropy(logits, q) + self.beta * squares + self.alpha * soft).mean()


class WithClassMeans(nn.Module):
    """A model, and the mean prediction for images of each class in the epoch before, uniform in the first one."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1:]
        if not last:
            raise BadInput("IKL-AT needs a model that ends in nn.Linear, as it counts classes by its outputs")
        classes = last[0].out_features
        self.register_buffer("means", torch.full((classes, classes), 1 / classes))  # of the epoch before
        self.register_buffer("sums", torch.zeros(classes, classes))  # of this epoch
        self.register_buffer("epoch", torch.zeros(()))  # epoch_share() of `sums`

    def forward(self, x):
        return self.model(x)

    @torch.no_grad()
    def update(self, q, p):
        """Means (K, K) of the epoch before, a row a class; labels q and predictions p (B, K) count for the next."""
        if abs(self.epoch - epoch_share()) > 1e-6:  # it is the first batch of an epoch
            total = self.sums.sum(1, keepdim=True)
            self.means.copy_(torch.where(total > 0, self.sums / total.clamp_min(1e-12), self.means))
            self.sums.zero_()
            self.epoch.fill_(epoch_share())
        self.sums += whole_batch(q).T @ whole_batch(p).to(q)
        return self.means.to(q)


RECIPES.add("IKL-AT", Ikl())
