"""Models that were not trained here: where they come from, and whether they keep the contract.

SPEC is FOLDER[@EPOCH|@VIEW] of a finished run, FILE.py:FUNCTION[@WEIGHTS], torchvision:NAME, timm:NAME or
robustbench:[THREAT/]NAME.
"""

from pathlib import Path

import torch
from torch import nn

from bench.data import Dataset
from bench.outside.access import DATA_DIR, Access
from bench.outside.check import doubts, draws
from bench.outside.spec import Source, parse_spec

__all__ = ["Access", "Source", "doubts", "draws", "load_model", "parse_spec"]


def load_model(
    spec: str,
    dataset: Dataset,
    device: torch.device | str = "cpu",
    *,
    data_dir: Path = DATA_DIR,
    download: bool = False,
    unsafe_pickle: bool = False,
) -> nn.Module:
    """The model that a SPEC names, in eval mode: [0, 1] images (B, C, H, W) of the data set to logits (B, K).

    BadInput where it is not there or cannot be loaded; whether it keeps the contract is for `doubts` to say.

    data_dir:      weights of RobustBench's models are below it, in robustbench/.
    download:      fetch what a model zoo lacks on this machine.
    unsafe_pickle: weight files may hold pickles, which run the code of whoever wrote them.
    """
    access = Access(data_dir.expanduser(), download, unsafe_pickle)
    return parse_spec(spec).load(dataset, access).to(device).eval()
