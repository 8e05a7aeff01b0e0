"""Progress files, from which a killed evaluation resumes. A file of another evaluation is refused."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.files import read_json, write_bytes
from bench.core.parsing import format_count, printable
from bench.core.rng import preserve_random_state
from bench.data.images import Images
from bench.evaluation.adversarial_file import read_adversarial_set, write_adversarial_set
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.arguments import first_logits
from bench.evaluation.conditions.base import Condition
from bench.evaluation.outcome import Outcome
from bench.models.checkpoint import fingerprint

LOGIT_TOLERANCE = 1e-3  # relative to the largest: more than other kernels, threads or devices change logits
MISMATCH_TEXTS = {  # what identifies an evaluation -> what a message says if the file has another one
    "weights": "other weights",
    "logits": "a model that gives other logits",
    "conditions": "another attack, setting or radius",
    "images": "other images or labels",
    "n": "another number of images",
    "start": "another first image",
    "seed": "another seed",
    "precision": "another precision",
    "protocol": "another protocol",
}
EvaluationId = dict[str, Any]


def evaluation_id(
    model: nn.Module, images: Images, conditions: Sequence[Condition], start: int, n: int, **others: int | str
) -> EvaluationId:
    """What identifies an evaluation, by the names in MISMATCH_TEXTS. others: seed, precision and protocol."""
    block = conditions[0].block
    end = start + -(-(n - start) // block) * block if block else n  # attacks see whole blocks
    return {
        "weights": fingerprint(model),
        "logits": _sum_logits(model, images),
        "conditions": [f"{condition!r} {condition.key_params}" for condition in conditions],
        "images": images.part(start, end).fingerprint(),
        "n": n,
        "start": start,
        **others,
    }


def _sum_logits(model: nn.Module, images: Images) -> list[float] | None:
    """A weighted sum of the logits of each of the first images: it changes with anything that the logits depend on.

    None for a stochastic model, of which a second call gives other sums.
    """
    with preserve_random_state():
        first, second = (_weigh(first_logits(model, images)) for _ in range(2))
    return first if _are_near(first, second) else None


def _weigh(logits: Tensor) -> list[float]:
    weights = torch.arange(1, logits.shape[1] + 1, dtype=torch.float64, device=logits.device).cos()
    sums: list[float] = (logits.double() @ weights).tolist()
    return sums


def _are_near(one: Sequence[float], other: Sequence[float]) -> bool:
    a, b = np.array(one, float), np.array(other, float)
    return a.shape == b.shape and bool((np.abs(a - b) <= LOGIT_TOLERANCE * np.abs(a).max(initial=0)).all())


def check_evaluation_id(path: Path, found: object, evaluation: EvaluationId) -> None:
    """BadInput where a file is of another evaluation, or does not say of which. found: what it says it is of."""
    if not isinstance(found, dict) or not MISMATCH_TEXTS.keys() <= found.keys():
        raise BadInput(f"{path} does not say which model, attack and images it is of; delete it, or name another file")
    changed = [word for name, word in MISMATCH_TEXTS.items() if not _agree(name, found[name], evaluation[name])]
    if changed:
        raise BadInput(f"{path} holds the outcomes of {', '.join(changed)}; delete it, or name another file")


def _agree(name: str, found: object, wanted: object) -> bool:
    if name == "logits" and isinstance(found, list) and isinstance(wanted, list):
        return all(isinstance(number, float) for number in found) and _are_near(wanted, found)
    return found == wanted


def resume(
    saved: Path, evaluation: EvaluationId, count: int, adversarial_set: AdversarialSet | None
) -> list[Outcome] | None:
    """Read the outcomes of an interrupted evaluation; None where there are none, or the adversarial images are missing.

    Args:
        saved: the progress file.
        evaluation: as of `evaluation_id`.
        count: how many outcomes it must hold.
        adversarial_set: gets the adversarial images from the file beside `saved`.

    Raises:
        BadInput: a file is damaged, was edited, or is of another evaluation.
    """
    if not saved.exists():
        return None
    found = _read_progress(saved, evaluation, count)
    if adversarial_set is None:
        return found
    beside, reached = images_path(saved), evaluation["start"] + found[0].done
    if not beside.exists():
        return None
    kept, about = read_adversarial_set(beside)
    check_evaluation_id(beside, about, evaluation)
    if kept.reached < reached:
        return None
    kept = kept.truncate(reached)  # the images are written before the outcomes, so they may be ahead
    adversarial_set.stored, adversarial_set.reached = kept.stored, kept.reached
    return found


def save_progress(
    saved: Path, evaluation: EvaluationId, outcomes: Sequence[Outcome], adversarial_set: AdversarialSet | None
) -> None:
    """Write the files that `resume` reads."""
    if adversarial_set is not None:
        write_adversarial_set(images_path(saved), adversarial_set, evaluation)
    found = [asdict(outcome) | {"right": outcome.right.astype(int).tolist()} for outcome in outcomes]
    content = {"of": evaluation, "outcomes": found}
    text = json.dumps(content | {"digest": _digest(content)})
    write_bytes(saved, text.encode())


def _digest(content: Mapping[str, Any]) -> str:
    """A digest of what is stored, by which an edited file is recognised."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def images_path(saved: Path) -> Path:
    """The path of the adversarial images beside a progress file. BadInput where both would be the same file."""
    if saved.suffix == ".npz":
        raise BadInput(
            f"{saved} is the name of the adversarial images beside it; give the progress file another suffix"
        )
    return saved.with_suffix(".npz")


def _read_progress(path: Path, evaluation: EvaluationId, count: int) -> list[Outcome]:
    try:
        content = read_json(path)
    except (ValueError, OSError) as error:
        raise BadInput(f"{path} cannot be read ({printable(error, 200)}); delete it and run again") from error
    check_evaluation_id(path, content.get("of") if isinstance(content, dict) else None, evaluation)
    if content.pop("digest", None) != _digest(content):
        raise BadInput(f"{path} was changed after it was written: its contents have another digest; delete it")
    n = evaluation["n"] - evaluation["start"]
    try:
        found = [Outcome(**record | {"right": np.array(record["right"], bool)}) for record in content["outcomes"]]
        if len(found) != count or any(o.right.shape != (n,) or not 0 <= o.done <= n for o in found):
            raise ValueError(f"not {count} measurements of {format_count(n, 'image')}")
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} cannot be read ({error}); delete it and run again") from error
    return found
