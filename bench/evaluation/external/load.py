"""Load external models: models that were not trained by the command at hand.

SPEC is FOLDER[@EPOCH|@VIEW] of a finished run, FILE.py:FUNCTION[@WEIGHTS[@NAME]], torchvision:NAME[@WEIGHTS],
timm:NAME or robustbench:[THREAT/]NAME. Behind FILE.py's models may stand [normalise=...], as of --normalise.
"""

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.core.files import DATA_DIR, expand_home
from bench.core.foreign.messages import model_errors_as_bad_input
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.evaluation.external.access import Access
from bench.evaluation.external.external_run import ExternalRun
from bench.evaluation.external.loaded import LoadResult
from bench.evaluation.external.model_checks import check_logits, model_warnings
from bench.evaluation.external.normalisation import with_normalisation
from bench.evaluation.external.spec import ModelSource, parse_spec
from bench.evaluation.identity import join_parts, logits_digest, trained_identity
from bench.models.checkpoint import fingerprint
from bench.models.class_subset import restrict_classes
from bench.models.modes import set_eval


@dataclass(frozen=True, eq=False)
class ExternalModel:
    """An external model, loaded for one data set."""

    source: ModelSource
    dataset: str
    net: nn.Module  # in eval mode
    identity: str  # as of `identity`
    choices: tuple[str, ...]  # what was chosen where the SPEC allowed several, a clause each
    warnings: list[str]  # what looks wrong with the model, a clause each; empty if not checked

    @property
    def subject(self) -> ExternalRun:
        """The run that its rows belong to. BadInput where the data set's name cannot name a folder."""
        return ExternalRun(self.source.name, self.dataset, self.identity)


def load_external(
    source: ModelSource, data: Dataset, images: Images, access: Access, attacked: bool | None, label: str = ""
) -> ExternalModel:
    """Load a model on the device of the images, with its identity. Choices made for the user are printed on stderr.

    Args:
        images: the first ones of the test set, or all.
        access: whether files may be downloaded or unpickled.
        attacked: whether the model will be attacked, so that gradients are checked; None skips all warnings.
        label: what messages call the model; by default its SPEC.

    Raises:
        BadInput: it is not there, cannot be loaded, or returns no logits for this data set's classes.
    """
    loaded = load(source, data, access, images.x.device)
    for choice in loaded.choices:
        print(f"{label or source}: {choice}", file=sys.stderr)
    if attacked is None:
        check_logits(loaded.net, data, images)
    doubts = [] if attacked is None else model_warnings(loaded.net, data, images, attacked)
    digits = identity(source, loaded.net, images)
    return ExternalModel(source, data.name, loaded.net, digits, loaded.choices, doubts)


def load(source: ModelSource, dataset: Dataset, access: Access, device: torch.device | str) -> LoadResult:
    """Load a model on a device, in eval mode; of a test set, one of the data set that its models are trained on.

    It gives the logits of the classes of `dataset`. BadInput as for `load_model`.
    """
    loaded = source.load(dataset.trained_on or dataset, access)
    with model_errors_as_bad_input():
        return LoadResult(set_eval(restrict_classes(loaded.net, dataset).to(device)), loaded.choices)


def identity(source: ModelSource, net: nn.Module, test: Images) -> str:
    """The model's identity, which changes with anything that its logits depend on (see `evaluation/identity.py`).

    For a run of this bench it is the one that `bench run` uses.

    test: the first images of the test set, TEST_IMAGES or more, on the model's device.
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
    """Load an external model in eval mode.

    A UserWarning says which one was taken of several models in a file. Whether the model takes images in [0, 1] and
    returns logits is not checked here.

    Args:
        spec: FOLDER[@EPOCH|@VIEW] of a finished run, FILE.py:FUNCTION[@WEIGHTS[@NAME]], torchvision:NAME[@WEIGHTS],
            timm:NAME or robustbench:[THREAT/]NAME.
        dataset: the data set whose images it classifies, as `dataset(name, data_dir)` returns it.
        device: to load it on.
        data_dir: folder whose robustbench/ holds weights of RobustBench.
        download: whether weights of a model zoo may be downloaded.
        unsafe_pickle: whether weights may be unpickled, which runs code of the file's author.
        normalise: as `--normalise`: what FILE.py's model takes images normalised by, such as "cifar10" or "0.5,0.5".

    Returns:
        The model, from images (B, C, H, W) to logits (B, K).

    Raises:
        BadInput: the SPEC, a file or the package is wrong or missing.
    """
    access = Access(expand_home(data_dir), download, unsafe_pickle)
    loaded = load(parse_spec(with_normalisation(spec, normalise)), dataset, access, device)
    for choice in loaded.choices:
        warnings.warn(choice, stacklevel=2)
    return loaded.net
