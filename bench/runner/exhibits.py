"""Write the exhibits (diagnostic tables) of finished models where they are missing or of other weights or images."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from bench.core.errors import Failed
from bench.core.files import require_inside, write_bytes
from bench.core.foreign.messages import cell_errors_as_failed, model_errors_as_failed
from bench.core.progress import Event, ProgressCallback
from bench.core.threats.threat import Threat
from bench.core.version import PROTOCOL
from bench.data.images import Images
from bench.evaluation.exhibits.exhibit import EXHIBITS, Exhibit, ExhibitInput
from bench.evaluation.identity import trained_identity
from bench.evaluation.row import ModelRef
from bench.results.keys import digest16

EXHIBITS_FOLDER = "exhibits"  # in a run folder
DIGITS = "%.6g"


@dataclass(frozen=True)
class ExhibitWriter:
    """Measures the same exhibits of each model, on the same images, and writes each as a CSV file."""

    names: tuple[str, ...]  # in EXHIBITS
    images: Images  # the test images that models are evaluated on
    threat: Threat

    def available(self, tuned: bool) -> list[str]:
        """Names of the exhibits that a model can have. tuned: whether it was trained on another model."""
        return [name for name in self.names if tuned or not EXHIBITS[name].beside_start]

    def missing_exhibits(self, folder: Path, model: ModelRef, net: nn.Module, start: nn.Module | None) -> list[str]:
        """Names of the exhibits that the folder lacks, or has of other weights, images or another protocol.

        Args:
            start: the finished model that `net` was trained on; None if it was trained from scratch.
        """
        names = self.available(start is not None)
        return [
            name for name in names if self.content_digest(name, net, start) != _read_digest(_path(folder, name, model))
        ]

    def fill(
        self, folder: Path, model: ModelRef, net: nn.Module, start: nn.Module | None, tell: ProgressCallback
    ) -> int:
        """Measure and write the missing exhibits; returns how many failed."""
        failed = 0
        if unavailable := [name for name in self.names if name not in self.available(start is not None)]:
            reason = f"no {' and no '.join(unavailable)}, as it was not trained on another model"
            tell(Event(f"{model} exhibits", 1, 1, 0.0, reason))
        for name in self.missing_exhibits(folder, model, net, start):
            path, images = _path(folder, name, model), self._select_images(EXHIBITS[name])
            try:
                with cell_errors_as_failed(), model_errors_as_failed():
                    columns = EXHIBITS[name].measure(ExhibitInput(net, start, images, self.threat))
                content_digest = self.content_digest(name, net, start)
                _write(require_inside(folder, path), {"n": len(images), "made_of": content_digest, **columns})
                word = f"{EXHIBITS_FOLDER}/{path.name}"
            except Failed as error:
                word = f"failed: {error}"
                failed += 1
            tell(Event(f"{model} exhibit {name}", 1, 1, 0.0, word))
        return failed

    def content_digest(self, name: str, net: nn.Module, start: nn.Module | None) -> str:
        """16 hex digits that change with the models, images, radius or protocol that an exhibit is computed from."""
        nets = [
            trained_identity(n, self.images) if n else "" for n in (net, start if EXHIBITS[name].beside_start else None)
        ]
        return digest16(name, *nets, self._select_images(EXHIBITS[name]).fingerprint(), self.threat, PROTOCOL)

    def _select_images(self, exhibit: Exhibit) -> Images:
        return self.images.first(exhibit.max_images or len(self.images))


def _path(folder: Path, name: str, model: ModelRef) -> Path:
    which = [*([model.view] if model.view != "main" else []), *([model.epoch] if model.epoch != "last" else [])]
    return folder / EXHIBITS_FOLDER / ".".join([name, *which, "csv"])


def _write(path: Path, columns: Mapping[str, object]) -> None:
    text = pd.DataFrame(dict(columns)).to_csv(index=False, lineterminator="\n", float_format=DIGITS)
    write_bytes(path, text.encode())


def _read_digest(path: Path) -> str:
    """The `content_digest` in a stored exhibit; empty if the file is missing or cannot be read."""
    if not path.exists():
        return ""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        try:
            return next(csv.DictReader(file), {}).get("made_of", "")
        except csv.Error:
            return ""
