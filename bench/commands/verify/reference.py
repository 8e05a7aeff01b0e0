"""What stored adversarial images are checked against: the model, the test images and the ball."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.foreign.messages import model_errors_as_bad_input
from bench.core.parsing import format_count
from bench.core.threats.lengths import tolerance
from bench.core.threats.threat import Threat
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.evaluation.arguments import cast_for_model
from bench.evaluation.external.access import Access
from bench.evaluation.external.load import load_external
from bench.evaluation.external.model_checks import SAMPLE_SIZE, is_stochastic
from bench.evaluation.external.spec import parse_spec
from bench.evaluation.outcome import predict_classes
from bench.models.freeze import frozen

DATA_DIR_ADVICE = "name the folder that the run read its data from: --data-dir DIR, or the variable BENCH_DATA"


class LoadedModel(NamedTuple):
    """A model on the device."""

    net: nn.Module
    identity: str
    is_stochastic: bool  # whether its logits are random


@dataclass
class Reference:
    """Models and test images, each loaded once."""

    spec: str | None  # None: the model of the run folder
    dataset: str | None
    access: Access
    device: torch.device
    batch_size: int
    models: dict[tuple[str, str], LoadedModel] = field(default_factory=dict)
    tests: dict[str, tuple[Dataset, Images]] = field(default_factory=dict)

    def test(self, name: str) -> tuple[Dataset, Images]:
        """A data set and its test images; BadInput if they are missing or damaged."""
        if name not in self.tests:
            try:
                data = dataset(name, self.access.data_dir)
                self.tests[name] = (data, data.load("test", self.access.data_dir))
            except BadInput as error:
                missing = str(error).partition(";")[0]
                if not missing.startswith("no "):
                    raise
                raise BadInput(f"{missing}; {DATA_DIR_ADVICE}") from error
        return self.tests[name]

    def model(self, spec: str, data: Dataset, test: Images) -> LoadedModel:
        """Load a model; BadInput if it is missing, or gives no logits for this data set."""
        if (spec, data.name) not in self.models:
            some = test.first(SAMPLE_SIZE).to(self.device)
            model = load_external(parse_spec(spec), data, some, self.access, attacked=None, label=spec)
            self.models[spec, data.name] = LoadedModel(model.net, model.identity, is_stochastic(model.net, data, some))
        return self.models[spec, data.name]

    def find_misclassified(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Which images (B, C, H, W) the model misclassifies, (B,) bool; BadInput if it raises."""
        return self.predict(net, x) != y.to(self.device)

    def predict(self, net: nn.Module, x: Tensor) -> Tensor:
        """The classes (B,) that the model predicts for images (B, C, H, W); BadInput if it raises."""
        finite = cast_for_model(net, x.nan_to_num())  # NaN is reported by `find_misplaced`
        with model_errors_as_bad_input(), frozen(net):
            return predict_classes(net, finite, self.batch_size)


def find_misplaced(x_adv: Tensor, x: Tensor, threat: Threat) -> list[str]:
    """Sentences on images x_adv (B, C, H, W) that are not finite, outside [0, 1], or outside the ball around x."""
    odd, pale = ~x_adv.isfinite().flatten(1).all(1), ((x_adv < 0) | (x_adv > 1)).flatten(1).any(1)
    far, n = threat.distance(x_adv, x), len(x)
    outside = far > threat.eps + tolerance(threat.eps)
    others = "; are they of other images, or in another order?" if outside.sum() > n / 2 else ""
    faults = {
        f"{int(odd.sum())} of {format_count(n, 'image')} have pixels that are not finite numbers": odd,
        f"{int(pale.sum())} of {format_count(n, 'image')} leave [0, 1]": pale,
        f"{int(outside.sum())} of {format_count(n, 'image')} are outside {threat}, "
        f"the farthest at {far.max():.5f}{others}": outside,
    }
    return [fault for fault, images in faults.items() if images.any()]
