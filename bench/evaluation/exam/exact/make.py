"""Make the exam anew: `python -m bench.evaluation.exam.exact.make WORK` (an hour or less of one core).

Networks are trained, the distance from each of some digits to the nearest image of another class is computed exactly,
and the images of a network are put into groups of equal distance: an image x with the nearest error x* at the distance
r is moved to x + t (x* - x), whose distance is exactly (1 - t) r. Nothing nearer can exist, as it would be nearer to x
than x* is. WORK keeps what is finished, so that a stopped run goes on.
"""

import json
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from safetensors.torch import load_file, save
from torch import nn

from bench.attacks.spec import parse_attack
from bench.core.files import write_atomically, write_bytes, write_json
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.evaluation.exam.exact.layers import Array, Layer, layers_of, logits
from bench.evaluation.exam.exact.nearest import Nearest, least_margin, nearest_error
from bench.evaluation.exam.exact.train import SATURATION, train
from bench.evaluation.exam.nets import ARCHITECTURES, SIDE, WEIGHTS
from bench.evaluation.exam.questions import FILE, PROVENANCE, RATIOS

SEED = 0
NODE_LIMIT, SECONDS = 20_000, 60.0  # of the branch and bound of one image
GROUP_SIZE, GROUPS = 8, 3  # of each network
# Images whose distance is computed, the first ones of the test set that are right.
CANDIDATES = {"mlp": 40, "cnn": 40, "saturated": 40, "flat": 40, "other-class": 60}
FARTHEST_MOVE = 0.2  # of an image towards its nearest error, as a share of the distance
PROVED_RATIOS = [ratio for ratio in RATIOS if ratio < 1]
BRACKET = 0.001  # largest relative difference of upper and lower bound with which an image is used
SEARCH = "CW-50[restarts=2]"  # gives a first upper bound, which makes the programs small
SEARCH_RADII = np.geomspace(0.02, 0.6, 24)


@dataclass(frozen=True)
class SolvedImage:
    """An image, its class, and its nearest error."""

    x: Array
    y: int
    nearest: Nearest

    @property
    def error(self) -> Array:
        """The nearest error, flat; of a candidate that has one."""
        assert self.nearest.image is not None
        return self.nearest.image

    @property
    def is_exact(self) -> bool:
        return self.nearest.is_proved and self.nearest.upper - self.nearest.lower < BRACKET * self.nearest.upper


def main(work: Path) -> None:
    """Train, compute and write all; prints what it does."""
    arrays, tensors, told = dict[str, Any](), dict[str, torch.Tensor](), dict[str, Any]()
    for name in ARCHITECTURES:
        net = _load_or_train(name, work)
        tensors |= {f"{name}/{key}": value for key, value in net.state_dict().items()}
        candidates = solve(name, net, work)
        chosen, told[name] = choose_groups(name, net, candidates)
        arrays |= {f"{name}/{key}": value for key, value in chosen.items()}
        print(name, told[name], flush=True)
    write_bytes(WEIGHTS, save(tensors))
    write_atomically(FILE, lambda file: np.savez_compressed(file, **arrays))
    write_json(PROVENANCE, _settings() | {"networks": told})


def _settings() -> dict[str, Any]:
    return {
        "command": "python -m bench.evaluation.exam.exact.make WORK",
        "method": "mixed-integer program of each image (HiGHS in scipy), minimal radius over all classes",
        "seed": SEED,
        "versions": {
            "python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
            "torch": torch.__version__.partition("+")[0],
        },
        "node_limit": NODE_LIMIT,
        "seconds_limit": SECONDS,
        "ratios": list(RATIOS),
    }  # fmt: skip


def _load_or_train(name: str, work: Path) -> nn.Sequential:
    path = work / f"{name}.safetensors"
    if not path.exists():
        write_bytes(path, save(train(name, SEED).state_dict()))
    net = ARCHITECTURES[name]().eval().requires_grad_(False)
    net.load_state_dict(load_file(path))
    return net


def exact_layers(name: str, net: nn.Sequential) -> list[Layer]:
    """The layers of a network; without the factor on the logits of `saturated`, which changes no class."""
    layers = layers_of(net, (1, SIDE, SIDE))
    if name == "saturated":
        last = layers.pop()
        layers.append(Layer(last.weight / SATURATION, last.bias / SATURATION, "none"))
    return layers


