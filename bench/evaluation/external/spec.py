"""Parse a SPEC, the text that says where an external model comes from."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from torch import nn

from bench.core.errors import BadInput
from bench.core.files import expand_home
from bench.data.dataset import Dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.bare_weights import weights_alone
from bench.evaluation.external.finished_run import FinishedRun
from bench.evaluation.external.loaded import LoadResult
from bench.evaluation.external.normalisation import split_normalisation
from bench.evaluation.external.python_file import File
from bench.evaluation.external.zoo import ZOOS, Zoo
from bench.models.checkpoint import WEIGHT_FILES

FORMS = "FOLDER of a run, FILE.py:FUNCTION[@WEIGHTS[@NAME]], torchvision:NAME[@WEIGHTS], timm:NAME, robustbench:NAME"


class ModelSource(Protocol):
    """Where an external model comes from. `name`, `epoch` and `view` go into its rows."""

    @property
    def name(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def view(self) -> str: ...
    @property
    def dataset(self) -> str | None: ...
    @property
    def trained_here(self) -> bool: ...

    def load(self, dataset: Dataset, access: Access) -> LoadResult: ...
    def origin(self, net: nn.Module) -> str: ...
    def architecture(self, net: nn.Module) -> str: ...


def parse_spec(text: str) -> ModelSource:
    """Parse a SPEC without opening files of the model. BadInput where it has none of the forms."""
    text, normalise = split_normalisation(text)
    source = _parse(text)
    if normalise is None:
        return source
    if not isinstance(source, File):
        raise BadInput(f"--normalise {normalise}: {source} normalises its images by itself; leave it out")
    return replace(source, normalise=normalise)


def _parse(text: str) -> File | FinishedRun | Zoo:
    kind, _, entry = text.partition(":")
    if kind in ZOOS and entry:
        return Zoo(kind, entry)
    if found := re.fullmatch(r"(.+\.py):([^\W\d]\w*)(?:@(.*))?", text):
        path, function, weights = found.groups()
        return File(expand_home(path), function, *_parse_weights(weights))
    if text.endswith(".py"):
        raise BadInput(f"say which function of it returns the model, {text}:FUNCTION")
    return _parse_run(text)


def _parse_weights(text: str | None) -> tuple[Path | None, str | None]:
    """WEIGHTS[@NAME]: the file, and which of the models in it. An @ may be part of the file's path."""
    if not text:
        return None, None
    file, at, choice = text.rpartition("@")
    if not at or expand_home(text).is_file():
        return expand_home(text), None
    if not re.fullmatch(r"[\w.+-]+", choice):
        raise BadInput(f"weights {text} are not there, and {choice!r} is no name of a model in {file}")
    return expand_home(file), choice


def _parse_run(text: str) -> FinishedRun:
    """FOLDER[@EPOCH|@VIEW]. An @ may be part of the folder's path."""
    folder, choices = text, list[str]()
    while "@" in folder and not expand_home(folder).is_dir():
        folder, _, choice = folder.rpartition("@")
        choices.append(choice)
    if expand_home(text).is_file():
        place = expand_home(text).parent
        if (place / "job.json").is_file():
            raise BadInput(f"{text} is a file; name a model: {place} is the run that it is of")
        raise weights_alone(text)
    if not expand_home(folder).is_dir():
        raise BadInput(f"there is no folder {text.partition('@')[0]}, and the other forms are {FORMS}")
    if not (expand_home(folder) / "job.json").is_file():
        raise BadInput(f"{folder} has no job.json; name the folder of one run, such as .../s0-1a2b3c4d")
    epochs, views = ([c for c in choices if (c in WEIGHT_FILES) is is_epoch] for is_epoch in (True, False))
    if len(epochs) > 1 or len(views) > 1:
        raise BadInput(f"at most one epoch ({' or '.join(WEIGHT_FILES)}) and one view after the folder")
    return FinishedRun(expand_home(folder), *(epochs or ["last"]), *(views or ["main"]))
