"""From the text of a SPEC to the place that a model comes from."""

from pathlib import Path
from typing import Protocol

from torch import nn

from bench.checkpoint import FILES
from bench.data import Dataset
from bench.errors import BadInput
from bench.outside.access import Access
from bench.outside.file import File
from bench.outside.run import Run
from bench.outside.zoo import ZOOS, Zoo

FORMS = "FOLDER of a run, FILE.py:FUNCTION[@WEIGHTS], torchvision:NAME, timm:NAME, robustbench:NAME"


class Source(Protocol):
    """Where a model comes from."""

    @property
    def name(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def view(self) -> str: ...
    @property
    def dataset(self) -> str | None: ...

    def load(self, dataset: Dataset, access: Access) -> nn.Module: ...
    def origin(self, net: nn.Module) -> str: ...


def parse_spec(text: str) -> Source:
    """BadInput where the text has none of the forms. Files are not opened yet."""
    kind, _, entry = text.partition(":")
    if kind in ZOOS and entry:
        return Zoo(kind, entry)
    place, _, weights = text.partition("@")
    path, colon, function = place.rpartition(":")
    if colon and path.endswith(".py") and function.isidentifier():
        return File(Path(path).expanduser(), function, Path(weights).expanduser() if weights else None)
    if text.endswith(".py"):
        raise BadInput(f"say which function of it returns the model, {text}:FUNCTION")
    folder, choices = (text, []) if Path(text).is_dir() else (place, weights.split("@") if weights else [])
    if not Path(folder).expanduser().is_dir():
        raise BadInput(f"there is no folder {folder}, and the other forms are {FORMS}")
    if not (Path(folder).expanduser() / "job.json").is_file():
        raise BadInput(f"{folder} has no job.json; name the folder of one run, such as .../s0-1a2b3c4d")
    epochs, views = ([c for c in choices if (c in FILES) is is_epoch] for is_epoch in (True, False))
    if len(epochs) > 1 or len(views) > 1:
        raise BadInput(f"at most one epoch ({' or '.join(FILES)}) and one view after the folder")
    return Run(Path(folder).expanduser(), *(epochs or ["last"]), *(views or ["main"]))
