"""The block of YAML at the head of a model card: what the Hub reads of it, results among it."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.core.parsing import format_radius
from bench.report.files import file_name

HUB_DATASETS = {  # data sets that the Hub has, by our names
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "svhn": "ufldl-stanford/svhn",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "tiny-imagenet": "zh-plus/tiny-imagenet",
}
TASK = {"type": "image-classification", "name": "Image Classification"}
WORD = re.compile(r"[A-Za-z][\w-]*")  # a text that YAML reads as one, without quotes
NO_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # which YAML reads as something else


def metadata(title: str, dataset: str, measured: pd.DataFrame) -> dict[str, Any]:
    """What the head of a card says, as values of JSON. measured: as of `measurements`."""
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
    """One for each number of images, with a metric for each accuracy that there is."""
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
    """A value of JSON as YAML in block style; texts that are more than a word are quoted as JSON quotes them."""
    if isinstance(value, Mapping) and value:
        return "".join(f"{indent}{_scalar(name)}:{_below(inner, indent)}" for name, inner in value.items())
    if _is_list(value) and value:
        return "".join(_item(inner, indent) for inner in value)
    return f"{indent}{_scalar(value)}\n"


def _below(value: Any, indent: str) -> str:
    """What stands behind a colon."""
    if isinstance(value, Mapping) and value:
        return "\n" + yaml(value, indent + "  ")
    return "\n" + yaml(value, indent) if _is_list(value) and value else f" {_scalar(value)}\n"


def _item(value: Any, indent: str) -> str:
    """A line of a list, or several that begin as one."""
    return f"{indent}- {yaml(value, indent + '  ').removeprefix(indent + '  ')}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and WORD.fullmatch(value) and value.lower() not in NO_WORDS:
        return value
    text = json.dumps(value)
    exponent = isinstance(value, float) and "e" in text and "." not in text  # no number to YAML 1.1, which parsers read
    return text.replace("e", ".0e") if exponent else text


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
