"""The YAML block at the head of a model card, from which the Hugging Face Hub reads tags and results."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.core.parsing import format_radius
from bench.report.files import file_name

HUB_DATASETS = {  # identifiers on the Hub of our data sets
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "svhn": "ufldl-stanford/svhn",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "mnist": "ylecun/mnist",
    "tiny-imagenet": "zh-plus/tiny-imagenet",
}
TASK = {"type": "image-classification", "name": "Image Classification"}
PLAIN_WORD = re.compile(r"[A-Za-z][\w-]*")  # text that needs no quotes in YAML
QUOTED_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # YAML 1.1 reads them as something else


def metadata(title: str, dataset: str, measured: pd.DataFrame) -> dict[str, Any]:
    """The head of a card as JSON values. measured: result of `card.measurements`."""
    known = {"datasets": [HUB_DATASETS[dataset]]} if dataset in HUB_DATASETS else {}
    return {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "adversarial-robustness", "robust-recipe-bench"],
        **known,
        "metrics": ["accuracy"],
        "model-index": [{"name": title, "results": [*_results(dataset, measured)]}],
    }


def _results(dataset: str, measured: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A result of the model index for each number of images, with a metric for each measured accuracy."""
    there = measured[measured["value"].notna()]
    for (n, partial), part in there.groupby(["n", "partial"], sort=False):
        yield {
            "task": TASK,
            "dataset": {
                "type": HUB_DATASETS.get(dataset) or file_name(dataset) or "unnamed",
                "name": f"{dataset}, {f'first {n}' if partial else f'all {n}'} test images",
                "split": "test",
            },
            "metrics": [_metric(line) for line in part.to_dict("records")],
        }


def _metric(line: Mapping[Any, Any]) -> dict[str, Any]:
    interval = {name: line[name] for name in ("ci_low", "ci_high") if not math.isnan(line[name])}
    settings = {"norm": line["norm"], "eps": format_radius(line["eps"])} if line["norm"] else {}
    return {
        "type": "accuracy",
        "value": line["value"],
        "name": f"Accuracy, {line['condition']}",
        "args": {"n": line["n"], **interval, **settings, "verdict": line["verdict"]},
    }


def yaml(value: Any, indent: str = "") -> str:
    """Write a JSON value as YAML in block style; text that is not a plain word is quoted as in JSON."""
    if isinstance(value, Mapping) and value:
        return "".join(f"{indent}{_scalar(name)}:{_below(inner, indent)}" for name, inner in value.items())
    if _is_list(value) and value:
        return "".join(_item(inner, indent) for inner in value)
    return f"{indent}{_scalar(value)}\n"


def _below(value: Any, indent: str) -> str:
    """The text after the colon of a key."""
    if isinstance(value, Mapping) and value:
        return "\n" + yaml(value, indent + "  ")
    return "\n" + yaml(value, indent) if _is_list(value) and value else f" {_scalar(value)}\n"


def _item(value: Any, indent: str) -> str:
    """One item of a list, which may take several lines."""
    return f"{indent}- {yaml(value, indent + '  ').removeprefix(indent + '  ')}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and PLAIN_WORD.fullmatch(value) and value.lower() not in QUOTED_WORDS:
        return value
    text = json.dumps(value)
    exponent = (
        isinstance(value, float) and "e" in text and "." not in text
    )  # YAML 1.1 reads a number with an exponent only if it has a point
    return text.replace("e", ".0e") if exponent else text


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
