"""What RobustBench's users know: `benchmark(model, ...)`, and the JSON that its leaderboard is made from.

Croce et al., "RobustBench: a standardized adversarial robustness benchmark", NeurIPS 2021, arXiv:2010.09670.
"""

import json
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from bench.asked import NORMS
from bench.attacks import parse_attack
from bench.audit import Doubt
from bench.conditions import Attacked, Clean
from bench.data import dataset as named
from bench.device import pick, prepare
from bench.errors import BadInput
from bench.evaluate import outcomes
from bench.modes import set_eval
from bench.numbers import radius
from bench.outside import doubts
from bench.places import expanded
from bench.report.verdicts import doubts_by_board, verdict
from bench.results import Row, load, read_outcomes

KEYS = (
    "link", "name", "authors", "additional_data", "number_forward_passes", "dataset", "venue", "architecture", "eps",
    "clean_acc", "reported", "autoattack_acc", "footnote", "unreliable",
)  # fmt: skip


def benchmark(
    model: nn.Module,
    n_examples: int = 10_000,
    dataset: str = "cifar10",
    threat_model: str = "Linf",
    eps: float = 8 / 255,
    data_dir: Path | str = Path("~/.cache/bench-data"),
    device: torch.device | str = "cpu",
    batch_size: int = 128,
) -> tuple[float, float]:
    """Clean accuracy, and accuracy under the standard AutoAttack, both as fractions. Nothing is stored.

    model:        [0, 1] images to logits; it is moved to the device and judged in eval mode. Doubts about it are
                  warnings. BadInput where it cannot be judged.
    n_examples:   first test images; all of them where there are fewer.
    threat_model: Linf or L2, with `eps` in pixels of [0, 1].
    batch_size:   speed only, never a number.
    """
    if threat_model not in NORMS:
        raise BadInput(f"threat_model {threat_model!r} is none of {', '.join(NORMS)}")
    if n_examples < 1:
        raise BadInput(f"n_examples={n_examples}: at least one image is needed")
    prepare()
    data, place = named(dataset, expanded(data_dir)), pick(str(device))
    test = data.load("test", expanded(data_dir)).to(place)
    modes = {m: m.training for m in model.modules()}
    try:
        for doubt in doubts(set_eval(model.to(place)), data, test, attacked=True):
            warnings.warn(doubt, stacklevel=2)
        under = (Clean(), Attacked(parse_attack("AutoAttack"), NORMS[threat_model](eps)))
        n = min(n_examples, len(test))
        clean, robust = (outcomes(model, test, each, n=n, batch_size=batch_size).right.mean() for each in under)
    finally:
        for m, mode in modes.items():
            m.training = mode
    return float(clean), float(robust)


def read_model_info(path: Path) -> dict[str, object]:
    """What a model_info file says already; nothing where there is none."""
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BadInput(f"--model-info {path} cannot be read as JSON ({error}); name another file") from error
    if not isinstance(info, dict):
        raise BadInput(f"--model-info {path} is not a JSON object; name another file")
    return info


def doubts_of(results: Path, attacked: Row) -> list[Doubt]:
    """What the audit says of a row's model under its threat, by all that a results folder knows of the model."""
    assert attacked.eps is not None
    known = load(results)
    same = (known["kind"] == "clean") | (
        (known["norm"] == attacked.norm) & ((known["eps"] - attacked.eps).abs() < 1e-7)
    )
    for column in ("run", "view", "epoch", "n"):
        same &= known[column] == getattr(attacked, column)
    return doubts_by_board(known[same], known, read_outcomes(results / attacked.run))


def model_info(clean: Row, attacked: Row, doubts: Iterable[Doubt], known: dict[str, object]) -> dict[str, object]:
    """The keys of RobustBench's model_info/<data set>/<threat>/NAME.json.

    Accuracies are text, in percent with two digits, as there. doubts: the audit's, of the model under this threat.
    known: keeps what only people can say, such as title, authors and venue; null where nobody has said it.
    """
    assert clean.value is not None
    assert attacked.value is not None
    assert attacked.eps is not None
    judged = verdict([(attacked.name, attacked.verdict)], doubts)
    said = [f"First {clean.n} test images only."] if clean.partial else []
    said += [f"Evaluation {judged}."] if judged != "ok" else []
    measured = {
        "dataset": clean.dataset,
        "eps": radius(attacked.eps),
        "clean_acc": f"{100 * clean.value:.2f}",
        "autoattack_acc": f"{100 * attacked.value:.2f}",
        "unreliable": judged != "ok",
    }
    footnote = {"footnote": " ".join(said)} if said else {}
    return dict.fromkeys(KEYS) | known | measured | footnote
