"""Whether stored outcomes are possible, and agree with their row."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.parsing import format_count
from bench.results.row_checks import LARGEST_WORK, ROUNDING_TOLERANCE, Row


def check_outcomes(bits: NDArray[Any]) -> None:
    """ValueError if an array is not (n,) bool, one outcome for each image."""
    if bits.dtype != np.bool_ or bits.ndim != 1:
        raise ValueError(f"outcomes are {bits.ndim}-dimensional {bits.dtype}, not one bit an image")


def check_outcome(record: Mapping[str, Any]) -> None:
    """ValueError, TypeError or KeyError if a JSON object is not a stored `evaluation.outcome.Outcome`."""
    right, counts = record["right"], [record[name] for name in ("done", "seen", "forwards", "backwards")]
    if not isinstance(right, list) or not all(type(bit) is int and bit in (0, 1) for bit in right):
        raise ValueError("its outcomes are not a list of 0 and 1")
    if not isinstance(record["doubts"], dict) or not isinstance(record["values"], list):
        raise ValueError("its doubts are no object, or its values no list")
    if not all(type(count) is int and 0 <= count < LARGEST_WORK for count in (*counts, *record["doubts"].values())):
        raise ValueError("a count is no whole number")
    if type(record["seconds"]) not in (int, float) or not 0 <= record["seconds"] < LARGEST_WORK:
        raise ValueError("its seconds are no number")
    if not all(type(value) in (int, float) for value in record["values"]):
        raise ValueError("its values are not numbers")


def check_bits(row: Row, bits: NDArray[Any]) -> None:
    """ValueError if a row contradicts the outcomes of its images.

    bits: (n,) bool, True where the model is correct. Rows of failed cells are not compared.
    """
    check_outcomes(bits)
    if row.status != "ok":
        return
    right = int(bits.sum())
    groups = {"all": len(bits), "right": right, "wrong": len(bits) - right}
    images = len(bits) if row.metric == "accuracy" else groups.get(row.metric.partition(" ")[2], row.n)
    if row.n != images or row.n > len(bits):
        raise ValueError(f"n is {row.n}, and there are outcomes of {format_count(min(images, len(bits)), 'image')}")
    share = {"accuracy": right, "success rate": row.n - right}.get(row.metric)
    if share is not None and row.value is not None and abs(row.value - share / row.n) > ROUNDING_TOLERANCE:
        raise ValueError(f"the value is {row.value:.6g}, and by the outcomes of its images {share} of {row.n}")
