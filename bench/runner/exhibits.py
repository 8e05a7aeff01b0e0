"""The exhibits of finished models: made where they are missing, or are of other weights or images."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from bench.core.errors import Failed
from bench.core.files import require_inside, write_atomically
from bench.core.foreign.messages import cell_errors_as_failed, model_errors_as_failed
from bench.core.progress import Event, ProgressCallback
from bench.core.threat import Threat
from bench.data.dataset import Images
from bench.evaluation.evaluator import PROTOCOL
from bench.evaluation.exhibits.exhibit import EXHIBITS, Exhibit, ExhibitInput
from bench.evaluation.identity import trained_identity
from bench.evaluation.row import ModelRef
from bench.results.keys import digest16

FOLDER = "exhibits"  # in a run folder
DIGITS = "%.6g"


@dataclass(frozen=True)
class ExhibitWriter:
    """What is to be there of every model, and what they are shown."""

    names: tuple[str, ...]  # in EXHIBITS
    images: Images  # those that are judged
    threat: Threat

    def of(self, tuned: bool) -> list[str]:
        """Names of the exhibits that a model can have. tuned: whether it was trained on another model."""
        return [name for name in self.names if tuned or not EXHIBITS[name].beside_start]

    def missing(self, folder: Path, model: ModelRef, net: nn.Module, start: nn.Module | None) -> list[str]:
        """Names of the exhibits that the folder has not, or has of something else. start: what net was trained on."""
        names = self.of(start is not None)
        return [name for name in names if self.made_of(name, net, start) != _stamp(_path(folder, name, model))]

    def fill(
        self, folder: Path, model: ModelRef, net: nn.Module, start: nn.Module | None, tell: ProgressCallback
    ) -> int:
        """Make what is missing, and say how many could not be made."""
        failed = 0
        if lacking := [name for name in self.names if name not in self.of(start is not None)]:
            told = f"no {' and no '.join(lacking)}, as it was not trained on another model"
            tell(Event(f"{model} exhibits", 1, 1, 0.0, told))
        for name in self.missing(folder, model, net, start):
            path, images = _path(folder, name, model), self._shown(EXHIBITS[name])
            try:
                with cell_errors_as_failed(), model_errors_as_failed():
                    columns = EXHIBITS[name].measure(ExhibitInput(net, start, images, self.threat))
                made_of = self.made_of(name, net, start)
                _write(require_inside(folder, path), {"n": len(images), "made_of": made_of, **columns})
                word = f"{FOLDER}/{path.name}"
            except Failed as error:
                word = f"failed: {error}"
                failed += 1
            tell(Event(f"{model} exhibit {name}", 1, 1, 0.0, word))
        return failed

    def made_of(self, name: str, net: nn.Module, start: nn.Module | None) -> str:
        """16 digits that change with whatever an exhibit follows from."""
        nets = [
            trained_identity(n, self.images) if n else "" for n in (net, start if EXHIBITS[name].beside_start else None)
        ]
        return digest16(name, *nets, self._shown(EXHIBITS[name]).fingerprint(), self.threat, PROTOCOL)

    def _shown(self, exhibit: Exhibit) -> Images:
        return self.images.first(exhibit.max_images or len(self.images))


def _path(folder: Path, name: str, model: ModelRef) -> Path:
    which = [*([model.view] if model.view != "main" else []), *([model.epoch] if model.epoch != "last" else [])]
    return folder / FOLDER / ".".join([name, *which, "csv"])


def _write(path: Path, columns: Mapping[str, object]) -> None:
    text = pd.DataFrame(dict(columns)).to_csv(index=False, lineterminator="\n", float_format=DIGITS)
    write_atomically(path, lambda file: file.write(text.encode()))


def _stamp(path: Path) -> str:
    """What a stored exhibit was made of; empty where there is none that can be read."""
    if not path.exists():
        return ""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        try:
            return next(csv.DictReader(file), {}).get("made_of", "")
        except csv.Error:
            return ""