def solve(name: str, net: nn.Sequential, work: Path) -> list[SolvedImage]:
    """The nearest errors of the first images that the network gets right. Each is written to WORK when it is found."""
    test = dataset("digits", Path()).load("test", Path())
    x, y = torch.as_tensor(test.x[:]).float() / 255, test.y
    with torch.no_grad():
        places = (net(x).argmax(1) == y).nonzero().flatten()[: CANDIDATES[name]]
    layers, path = exact_layers(name, net), work / f"{name}.jsonl"
    far = _attack_radii(net, Images(x[places], y[places]))
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for rank, place in enumerate(places.tolist()):
        flat, label = x[place].flatten().double().numpy(), int(y[place])
        if rank >= len(lines):
            start = time.perf_counter()
            nearest = nearest_error(layers, flat, label, far[rank], NODE_LIMIT, SECONDS)
            image = None if nearest.image is None else nearest.image.tolist()
            seconds = round(time.perf_counter() - start, 2)
            line = json.dumps(vars(nearest) | {"image": image, "seconds": seconds})
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            print(name, rank, f"{nearest.lower:.5f} {nearest.upper:.5f} {nearest.nodes} nodes {seconds} s", flush=True)
        else:
            line = lines[rank]
        kept = json.loads(line)
        kept.pop("seconds")
        kept["image"] = None if kept["image"] is None else np.array(kept["image"])
        found.append(SolvedImage(flat, label, Nearest(**kept)))
    return found


def _attack_radii(net: nn.Sequential, images: Images) -> list[float]:
    """A radius for each image at which an attack has broken it; 1 if none has."""
    radii = np.ones(len(images))
    for eps in SEARCH_RADII[::-1]:
        right = outcomes(net.double(), images, Attacked(parse_attack(SEARCH), Linf(float(eps)))).right
        radii[~right] = eps
    net.float()
    return [float(radius) for radius in radii * (1 + 1e-6)]


def choose_groups(
    name: str, net: nn.Sequential, candidates: list[SolvedImage]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups of images with equal distances as arrays of the file of questions, and what is told of them."""
    layers = exact_layers(name, net)
    exact = sorted((c for c in candidates if c.is_exact), key=lambda c: c.nearest.upper)
    if name == "other-class":
        exact = [c for c in exact if c.nearest.target != _runner_up(layers, c.x)]
    groups = _windows([c.nearest.lower for c in exact])
    rows: dict[str, list[Any]] = {key: [] for key in ("images", "labels", "radii", "lower", "upper", "errors")}
    margins = []
    for window in groups:
        radius = min(c.nearest.lower for c in exact[window])
        for candidate in exact[window]:
            moved, lower, upper = move(candidate, radius)
            if name == "other-class" and _runner_up(layers, moved) == candidate.nearest.target:
                continue
            margin = least_margin(layers, moved, candidate.y, max(PROVED_RATIOS) * radius, NODE_LIMIT, SECONDS)
            margins.append(margin)
            if margin <= 0:
                continue
            squares = [np.reshape(image, (SIDE, SIDE)) for image in (moved, candidate.error)]
            values = (squares[0], candidate.y, radius, lower, upper, squares[1])
            for key, value in zip(rows, values, strict=True):
                rows[key].append(value)
    types = {"images": np.float32, "errors": np.float32, "labels": np.uint8}
    told = {
        "images_solved": len(candidates),
        "not_proved_within_the_limits": sum(not c.nearest.is_proved for c in candidates),
        "bracket_too_wide": sum(c.nearest.is_proved and not c.is_exact for c in candidates),
        "images_used": len(rows["labels"]),
        "nearest_class_is_not_the_runner_up": sum(c.nearest.target != _runner_up(layers, c.x) for c in candidates),
        "most_nodes": max(c.nearest.nodes for c in candidates),
        "not_proved_a_second_time": sum(margin <= 0 for margin in margins),
        "least_margin_at_0.98": min(margin for margin in margins if margin > 0),
    }
    return {key: np.array(value, types.get(key, np.float64)) for key, value in rows.items()}, told


def _windows(radii: list[float]) -> list[slice]:
    """The first GROUPS windows of GROUP_SIZE neighbours among the sorted radii that differ by little."""
    found, start = list[slice](), 0
    while len(found) < GROUPS and start + GROUP_SIZE <= len(radii):
        if radii[start] >= (1 - FARTHEST_MOVE) * radii[start + GROUP_SIZE - 1]:
            found.append(slice(start, start + GROUP_SIZE))
            start += GROUP_SIZE
        else:
            start += 1
    return found


def _runner_up(layers: list[Layer], x: Array) -> int:
    """The class with the second largest logit."""
    return int(logits(layers, x).argsort()[-2])


def move(candidate: SolvedImage, radius: float) -> tuple[Array, float, float]:
    """The image moved towards its nearest error until that is `radius` away, and bounds of that distance."""
    x, error = candidate.x, candidate.error
    share = 1 - radius / candidate.nearest.upper
    moved = (x + share * (error - x)).astype(np.float32).astype(np.float64)
    lower = candidate.nearest.lower - float(np.abs(moved - x).max())
    return moved, lower, float(np.abs(moved - error).max())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
