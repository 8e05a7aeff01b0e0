"""The questions of the exam: is there an image within a radius of this one that the network gets wrong?"""

import hashlib
import json
import math
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.data.images import Images
from bench.evaluation.exam.nets import WEIGHTS, load_nets

FILE = Path(__file__).parent / "data/questions.npz"
PROVENANCE = Path(__file__).parent / "data/provenance.json"
RATIOS = (0.9, 0.98, 1.02, 1.1, 1.3)  # of the asked radius to the distance of the nearest error
CLEARANCE = 0.001  # share of the distance by which radii stay outside of the proved bounds


@dataclass(frozen=True, eq=False)
class ExamNet:
    """A network of the exam, and images that it classifies correctly, all at one distance from the nearest error.

    Args:
        name: of the network.
        exact: the network in float64, images (B, C, H, W) in [0, 1] to logits (B, K); no attack sees it.
        images: M of them.
        places: their numbers among the images of the network, (M,).
        distances: in Linf, to the nearest image of another class, (M,); NaN if unknown.
    """

    name: str
    exact: nn.Module
    images: Images
    places: list[int]
    distances: NDArray[np.float64]

    def model(self) -> nn.Module:
        """A new copy of the network in float32, to attack."""
        return deepcopy(self.exact).float()


@dataclass(frozen=True, eq=False)
class QuestionGroup:
    """Questions that are asked at once: all images of an `ExamNet` at one radius, which have the same answer.

    Args:
        net: the network and the images.
        eps: the radius in Linf.
        exists: the answer, whether there is an image of another class within the radius; None if that is not known.
        ratio: of the radius to the distance of the nearest error; NaN if that is unknown.
    """

    net: ExamNet
    eps: float
    exists: bool | None
    ratio: float = math.nan


@dataclass(frozen=True, eq=False)
class Proof:
    """What is known of the distance of M images to the nearest error, as the file of questions has it.

    lower, upper: bounds (M,). errors: images (M, 1, 8, 8) of another class, at the distances `upper`.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    errors: Tensor

    def is_clear(self, eps: float) -> bool:
        """Whether the answer at this radius follows for every image, with something to spare."""
        is_far, is_near = eps < self.lower * (1 - CLEARANCE), eps > self.upper * (1 + CLEARANCE)
        return bool(is_far.all() or is_near.all())


def load_proofs(file: Path = FILE, weights: Path = WEIGHTS) -> list[tuple[ExamNet, Proof]]:
    """The images of the exam by network and distance, and what has been proved of each."""
    nets, found = load_nets(weights), []
    with np.load(file) as arrays:
        content: dict[str, NDArray[Any]] = {name: arrays[name] for name in arrays.files}
    for name, net in nets.items():
        x, errors = (torch.from_numpy(content[f"{name}/{kind}"])[:, None] for kind in ("images", "errors"))
        y, radii = torch.from_numpy(content[f"{name}/labels"].astype(np.int64)), content[f"{name}/radii"]
        for radius in np.unique(radii):
            rows = np.flatnonzero(radii == radius)
            lower, upper = (content[f"{name}/{end}"][rows] for end in ("lower", "upper"))
            some = ExamNet(name, net.double(), Images(x[rows], y[rows]), rows.tolist(), radii[rows])
            found.append((some, Proof(lower, upper, errors[rows])))
    return found


def load_groups(quick: bool = False) -> list[QuestionGroup]:
    """All questions in groups, or those of the nearest images of each network (quick)."""
    groups, seen = list[QuestionGroup](), set[str]()
    for net, proof in load_proofs():
        if quick and net.name in seen:
            continue
        seen.add(net.name)
        radii = {ratio: ratio * float(net.distances[0]) for ratio in RATIOS}
        groups += [QuestionGroup(net, eps, ratio > 1, ratio) for ratio, eps in radii.items() if proof.is_clear(eps)]
    return groups


def digest_of_exam() -> str:
    """16 hex digits that change with any weight, image, radius or ratio of the exam."""
    digest = hashlib.sha256(repr(RATIOS).encode())
    with np.load(FILE) as arrays:
        for name in sorted(arrays.files):
            digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    for name, net in load_nets().items():
        for key, value in net.state_dict().items():
            digest.update(f"{name}/{key}".encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def provenance() -> dict[str, Any]:
    """How the exam was made: seed, versions, limits, and how many images are left out and why."""
    read: dict[str, Any] = json.loads(PROVENANCE.read_text(encoding="utf-8"))
    return read
