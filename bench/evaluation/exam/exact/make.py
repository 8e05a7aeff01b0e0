"""Make the exam anew: `python -m bench.evaluation.exam.exact.make WORK` (an hour or less of one core).

Networks are trained, the distance from each of some digits to the nearest image of another class is computed exactly,
and the images of a network are put into groups of equal distance (`groups.py`). WORK keeps what is finished, so that a
stopped run goes on.
"""

import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from safetensors.torch import load_file, save
from torch import nn

from bench.attacks.parse import parse_attack
from bench.core.files import write_atomically, write_bytes, write_json
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.evaluation.exam.exact.groups import NODE_LIMIT, SECONDS, SolvedImage, choose_groups, exact_layers
from bench.evaluation.exam.exact.nearest import Nearest, nearest_error
from bench.evaluation.exam.exact.train import train
from bench.evaluation.exam.nets import ARCHITECTURES, WEIGHTS
from bench.evaluation.exam.questions import FILE, PROVENANCE, RATIOS

SEED = 0
# Images whose distance is computed, the first ones of the test set that are right.
CANDIDATES = {"mlp": 40, "cnn": 40, "saturated": 40, "flat": 40, "other-class": 60}
SEARCH = "CW-50[restarts=2]"  # gives a first upper bound, which makes the programs small
SEARCH_RADII = np.geomspace(0.02, 0.6, 24)


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
