"""Adversarial sets of shards, and how they are joined to the one of a cell."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core.errors import BadInput
from bench.evaluation.adversarial_file import read_adversarial_set, write_adversarial_set
from bench.evaluation.adversarial_set import join
from bench.evaluation.identity import is_same_model
from bench.results.shards import WHOLE_SET, Shard


def adversarial_set_path(folder: Path, key: str, shard: Shard = WHOLE_SET) -> Path:
    """The file of the adversarial images of a cell, or of one shard of it."""
    return folder / f"adversarial-{key}{shard.suffix}.npz"


def join_adversarial_sets(folder: Path) -> None:
    """Join the sets of each cell whose shards are all there to one, and delete those of the shards of whole cells.

    Raises:
        BadInput: adversarial sets of one cell are of different models, attacks or images.
    """
    for first in sorted(folder.glob("adversarial-*-1of*.npz")):
        name = re.fullmatch(r"adversarial-(\w+)-1of([0-9]{1,6})", first.stem)
        if name is None:
            continue
        key, count = name[1], int(name[2])
        paths = [adversarial_set_path(folder, key, Shard(index, count)) for index in range(1, count + 1)]
        if all(path.exists() for path in paths) and not adversarial_set_path(folder, key).exists():
            adversarial_sets, abouts = zip(*(read_adversarial_set(path) for path in paths), strict=True)
            _check_same(paths, abouts)
            write_adversarial_set(adversarial_set_path(folder, key), join(adversarial_sets), abouts[0])
    for path in sorted(folder.glob("adversarial-*-*of*.npz")):
        name = re.fullmatch(r"adversarial-(\w+)-[0-9]{1,6}of[0-9]{1,6}", path.stem)
        if name and adversarial_set_path(folder, name[1]).exists():
            path.unlink()


def _check_same(paths: Sequence[Path], abouts: Sequence[Mapping[str, Any]]) -> None:
    """BadInput if the adversarial sets of a cell's shards are not of the same model, attack and images."""
    for path, about in zip(paths, abouts, strict=True):
        odd = [name for name in abouts[0] if name not in ("reached", "identity") and about.get(name) != abouts[0][name]]
        odd += ["identity"] * (not is_same_model(str(about.get("identity")), str(abouts[0].get("identity"))))
        if odd:
            raise BadInput(
                f"{path} and {paths[0].name} are not of one cell: they differ in {', '.join(odd)}; "
                "delete both and evaluate these shards again with --save-adv"
            )
