"""What `bench speed` measures: each part a contest on one model."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.attacks import parse_attack
from bench.conditions import Attacked
from bench.data import Images
from bench.data.batches import to_float
from bench.evaluate import outcomes
from bench.folding import attackable, folded, twinned
from bench.inner import Ascent, frozen
from bench.judge import judge
from bench.losses import cross_entropy
from bench.passes import counting
from bench.recipe import RECIPES, Recipe, scaled
from bench.registrable import a_function_of
from bench.registry import Registry
from bench.search import places
from bench.seeding import image_stream, seeded
from bench.speed import peers
from bench.speed.lines import Line
from bench.speed.pages import report
from bench.speed.pictures import corruptions
from bench.speed.race import Contest, Contestant, Found
from bench.threat import L2, REFERENCE_EPS, Linf

BLOCK, LR = 128, 0.05  # AutoAttack's block; of SGD
AUTOATTACK = ("AutoAttack", "AutoAttack.screened")
CW = f"CW-L2[c={peers.CW_C},kappa=0,rate={peers.CW_RATE},searches=1,steps={peers.CW_STEPS}]"


@dataclass(frozen=True)
class Subject:
    """A model, and the test images that it is attacked on."""

    name: str
    model: nn.Module
    test: Images  # in test order, all of it, so that blocks are whole; on the model's device
    n: int
    threat: Linf
    batch_size: int
    classes: int

    def ours(self, attack: str, threat: Linf | L2 | None = None, precision: str = "fp32") -> Contestant:
        """The evaluator under an attack."""
        condition = Attacked(parse_attack(attack), threat or self.threat)

        def run() -> Found:
            outcome = outcomes(
                self.model, self.test, condition, n=self.n, precision=precision, batch_size=self.batch_size
            )
            distances = np.array(outcome.values) if condition.attack.minimal else None
            return Found(outcome.right, distances, outcome.forwards, outcome.backwards)

        return run

    def theirs(self, name: str, peer: peers.Peer, block: int | None = None) -> Contestant | None:
        """Another package's attack, judged by a forward pass; None if it is not installed.

        block: images that are attacked together whatever the number asked for.
        """
        if not peers.installed(name):
            return None
        seen = self.test.first(-(-self.n // (block or 1)) * (block or 1))
        x, y = to_float(seen.x), seen.y

        def run() -> Found:
            size, made = block or self.batch_size, []
            for start in range(0, len(x), size):
                with seeded("block", start, 0):  # what the evaluator seeds a block of its first seed by
                    made.append(peer(self.model, x[start : start + size], y[start : start + size], self.threat))
            x_adv = torch.cat(made)[: self.n]
            right = judge(self.model, x_adv, y[: self.n], self.batch_size).cpu().numpy()
            far = torch.linalg.vector_norm((x_adv - x[: self.n]).flatten(1), dim=1).cpu().numpy()
            return Found(right, np.where(right, np.inf, far).astype(np.float64))

        return run


@dataclass(frozen=True)
class Modelless:
    """A part that needs no model. lines: of so many repeats on a device."""

    lines: Callable[[int, torch.device], Iterator[Line]]


def check_part(name: str, item: object) -> str:
    """What keeps an item from being a part."""
    return "" if isinstance(item, Modelless) else a_function_of("subject")(name, item)


PARTS: Registry[Callable[[Subject], Contest] | Modelless] = Registry("part", check_part)


def pgd(subject: Subject) -> Contest:
    runners = {"PGD-20": subject.ours("PGD-20")}
    return Contest(
        runners | {name: subject.theirs(name, peer) for name, peer in peers.PGD.items()},
        tuple(("PGD-20", name) for name in peers.PGD),
    )


def bf16(subject: Subject) -> Contest:
    runners = {"PGD-20, bf16 search": subject.ours("PGD-20", precision="bf16"), "fp32": subject.ours("PGD-20")}
    return Contest(runners, (("PGD-20, bf16 search", "fp32"),), torch.bfloat16)


def cw(subject: Subject) -> Contest:
    theirs = subject.theirs("torchattacks", peers.carlini_wagner)
    return Contest({"CW-L2": subject.ours(CW, L2(np.inf)), "torchattacks": theirs}, (("CW-L2", "torchattacks"),))


def autoattack(subject: Subject) -> Contest:
    official, screened = AUTOATTACK
    return Contest(
        {
            official: subject.ours(official),
            screened: subject.ours(screened),
            "pyautoattack": subject.theirs("pyautoattack", peers.pyautoattack, BLOCK),
        },
        ((official, "pyautoattack"), (screened, official)),
    )


def overhead(subject: Subject) -> Contest:
    """The search of PGD-20, and the passes alone that it makes."""
    images, attack, batches = subject.test.first(subject.n), parse_attack("PGD-20"), list[Tensor]()
    x, y = to_float(images.x), images.y
    with frozen(subject.model):
        copy = attackable(subject.model, x[:64])

    def search() -> Found:
        with places(subject.batch_size), image_stream(range(len(x)), "attack", 0), counting(copy) as passes:
            attack(copy, x, y, subject.threat)
        return Found(None, None, passes.forwards, passes.backwards)

    handle = copy.register_forward_pre_hook(lambda model, inputs: batches.append(inputs[0].detach().clone()))
    search()
    handle.remove()

    def alone() -> Found:
        for batch in batches:
            z = batch.requires_grad_()
            torch.autograd.grad(copy(z).sum(), z)
        return Found()

    return Contest({"engine, PGD-20": search, "its passes alone": alone}, (("engine, PGD-20", "its passes alone"),))


def training(subject: Subject) -> Contest:
    """Steps of PGD-AT, with SGD, on the test images."""
    images = subject.test.first(subject.n)
    parts = (torch.split(tensor, subject.batch_size) for tensor in (to_float(images.x), images.y))
    batches = list(zip(*parts, strict=True))
    recipe = scaled(RECIPES["PGD-AT"], subject.threat.eps / REFERENCE_EPS)
    ascent: Ascent = recipe.adversary.ascent  # type: ignore[attr-defined]  # PGD-AT has one
    ours = deepcopy(subject.model).to(memory_format=torch.channels_last)
    theirs = deepcopy(subject.model)
    runners = {
        "training, PGD-AT": partial(_ours, recipe, ours, batches, subject.classes),
        "plain loop": partial(_plain, ascent, theirs, batches),
    }
    return Contest(runners, (("training, PGD-AT", "plain loop"),))


def _ours(recipe: Recipe, model: nn.Module, batches: list[tuple[Tensor, Tensor]], classes: int) -> Found:
    sgd = torch.optim.SGD(model.parameters(), LR, momentum=0.9)
    with twinned(model, batches[0][0]), counting(*{model, folded(model)}) as passes:
        for x, y in batches:
            model.train()
            loss = recipe.loss(model, x, F.one_hot(y, classes).float())
            sgd.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            sgd.step()
    return Found(None, None, passes.forwards, passes.backwards)


def _plain(ascent: Ascent, model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Found:
    """Attack in eval mode by autograd, then one step in train mode, as TRADES' code does."""
    sgd = torch.optim.SGD(model.parameters(), LR, momentum=0.9)
    for x, y in batches:
        model.eval()
        x_adv = ascent.first(x)
        for _ in range(ascent.steps):
            x_adv.requires_grad_()
            (grad,) = torch.autograd.grad(cross_entropy(model(x_adv), y).sum(), x_adv)
            x_adv = ascent.step(x_adv.detach(), grad, x)
        model.train()
        sgd.zero_grad()
        cross_entropy(model(x_adv), y).mean().backward()  # type: ignore[no-untyped-call]
        sgd.step()
    return Found()


PARTS.add("PGD-20", pgd)
PARTS.add("bf16", bf16)
PARTS.add("CW-L2", cw)
PARTS.add("AutoAttack", autoattack)
PARTS.add("overhead", overhead)
PARTS.add("training", training)
PARTS.add("corruptions", Modelless(corruptions))
PARTS.add("report", Modelless(report))
