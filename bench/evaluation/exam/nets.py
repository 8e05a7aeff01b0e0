"""The networks of the exam: small enough that the nearest error of an image can be computed exactly.

All are piecewise linear, of 10 classes of digits of 8 x 8 pixels in [0, 1], and were trained adversarially by
`bench.evaluation.exam.exact.train`.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

WEIGHTS = Path(__file__).parent / "data/nets.safetensors"
CLASSES, SIDE = 10, 8


def _mlp(*hidden: int, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    sizes = [SIDE**2, *hidden]
    layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), activation())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], CLASSES))


def _cnn(channels: int, hidden: int) -> nn.Sequential:
    conv, size = nn.Conv2d(1, channels, 4, stride=2, padding=1), channels * (SIDE // 2) ** 2
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, CLASSES))


def _clamp() -> nn.Module:
    return nn.Hardtanh(0.0, 1.0)


ARCHITECTURES: dict[str, Callable[[], nn.Sequential]] = {
    "mlp": lambda: _mlp(24, 16),
    "cnn": lambda: _cnn(4, 16),
    "saturated": lambda: _mlp(20),
    "flat": lambda: _mlp(16, activation=_clamp),
    "other-class": lambda: _mlp(24, 16),
}
MEANINGS = {
    "mlp": "hidden layers of 24 and 16 ReLUs",
    "cnn": "a convolution of stride 2 with 4 channels, and a hidden layer of 16 ReLUs",
    "saturated": "logits multiplied by 8,192, so that the softmax is 0 or 1 in float32 and the cross-entropy is flat",
    "flat": "hidden units that are clamped to [0, 1] and steep, so that most images have few slopes or none",
    "other-class": "images whose nearest wrong class is not the one with the second largest logit",
}


def load_nets(path: Path = WEIGHTS) -> dict[str, nn.Sequential]:
    """The networks of the exam by name, in eval mode: images (B, 1, 8, 8) in [0, 1] to logits (B, 10)."""
    tensors = load_file(path)
    nets = {}
    for name, build in ARCHITECTURES.items():
        net = build().eval().requires_grad_(False)
        own = {key.partition("/")[2]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
        net.load_state_dict(own)
        nets[name] = net
    return nets
