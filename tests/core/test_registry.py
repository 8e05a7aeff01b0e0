"""Registries: a new file in a folder is enough to register a name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.core.errors import BadInput
from bench.core.registry import Registry

ROOT = Path(__file__).parents[2]
NEW = {
    "attacks/to_black.py": """
from bench.attacks.spec import ATTACKS

def to_black(model, x, y, threat):
    return threat.project(x * 0, x)

ATTACKS.add("ToBlack", to_black)
""",
    "corruptions/darker.py": """
from bench.corruptions.corruption import CORRUPTIONS, Corruption, same, single

CORRUPTIONS.add("darker", Corruption(lambda x, share: x * share, same(single(0.9, 0.7, 0.5, 0.3, 0.1))))
""",
    "data/sets/two_greys.py": """
import numpy as np

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset, Source

def read(split, data_dir):
    y = np.arange(8) % 2
    x = np.repeat((102 + 51 * y).astype(np.uint8), 64).reshape(8, 1, 8, 8)
    return Source(y, x.__getitem__, ordered=True)

def two_greys(name):
    budget = Budget(Plan(epochs=1))
    return Dataset(
        name=name, classes=("dark", "light"), shape=(1, 8, 8), mean=(0.5,), std=(0.1,), threat=Linf(0.2),
        model="brightness", model_cuda="brightness", pad=0, flip=False, quick=budget, standard=budget, read=read,
    )

DATASETS.add("two-greys", two_greys("two-greys"))
DATASETS.add_lazy("greys-of", lambda data_dir: two_greys(f"greys-of-{data_dir.name}"))
""",
    "models/brightness.py": """
import torch
from torch import nn

from bench.models.build import MODELS

class Brightness(nn.Module):
    def forward(self, z):
        bright = z.flatten(1).mean(1, keepdim=True)
        return torch.cat([-bright, bright], 1)

MODELS.add("brightness", lambda classes, channels: Brightness())
""",
}
USE = """
import sys
from pathlib import Path

from bench import Attacked, dataset, outcomes, parse_attack
from bench.cli import cli
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.corruption_conditions import corruption_conditions
from bench.models.build import build

for kind in ("attacks", "corruptions", "datasets", "models"):
    cli.main(["list", kind], standalone_mode=False)
data = dataset("two-greys", Path())
model, test = build("brightness", data), data.load("test", Path())
darker = corruption_conditions(["darker"], (1, 3), data, test, Path())
conditions = [Clean(), Attacked(parse_attack("ToBlack"), data.threat), *darker]
print("right:", *(int(outcomes(model, test, condition).right.sum()) for condition in conditions))
print("named:", dataset("greys-of", Path("here")).name)
"""


@pytest.mark.slow
def test_a_new_file_is_all_that_a_name_takes(tmp_path):
    for folder in ("bench", "methods"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file, text in NEW.items():
        (tmp_path / "bench" / file).write_text(text, encoding="utf-8")
    settings = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", USE], env=settings, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *listed, right, named = done.stdout.splitlines()
    assert {"ToBlack", "darker", "two-greys", "greys-of", "brightness"} <= set(listed)
    # greys of 0.4 and 0.6 around a threshold of 0.5: an attack of 0.2 and half the light turn the light ones dark
    assert right == "right: 8 4 8 4"
    assert named == "named: greys-of-here"


def test_a_lazy_name_is_a_name():
    registry: Registry[str] = Registry("shape")
    registry.add("round", "a circle")
    registry.add_lazy("odd", lambda folder: f"what is in {folder}")
    assert registry.look_up("round", Path("here")) == "a circle"
    assert registry.look_up("odd", Path("here")) == "what is in here"
    assert registry.all_names() == ["round", "odd"]
    assert [*registry] == ["round"]
    for add in (lambda: registry.add("odd", "x"), lambda: registry.add_lazy("round", str)):
        with pytest.raises(BadInput, match=rf"is already registered by {__name__}; choose another"):
            add()
    with pytest.raises(BadInput, match=r"shape 'flat' is read by a int; it is to be a function \(folder\)"):
        registry.add_lazy("flat", 3)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no shape named 'od'; did you mean odd"):
        registry.look_up("od", Path())
