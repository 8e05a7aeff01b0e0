"""Python files that define models of digits, as users hand them to `bench eval --model`."""

import re
from pathlib import Path

from bench import dataset

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
(MEANS,) = re.findall(r"```python\n(from pathlib import Path\nfrom torch.*?)```", README, re.DOTALL)
DIGITS = dataset("digits", Path())
TEST = DIGITS.load("test", Path())


def write(folder: Path, text: str = MEANS, name: str = "means.py") -> str:
    """Write such a file, by default with the example of the README; returns its name."""
    (folder / name).write_text(text, encoding="utf-8")
    return name


BESIDE = """
import json, os
from pathlib import Path

import torch
from torch import nn

class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nearest()
        scale = json.loads(Path(__file__).with_name("scale.json").read_text())
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
    def forward(self, x):
        return self.net(x * self.scale) * float(os.environ.get("SCALE", "1"))

class Drawing(Scaled):
    def forward(self, x):
        global calls
        calls = globals().get("calls", 0) + 1
        return super().forward(x) * calls
"""
