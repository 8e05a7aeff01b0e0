"""The options of `bench eval` that do not say what is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.evaluation.external.access import Access
from bench.runner.options import CellOptions


@dataclass(frozen=True)
class EvalOptions:
    """The options of `bench eval` that do not say what is measured."""

    data_dir: Path
    results: Path
    reports: Path
    device: str
    cells: CellOptions
    data_memory: int | None = None
    download: bool = False
    unsafe_pickle: bool = False
    anyway: bool = False  # evaluate a model in spite of warnings
    model_info: Path | None = None
    info: Mapping[str, object] = field(default_factory=dict)  # fields of that file given by --info
    report: str = ""  # the command, where a page about this model is wanted
    within: float | None = None  # seconds for an attack with ever more passes
    engine: str = "local"  # or ray
    ray_address: str | None = None  # HOST:PORT of a running cluster; None: one that is started here

    @property
    def access(self) -> Access:
        """From where, and how, the external model may be loaded."""
        return Access(self.data_dir, self.download, self.unsafe_pickle)
