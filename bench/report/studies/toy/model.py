"""The Gaussian toy model of adversarial feature overfitting: closed forms and a simulation.

Lee, Lee, Yoon, "Adversarial Vertex Mixup: Toward Better Adversarially Robust Generalization", CVPR 2020,
arXiv:2003.02484, section 3; the first lemma is from Schmidt et al., NeurIPS 2018, arXiv:1804.11285.

Example 1: y = +-1, x ~ N(y theta, s^2 I) with |theta| = sqrt(d); the classifier is sign(w.x), w the direction of the
mean of y_i x_i over n images. Examples 2 and 3: x_1 ~ N(y, sa^2), and d weak features ~ N(eta y, sb^2), the first c of
which look like x_1 in the training sample; w >= 0, |w|_1 = 1. Radii eps are in Linf.
"""

import math
from dataclasses import dataclass

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def kappa(n: int, s: float) -> float:
    """kappa, for which <w, theta> >= kappa sqrt(d) with at least `probability`."""
    return (2 * math.sqrt(n) - 1) / (2 * math.sqrt(n) + 4 * s)


def probability(d: int, s: float) -> float:
    """Lower bound of the probability with which `kappa` holds."""
    return 1 - 2 * math.exp(-d / (8 * (s**2 + 1)))


def error_bound(d: int, n: int, s: float, eps: float = 0.0) -> float:
    """Upper bound of the error within radius eps, if `kappa` holds. ValueError if eps > kappa, where there is none."""
    k = kappa(n, s)
    if eps > k:
        raise ValueError(f"eps={eps:g} is beyond kappa={k:g}, up to which the bound is one")
    return math.exp(-d * (k - eps) ** 2 / (2 * s**2))


def error(w: Array, theta: Array, s: float, eps: float = 0.0) -> float:
    """Exact error of sign(w.x) within radius eps."""
    from scipy.special import ndtr

    return float(ndtr(-(w @ theta - eps * np.abs(w).sum()) / (s * np.linalg.norm(w))))


def learn(theta: Array, n: int, s: float, trials: int, rng: np.random.Generator) -> Array:
    """Classifiers w (trials, d) learned from samples of n images; only the mean of each sample is drawn."""
    means = theta + s / math.sqrt(n) * rng.standard_normal((trials, len(theta)))
    directions: Array = means / np.linalg.norm(means, axis=1, keepdims=True)
    return directions


def radius_of_equal_bounds(n: int, s: float, nu: float) -> float:
    """eps*: within it, the bound of the robust error at nu s is at most that of the standard error at s."""
    return kappa(n, nu * s) - nu * kappa(n, s)


def radius_of_theorem_1(n: int, s: float, nu: float) -> float:
    """Equation 5 of the paper; no larger than eps*, and so sufficient."""
    return (2 * math.sqrt(n) - 1) * (1 - nu) / (2 * math.sqrt(n) + 4 * s)


def slope_of_theorem_1(n: int, s: float) -> float:
    """Corollary 1: by how much that radius grows as the robust sample's spread nu s shrinks by one."""
    return (2 * math.sqrt(n) - 1) / (s * (2 * math.sqrt(n) + 4 * s))


@dataclass(frozen=True)
class Weak:
    """Parameters of examples 2 and 3, and of the training of the linear model on the latter."""

    d: int = 20  # weak features
    c: int = 5  # of these, features that look strong in the sample
    sa: float = 0.1
    sb: float = 1.0
    eta: float = 0.3
    eps: float = 0.2  # below eta, above which weak features are of no use
    scale: float = 4.0  # logit = scale * w.x; as |w|_1 = 1, probabilities would not reach 0.9 with 1
    images: int = 2000
    steps: int = 400
    rate: float = 0.1

    @property
    def ratio(self) -> float:
        return (self.sa / self.sb) ** 2

    def tie_weights(self, wb: float) -> Array:
        """Weights (d + 1,) with wb on each of the d - c honest weak features, and the rest spread evenly."""
        strong = (1 - (self.d - self.c) * wb) / (self.c + 1)
        weights: Array = np.r_[np.full(self.c + 1, strong), np.full(self.d - self.c, wb)]
        return weights

    def variance(self, w: Array, sample: bool) -> float:
        """Variance of w.x given y; in the sample the c features have the variance of the strong one."""
        narrow = np.arange(self.d + 1) <= (self.c if sample else 0)
        return float(np.square(w * np.where(narrow, self.sa, self.sb)).sum())

    def robust_error(self, w: Array) -> float:
        """Exact robust error within eps on the true distribution."""
        from scipy.special import ndtr

        margin = w[0] + self.eta * w[1:].sum() - self.eps
        return float(ndtr(-margin / math.sqrt(self.variance(w, sample=False))))

    def best(self) -> float:
        """The wb whose tied weights have the lowest true robust error, to four digits."""
        points = np.linspace(0, 1 / (self.d + 1), 2001)
        return float(points[np.argmin([self.robust_error(self.tie_weights(wb)) for wb in points])])

    def train(self, keep: float, rng: np.random.Generator) -> Array:
        """Weights (steps + 1, d + 1) over adversarial training on the sample, logistic loss, labels sm(y, keep).

        Exponentiated gradient, which stays on w >= 0, |w|_1 = 1; there the worst image within eps costs w.x eps.
        """
        from scipy.special import expit

        mean = np.r_[np.ones(self.c + 1), np.full(self.d - self.c, self.eta)]
        spread = np.r_[np.full(self.c + 1, self.sa), np.full(self.d - self.c, self.sb)]
        x = mean + spread * rng.standard_normal((self.images, self.d + 1))  # times y, by symmetry
        w = np.full(self.d + 1, 1 / (self.d + 1))
        history = [w]
        for _ in range(self.steps):
            push = keep - expit(self.scale * (x @ w - self.eps))
            w = w * np.exp(self.rate * self.scale * (push @ x) / self.images)
            w = w / w.sum()
            history.append(w)
        return np.array(history)


def weight_in_sample(d: int, c: int, r: float) -> float:
    """Theorem 2: the honest weak weight with the least variance in the sample, r = (sa/sb)^2; 0 as r -> 0."""
    return r / ((c + 1) + (d - c) * r)


def weight_in_truth(d: int, c: int, r: float) -> float:
    """Theorem 3: the same in the true distribution, weights tied; c / (c d + 2 c + 1) as r -> 0."""
    return (r + c) / ((c + 1) ** 2 + (d - c) * (r + c))
