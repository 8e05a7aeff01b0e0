"""Models that were not trained here: where they come from, and whether they keep the contract.

SPEC is FOLDER[@EPOCH|@VIEW] of a finished run, FILE.py:FUNCTION[@WEIGHTS[@NAME]], torchvision:NAME[@WEIGHTS],
timm:NAME or robustbench:[THREAT/]NAME. Behind FILE.py's models may stand [normalise=...], as of --normalise.
"""

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.core.files import expand_home
from bench.core.foreign.messages import model_errors_as_bad_input
from bench.data.dataset import Dataset, Images
from bench.evaluation.external.access import DATA_DIR, Access
from bench.evaluation.external.external_run import ExternalRun
from bench.evaluation.external.loaded import Loaded
from bench.evaluation.external.model_checks import check_logits, model_warnings
from bench.evaluation.external.normalisation import with_normalisation
from bench.evaluation.external.spec import Source, parse_spec
from bench.evaluation.identity import join_parts, logits_digest, trained_identity
from bench.models.checkpoint import fingerprint
from bench.models.modes import set_eval


@dataclass(frozen=True, eq=False)
class ExternalModel:
    """A model from outside, loaded for one data set."""

    source: Source
    dataset: str
    net: nn.Module  # in eval mode
    identity: str  # digits that change with anything that its logits depend on
    choices: tuple[str, ...]  # what was chosen among several possibilities, a clause each
    warnings: list[str]  # what looks wrong, a clause each; none where nobody asked

    @property
    def subject(self) -> ExternalRun:
        """What its rows are stored as. BadInput where the data set's name cannot be a folder's."""
        return ExternalRun(self.source.name, self.dataset, self.identity)


def load_external(
    source: Source, data: Dataset, images: Images, access: Access, attacked: bool | None, label: str = ""
) -> ExternalModel:
    """The model on the device of the images, with its identity. What was chosen for the user is said on stderr.

    BadInput where it is not there, cannot be loaded, or gives no logits of this data set.

    images:   the first of the test set, or all of it.
    attacked: whether gradients will be asked for; None asks for no warnings.
    label:    what messages call the model; by default the text of its source.
    """
    loaded = load(source, data, access, images.x.device)
    for choice in loaded.choices:
        print(f"{label or source}: {choice}", file=sys.stderr)
    if attacked is None:
        check_logits(loaded.net, data, images)
    found = [] if attacked is None else model_warnings(loaded.net, data, images, attacked)
    digits = identity(source, loaded.net, images)
    return ExternalModel(source, data.name, loaded.net, digits, loaded.choices, found)


def load(source: Source, dataset: Dataset, access: Access, device: torch.device | str) -> Loaded:
    """The model on a device, in eval mode, with what was chosen on the way. BadInput as of `load_model`."""
    loaded = source.load(dataset, access)
    with model_errors_as_bad_input():
        return Loaded(set_eval(loaded.net.to(device)), loaded.choices)


def identity(source: Source, net: nn.Module, test: Images) -> str:
    """Digits that change with anything that the model's logits depend on: as `bench run` has them of its own models.

    test: the first images of the test set, FROM_TEST of them or more, on the model's device.
    """
    if source.trained_here:
        return trained_identity(net, test)
    with model_errors_as_bad_input():
        return join_parts(fingerprint(net) + source.origin(net), logits_digest(net, test))


def load_model(
    spec: str,
    dataset: Dataset,
    device: torch.device | str = "cpu",
    *,
    data_dir: Path = DATA_DIR,
    download: bool = False,
    unsafe_pickle: bool = False,
    normalise: str | None = None,
) -> nn.Module:
    """Load a model that was not trained here, in eval mode.

    It warns where one of several models in a file was chosen. Whether the model takes images in [0, 1] and returns
    logits is not checked here.

    Args:
        spec: FOLDER[@EPOCH|@VIEW] of a finished run, FILE.py:FUNCTION[@WEIGHTS[@NAME]], torchvision:NAME[@WEIGHTS],
            timm:NAME or robustbench:[THREAT/]NAME.
        dataset: whose images the model takes, as `dataset(name, data_dir)` returns it.
        device: to load it on.
        data_dir: weights of RobustBench's models are below it, in robustbench/.
        download: fetch what a model zoo lacks on this machine.
        unsafe_pickle: weight files may hold pickles, which run the code of whoever wrote them.
        normalise: as `--normalise`: what FILE.py's model takes images normalised by, such as "cifar10" or "0.5,0.5".

    Returns:
        The model: images (B, C, H, W) in [0, 1] of the data set to logits (B, K).

    Raises:
        BadInput: it is not there or cannot be loaded.
    """
    access = Access(expand_home(data_dir), download, unsafe_pickle)
    loaded = load(parse_spec(with_normalisation(spec, normalise)), dataset, access, device)
    for choice in loaded.choices:
        warnings.warn(choice, stacklevel=2)
    return loaded.net
