"""The source FILE.py:FUNCTION[@WEIGHTS[@NAME]]: a model that a Python function builds."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error, model_errors_as_bad_input
from bench.core.foreign.plugins import import_file
from bench.core.registration.suggestion import suggestion
from bench.core.rng import fixed_seed
from bench.data.dataset import Dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.loaded import LoadResult
from bench.evaluation.external.normalisation import label, normaliser, with_normalisation
from bench.evaluation.external.weights import fill, read_weights
from bench.models.lazy import settle_lazy_layers


@dataclass(frozen=True)
class File:
    """A model from a function, class or variable of a Python file, with weights from another file if one is given."""

    path: Path
    function: str
    weights: Path | None = None
    choice: str | None = None  # which model of a file with several, such as ema
    normalise: str | None = None  # mean and std, as of --normalise; None: the model takes images in [0, 1]

    epoch, view, dataset, trained_here = "last", "main", None, False

    def __str__(self) -> str:
        model = "@".join(map(str, filter(None, (f"{self.path}:{self.function}", self.weights, self.choice))))
        return with_normalisation(model, self.normalise)

    @property
    def name(self) -> str:
        """Its name in rows and folders."""
        weights = self.weights.stem if self.weights else None
        name = "@".join(filter(None, (f"{self.path.stem}.{self.function}", weights, self.choice)))
        return name if self.normalise is None else f"{name}.{label(self.normalise)}"

    def load(self, dataset: Dataset, access: Access) -> LoadResult:
        """Build the model and load its weights. BadInput, in one line, for whatever the code raises."""
        if not self.path.is_file():
            raise BadInput(f"{self.path} is not there; name FILE.py:FUNCTION with a file of yours")
        first = [normaliser(self.normalise, dataset)] if self.normalise is not None else []
        with _import_from_folder(self.path), fixed_seed("outside"):  # seeded for a model without a file of weights
            content = read_weights(self.weights, access.unsafe_pickle) if self.weights else None
            module = import_file(self.path, f"{self.path}")
            if not hasattr(module, self.function):
                public = [name for name, thing in vars(module).items() if callable(thing) and not name.startswith("_")]
                near = suggestion(self.function, public) if public else "it defines nothing that can be called"
                raise BadInput(f"{self.path} has no {self.function!r}; {near}")
            net = self._call(getattr(module, self.function))
            if isinstance(net, nn.Module):
                with model_errors_as_bad_input():
                    settle_lazy_layers(net, dataset.shape)
        if not isinstance(net, nn.Module):
            raise BadInput(f"{self} gave a {type(net).__name__}; return a torch.nn.Module")
        choices = tuple(fill(net, content, self.weights, self.choice)) if self.weights else ()
        return LoadResult(nn.Sequential(*first, net) if first else net, choices)

    def _call(self, thing: object) -> object:
        if isinstance(thing, nn.Module):
            return thing
        if not callable(thing):
            raise BadInput(f"{self} is a {type(thing).__name__}; name a function that returns a model")
        try:
            with guarded_call():
                return thing()
        except Exception as error:  # foreign code may raise anything
            reason = format_error(error, str(self.path.resolve()))
            raise BadInput(f"{self.path}:{self.function}() raised {reason}; it is called without arguments") from error

    def origin(self, net: nn.Module) -> str:
        """A digest of the code: the file, and the files beside it that define classes of its layers.

        It is part of the identity since other code may compute other logits from the same weights.
        """
        homes = {getattr(sys.modules.get(type(m).__module__), "__file__", None) for m in net.modules()}
        own = {Path(home).resolve() for home in homes if home and "site-packages" not in Path(home).parts}
        near = {path for path in own if path.is_relative_to(self.path.resolve().parent)}
        digest = hashlib.sha256()
        for content in sorted(path.read_bytes() for path in near | {self.path.resolve()}):
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()[:16]

    def architecture(self, net: nn.Module) -> str:
        """The class of the model."""
        return type(net[-1] if self.normalise is not None and isinstance(net, nn.Sequential) else net).__name__


@contextmanager
def _import_from_folder(path: Path) -> Iterator[None]:
    """Inside the block, modules beside the file can be imported, as when Python runs it as a script."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
