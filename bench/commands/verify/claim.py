"""A file of adversarial images, with the rows and outcomes stored beside it for the same cell."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.files import Bits, is_name, is_run, parse_json
from bench.core.parsing import printable
from bench.core.threats.threat import NORMS
from bench.evaluation.adversarial_file import Metadata, read_adversarial_set
from bench.evaluation.adversarial_set import AdversarialSet
from bench.results.row import Row
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_job, read_run
from bench.runner.shards.adversarial_sets import adversarial_set_path
from bench.runner.shards.results import read_parts
from bench.training.run_folder import status

# keys in the metadata of a file, by column of a row
ROW_FIELDS = {"name": "attack", "params": "params", "norm": "norm", "eps": "eps"}


@dataclass(frozen=True)
class Claim:
    """The adversarial images of one cell, or of a shard of it, and what is stored about them."""

    path: Path
    adversarial_set: AdversarialSet
    about: Metadata
    job: dict[str, object]  # job.json; empty outside a run folder
    shard: Shard
    ids: range  # test images that were attacked, all or those of the shard
    rows: tuple[Row, ...]  # rows with its key
    recorded: range  # test images that rows and bits are about
    bits: Bits | None  # outcomes (n,), True where the model is correct; None if there are none with its key

    @cached_property
    def image_ids(self) -> NDArray[np.int64]:
        """The test images that the file has adversarial images of, (M,)."""
        return np.concatenate([part.ids for part in self.adversarial_set.stored.values()] or [np.zeros(0, np.int64)])

    @property
    def scores_last_iterate(self) -> bool:
        """Whether only the last iterate of the attack was scored, and not the clean image."""
        return bool(json.loads(self.about["params"]).get("last"))

    @property
    def covers_shard(self) -> bool:
        """Whether its images are all of its shard, each once, and the evaluation reached the end of the shard."""
        once = len(np.unique(self.image_ids)) == len(self.image_ids)
        return once and bool(np.isin(self.image_ids, self.ids).all()) and self.adversarial_set.reached == self.ids.stop

    def model_spec(self) -> str:
        """The SPEC of the model whose run folder the file is in; BadInput if it is in none."""
        if not self.job:
            raise BadInput(f"{self.path} is not in the folder of its run; give --model SPEC")
        if status(self.path.parent) == "external":
            return str(self.job["spec"])
        return f"{self.path.parent}@{self.about['epoch']}@{self.about['view']}"

    def list_contradictions(self) -> list[str]:
        """Sentences on contradictions between the file, the rows and the outcomes; empty if there are none."""
        if not self.job and not self.rows:
            return []
        faults = [] if self.rows else ["results.csv has no row of it; run again"]
        for row in self.rows:
            faults += [
                f"results.csv has another {a}" for a, b in ROW_FIELDS.items() if getattr(row, a) != self.about[b]
            ]
            faults += ["results.csv has another n"] if row.n != len(self.recorded) else []
            if self.bits is not None and (row.value is None or abs(row.value - self.bits.mean()) > 1e-9):
                accuracy = "no accuracy" if row.value is None else f"accuracy {row.value:.1%}"
                faults.append(f"{accuracy} in results.csv, and {self.bits.mean():.1%} in outcomes.npz")
        if self.rows and (self.bits is None or len(self.bits) != len(self.recorded)):
            faults.append("outcomes.npz does not have a bit for each image")
        elif self.bits is not None and self.covers_shard and self.bits[self.image_ids - self.recorded.start].any():
            faults.append("outcomes.npz has broken images as right")
        return list(dict.fromkeys(faults))

    def missing_images(self) -> NDArray[np.int64]:
        """The test images (M,) that are broken by the outcomes but not in the file; empty without outcomes."""
        if self.bits is None or len(self.bits) != len(self.recorded):
            return np.zeros(0, np.int64)
        ids = np.array(self.ids)
        return np.setdiff1d(ids[~self.bits[ids - self.recorded.start]], self.image_ids)


def read_claim(path: Path) -> Claim:
    """Read a file of adversarial images and what is stored beside it; BadInput if any of these files is damaged."""
    adversarial_set, about = read_adversarial_set(path)
    try:
        check_metadata(about)
    except ValueError as error:
        raise BadInput(
            f"{path} does not say of what it is ({error}); delete it and run again with --save-adv"
        ) from error
    folder, key = path.parent, about["key"]
    job = read_job(folder) if (folder / "job.json").exists() else {}
    suffix = re.search(r"-([0-9]{1,6})of([0-9]{1,6})$", path.stem)
    shard = Shard(*map(int, suffix.groups())) if suffix else WHOLE_SET
    if job and path.name != adversarial_set_path(folder, key, shard).name:
        raise BadInput(f"{path} holds the images of another cell, {key}; it was renamed or changed")
    ids = shard.ids(about["n"], json.loads(about["params"]).get("block"))
    every, bits = read_run(folder, compare=False)  # contradictions are reported by `list_contradictions`
    rows = [row for row in every if row.key == key and row.status == "ok"]
    if rows or key in bits:
        return Claim(path, adversarial_set, about, job, shard, ids, tuple(rows), range(about["n"]), bits.get(key))
    parts = [part for part in read_parts(folder) if part.row.key == key and part.shard == shard]
    bits_of_part = parts[0].outcome.right if parts else None
    return Claim(path, adversarial_set, about, job, shard, ids, tuple(part.row for part in parts), ids, bits_of_part)


def check_metadata(about: Metadata) -> None:
    """ValueError if a field of a file's metadata is missing or has another type."""
    for name in ("run", "epoch", "view", "dataset", "identity", "images", "attack", "params", "norm", "key"):
        if not isinstance(about.get(name), str):
            raise ValueError(f"{name} is {printable(repr(about.get(name)), 40)}")
    if type(about.get("n")) is not int or not 0 < about["n"] < 10**9:
        raise ValueError(f"n is {printable(repr(about.get('n')), 40)}")
    if not all(is_name(about[name]) for name in ("epoch", "view", "key")) or not is_run(about["run"]):
        raise ValueError("run, epoch, view or key is no name")
    eps = about.get("eps")
    if about["norm"] not in NORMS or not isinstance(eps, int | float) or not eps > 0:
        raise ValueError("norm and eps are no ball")
    params = parse_json(about["params"])
    block = params.get("block") if isinstance(params, dict) else 0
    if block is not None and (type(block) is not int or block < 1):
        raise ValueError("params are no settings of an attack")
