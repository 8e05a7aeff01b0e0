"""Tables of exhibits, each computed from files that `read_exhibit` has read."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

STATISTICS = {"running_mean": "Running mean", "running_var": "Running variance", "weight": "Scale", "bias": "Shift"}
LOSS_POINTS = {
    "clean": ("attack", 0.0),
    "attack": ("attack", 1.0),
    "against": ("attack", -1.0),
    "random": ("random", 1.0),
}
MAGNIFIED_FACTOR = 2.0  # times the mean before, above which a map counts as magnified


def gradients(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Statistics of squared gradient norms by model, over all images, the correctly classified and the others."""
    lines = []
    for label, table in tables.items():
        groups = {"all": table, "right": table[table["right"]], "wrong": table[~table["right"]]}
        for group, part in groups.items():
            squared = part["squared"]
            numbers = {name: getattr(squared, name)() for name in ("min", "median", "mean", "max")}
            lines.append({"model": label, "group": group, "n": len(part), "zero": int((squared == 0).sum()), **numbers})
    return pd.DataFrame(lines)


def losses_at_radius(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean loss and accuracy (percent) by model on clean images and eps away: along the attack, against it, random."""
    lines = []
    for label, table in tables.items():
        at = table.set_index(["direction", "step"])
        loss = {f"loss {name}": at["mean"][way] for name, way in LOSS_POINTS.items()}
        accuracy = {f"acc. {name}": 100 * at["accuracy"][way] for name, way in LOSS_POINTS.items()}
        lines.append({"model": label} | loss | accuracy)
    return pd.DataFrame(lines)


def cosines(table: pd.DataFrame) -> pd.DataFrame:
    """Cosine similarity of each batch norm before and after fine-tuning: a line a layer, a column a statistic.

    NaN where a layer lacks the statistic.
    """
    lines = [
        {"layer": layer, "channels": len(part)}
        | {name: cosine(part[name].to_numpy(), part[f"start_{name}"].to_numpy()) for name in STATISTICS}
        for layer, part in table.groupby("layer")
    ]
    return pd.DataFrame(lines)


def cosine(a: ArrayLike, b: ArrayLike) -> float:
    """Cosine of two vectors (C,); 1 if both are zero, as they are equal, and 0 if one is."""
    u, v = np.asarray(a, float), np.asarray(b, float)
    lengths = float(np.linalg.norm(u) * np.linalg.norm(v))
    return float(u @ v) / lengths if lengths else float(not u.any() and not v.any())


def stack_maps(table: pd.DataFrame, when: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The feature maps (C, H, W) of an exhibit. when: before or after, relative to the fine-tuning."""
    part = table[table["when"] == when].sort_values("channel")
    height, width = int(part["height"].iloc[0]), int(part["width"].iloc[0])
    return np.array([np.array(str(pixels).split(), float) for pixels in part["pixels"]]).reshape(-1, height, width)


def channel_gains(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of each channel's feature map before and after, their ratio, and whether it was blocked or magnified."""
    before, after = (stack_maps(table, when).mean((1, 2)) for when in ("before", "after"))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = after / before  # NaN where both are zero
    state = np.select([(before > 0) & (after == 0), gain > MAGNIFIED_FACTOR], ["blocked", "magnified"], "")
    channel = np.arange(len(before))
    return pd.DataFrame({"channel": channel, "before": before, "after": after, "gain": gain, "state": state})
