"""The parts of `bench speed`: each is a comparison with other packages on one model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.attacks.parse import parse_attack
from bench.attacks.searches.search import batch_limit
from bench.commands.speed import peers
from bench.commands.speed.corruptions import corruptions
from bench.commands.speed.epochs import race_epochs, race_epochs_in_bf16
from bench.commands.speed.race import Contest, Contestant, RaceResult, frozen_name
from bench.commands.speed.reports import report
from bench.commands.speed.subject import Subject
from bench.commands.speed.table import SpeedLine
from bench.core.passes import count_passes
from bench.core.registration.checks import function_check
from bench.core.registry import Registry
from bench.core.rng import image_stream
from bench.core.threats.l2 import L2
from bench.data.loader import to_float
from bench.models.batch_norm.folding import fast_copy
from bench.models.freeze import frozen

AUTOATTACK_BLOCK = 128  # images that AutoAttack attacks together
AUTOATTACK = ("AutoAttack", "AutoAttack.screened")
CW = f"CW-L2[c={peers.CW_C},kappa=0,rate={peers.CW_RATE},searches=1,steps={peers.CW_STEPS}]"


@dataclass(frozen=True)
class PartWithoutModel:
    """A part that needs no model. lines: measures it, with a number of repeats, on a device."""

    lines: Callable[[int, torch.device], Iterator[SpeedLine]]


def check_part(name: str, item: object) -> str:
    """What is wrong with a part; empty if nothing is. The check of `PARTS`."""
    return "" if isinstance(item, PartWithoutModel) else function_check("subject")(name, item)


PARTS: Registry[Callable[[Subject], Contest] | PartWithoutModel] = Registry(
    "part", check_part, folder="bench.commands.speed"
)


def pgd(subject: Subject) -> Contest:
    """PGD-20 against other packages'."""
    runners: dict[str, Contestant | None] = {"PGD-20": subject.ours("PGD-20")}
    for name, peer in peers.PGD.items():
        runners[name] = subject.theirs(name, peer)
        runners[frozen_name(name)] = subject.theirs(name, peer, without_weights=True)
    return Contest(runners, tuple(("PGD-20", name) for name in peers.PGD))


def bf16(subject: Subject) -> Contest:
    """The search in bf16 against fp32."""
    runners = {"PGD-20, bf16 search": subject.ours("PGD-20", precision="bf16"), "fp32": subject.ours("PGD-20")}
    return Contest(runners, (("PGD-20, bf16 search", "fp32"),), torch.bfloat16)


def cw(subject: Subject) -> Contest:
    """CW-L2 with a fixed c against torchattacks'."""
    name, peer = "torchattacks", peers.carlini_wagner
    theirs = {name: subject.theirs(name, peer), frozen_name(name): subject.theirs(name, peer, without_weights=True)}
    return Contest({"CW-L2": subject.ours(CW, L2(np.inf)), **theirs}, (("CW-L2", name),))


def autoattack(subject: Subject) -> Contest:
    """AutoAttack against the package that it calls, and with screening against without."""
    official, screened = AUTOATTACK
    return Contest(
        {
            official: subject.ours(official),
            screened: subject.ours(screened),
            "pyautoattack": subject.theirs("pyautoattack", peers.pyautoattack, AUTOATTACK_BLOCK),
        },
        ((official, "pyautoattack"), (screened, official)),
    )


def overhead(subject: Subject) -> Contest:
    """The search of PGD-20, against its forward and backward passes without the rest."""
    images, attack, batches = subject.test.first(subject.n), parse_attack("PGD-20"), list[Tensor]()
    x, y = to_float(images.x[:]), images.y
    with frozen(subject.model):
        copy = fast_copy(subject.model, x[:64])

    def search() -> RaceResult:
        with batch_limit(subject.batch_size), image_stream(range(len(x)), "attack", 0), count_passes(copy) as passes:
            attack(copy, x, y, subject.threat)
        return RaceResult(None, None, passes.forwards, passes.backwards)

    handle = copy.register_forward_pre_hook(lambda model, inputs: batches.append(inputs[0].detach().clone()))
    search()
    handle.remove()

    def run_passes() -> RaceResult:
        for batch in batches:
            z = batch.requires_grad_()
            torch.autograd.grad(copy(z).sum(), z)
        return RaceResult()

    runners = {"engine, PGD-20": search, "its passes alone": run_passes}
    return Contest(runners, (("engine, PGD-20", "its passes alone"),))


PARTS.add("PGD-20", pgd)
PARTS.add("bf16", bf16)
PARTS.add("CW-L2", cw)
PARTS.add("AutoAttack", autoattack)
PARTS.add("overhead", overhead)
PARTS.add("training", race_epochs)
PARTS.add("training.bf16", race_epochs_in_bf16)
PARTS.add("corruptions", PartWithoutModel(corruptions))
PARTS.add("report", PartWithoutModel(report))
