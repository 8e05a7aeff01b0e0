"""The model of a speed measurement, and the functions that attack it."""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bench.attacks.parse import parse_attack
from bench.commands.speed import peers
from bench.commands.speed.race import Contestant, RaceResult
from bench.core.rng import fixed_seed
from bench.core.threats.linf import Linf
from bench.core.threats.threat import Threat
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.evaluation.outcome import is_correct
from bench.models.freeze import frozen

WARM_UP_IMAGES = 2  # images that a peer attacks before the clock starts, so that imports and first calls are over


@dataclass(frozen=True)
class Subject:
    """A model, and the test images that it is attacked on."""

    name: str
    model: nn.Module
    test: Images  # all test images in order, so that blocks are complete; on the device of the model
    n: int  # number of images to attack
    threat: Linf
    batch_size: int
    classes: int
    pad: int = 0  # augmentation of training images
    flip: bool = False

    def ours(self, attack: str, threat: Threat | None = None, precision: str = "fp32") -> Contestant:
        """A function that evaluates the model under an attack of this bench."""
        condition = Attacked(parse_attack(attack), threat or self.threat)

        def run() -> RaceResult:
            outcome = outcomes(
                self.model, self.test, condition, n=self.n, precision=precision, batch_size=self.batch_size
            )
            distances = np.array(outcome.values) if condition.attack.minimal else None
            return RaceResult(outcome.right, distances, outcome.forwards, outcome.backwards)

        return run

    def theirs(
        self, name: str, peer: peers.Peer, block: int | None = None, without_weights: bool = False
    ) -> Contestant | None:
        """A function that attacks the model by another package; None if it is not installed.

        block: number of images that are attacked together, also if fewer are asked for; no warm-up, as it takes long.
        without_weights: the weights require no gradients, which users of the package seldom arrange.
        """
        if not peers.is_installed(name):
            return None
        context = frozen if without_weights else nullcontext
        attacked = self.test.first(-(-self.n // (block or 1)) * (block or 1))
        x, y = to_float(attacked.x[:]), attacked.y

        if block is None:
            peer(self.model, x[:WARM_UP_IMAGES], y[:WARM_UP_IMAGES], self.threat)
        else:
            peers.import_quietly(name)

        def run() -> RaceResult:
            size, made = block or self.batch_size, []
            for start in range(0, len(x), size):
                with (
                    fixed_seed("block", start, 0),
                    context(self.model),
                ):  # the seed that the evaluator uses for a block
                    made.append(peer(self.model, x[start : start + size], y[start : start + size], self.threat))
            x_adv = torch.cat(made)[: self.n]
            right = is_correct(self.model, x_adv, y[: self.n], self.batch_size).cpu().numpy()
            far = torch.linalg.vector_norm((x_adv - x[: self.n]).flatten(1), dim=1).cpu().numpy()
            return RaceResult(right, np.where(right, np.inf, far).astype(np.float64))

        return run
