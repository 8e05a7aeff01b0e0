"""FILE.py:FUNCTION[@WEIGHTS[@NAME]]: a model that somebody's Python builds."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error, model_errors_as_bad_input
from bench.core.foreign.plugins import import_file
from bench.core.registry import suggestion
from bench.core.rng import seeded
from bench.data.dataset import Dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.loaded import Loaded
from bench.evaluation.external.normalisation import label, normaliser, with_normalisation
from bench.evaluation.external.weights import fill, read_weights


@dataclass(frozen=True)
class File:
    """What a function of no arguments (or a class, or a model by name) in a file gives, with weights from another."""

    path: Path
    function: str
    weights: Path | None = None
    choice: str | None = None  # which of the models in the file of weights, such as ema
    normalise: str | None = None  # what its images are normalised by, as of --normalise; None: it takes them in [0, 1]

    epoch, view, dataset, trained_here = "last", "main", None, False

    def __str__(self) -> str:
        model = "@".join(map(str, filter(None, (f"{self.path}:{self.function}", self.weights, self.choice))))
        return with_normalisation(model, self.normalise)

    @property
    def name(self) -> str:
        """As rows and folders call it."""
        weights = self.weights.stem if self.weights else None
        name = "@".join(filter(None, (f"{self.path.stem}.{self.function}", weights, self.choice)))
        return name if self.normalise is None else f"{name}.{label(self.normalise)}"

    def load(self, dataset: Dataset, access: Access) -> Loaded:
        """Run their code and fill in the weights. What the code raises is one line."""
        if not self.path.is_file():
            raise BadInput(f"{self.path} is not there; name FILE.py:FUNCTION with a file of yours")
        first = [normaliser(self.normalise, dataset)] if self.normalise is not None else []
        with _beside(self.path), seeded("outside"):  # weights that nobody gives are at least the same every time
            content = read_weights(self.weights, access.unsafe_pickle) if self.weights else None
            module = import_file(self.path, f"{self.path}")
            if not hasattr(module, self.function):
                public = [name for name, thing in vars(module).items() if callable(thing) and not name.startswith("_")]
                near = suggestion(self.function, public) if public else "it defines nothing that can be called"
                raise BadInput(f"{self.path} has no {self.function!r}; {near}")
            net = self._called(getattr(module, self.function))
            if isinstance(net, nn.Module):
                with model_errors_as_bad_input():
                    settle_lazy_layers(net, dataset)
        if not isinstance(net, nn.Module):
            raise BadInput(f"{self} gave a {type(net).__name__}; return a torch.nn.Module")
        choices = tuple(fill(net, content, self.weights, self.choice)) if self.weights else ()
        return Loaded(nn.Sequential(*first, net) if first else net, choices)

    def _called(self, thing: object) -> object:
        if isinstance(thing, nn.Module):
            return thing
        if not callable(thing):
            raise BadInput(f"{self} is a {type(thing).__name__}; name a function that returns a model")
        try:
            with guarded_call():
                return thing()
        except Exception as error:  # anybody's code may raise anything
            said = format_error(error, str(self.path.resolve()))
            raise BadInput(f"{self.path}:{self.function}() raised {said}; it is called without arguments") from error

    def origin(self, net: nn.Module) -> str:
        """Digits of the code that the logits come from: the file, and the files of the layers' classes near it.

        Weights alone are not what a model is: two files may do other things with the same.
        """
        homes = {getattr(sys.modules.get(type(m).__module__), "__file__", None) for m in net.modules()}
        own = {Path(home).resolve() for home in homes if home and "site-packages" not in Path(home).parts}
        near = {path for path in own if path.is_relative_to(self.path.resolve().parent)}
        digest = hashlib.sha256()
        for content in sorted(path.read_bytes() for path in near | {self.path.resolve()}):
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()[:16]

    def architecture(self, net: nn.Module) -> str:
        """The class that the function has made one of."""
        return type(net[-1] if self.normalise is not None and isinstance(net, nn.Sequential) else net).__name__


def settle_lazy_layers(net: nn.Module, dataset: Dataset) -> None:
    """Let lazy layers see two images, after which they have weights like any other; of other models nothing is run."""
    if any(is_lazy(tensor) for tensor in (*net.parameters(), *net.buffers())):
        with torch.no_grad():
            net.eval()(torch.zeros(2, *dataset.shape))


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Inside the block, modules beside a file can be imported, as when Python runs it."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
