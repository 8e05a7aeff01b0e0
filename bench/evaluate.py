"""From a trained model and a condition to which test images it gets right."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.conditions import Attacked, Condition, Corrupted, Diagnosed, Probed, measurement
from bench.data import Images
from bench.data.batches import to_float
from bench.diagnostics import DIAGNOSTICS
from bench.errors import BadInput
from bench.inner import frozen
from bench.judge import Outcome, Target, judge
from bench.probes import signs
from bench.results import write_atomically
from bench.search import places

PROTOCOL = 1
OWN_BLOCK = 1024  # images between two saves; own attacks draw per image, so it changes no number


def outcomes(
    model: nn.Module,
    images: Images,
    condition: Condition,
    *,
    n: int | None = None,
    precision: str = "fp32",
    batch_size: int = 128,
    seed: int = 0,
    saved: Path | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Judge a model on the first n test images.

    An image counts as right only if the model is right on it and on what the attack made of it, by a forward of the
    model itself; the attack works on a cheaper copy, whose word is never taken.

    images:     the test set in its order, on the model's device. Attacks that draw per block see whole blocks of it.
    precision:  fp32 or bf16, of the search alone.
    batch_size: images worked on at a time; never changes a draw.
    saved:      file for finished blocks, from which a killed evaluation goes on. Its end is the caller's business.
    """
    n = len(images) if n is None else n
    if not 0 < n <= len(images):
        raise BadInput(f"{n} test images asked for, {len(images)} are there")
    asked, condition = condition, measurement(condition)
    canonical = condition.attack.block if isinstance(condition, Attacked) else None
    outcome = _read(saved, n) or Outcome(np.zeros(n, bool))
    with frozen(model), places(batch_size):
        target = Target.of(model, to_float(images.x[:64]), precision, batch_size, seed)
        while outcome.done < n:
            stop = min(outcome.done + canonical, len(images)) if canonical else min(outcome.done + OWN_BLOCK, n)
            ids, wanted = range(outcome.done, stop), min(stop, n) - outcome.done
            x, y = to_float(images.x[ids.start : stop]), images.y[ids.start : stop]
            if isinstance(condition, Corrupted):
                x = condition.images(images.x[ids.start : stop], ids, batch_size)
            if isinstance(condition, Attacked):
                distances = target.distances(condition, ids, x, y, outcome)
                right = distances.isinf()
                outcome.values += distances[:wanted].tolist() if condition.attack.minimal else []
            else:
                right = judge(model, x, y, batch_size)
            if isinstance(condition, Diagnosed):
                parts = zip(torch.split(x, batch_size), torch.split(y, batch_size), strict=True)
                outcome.values += torch.cat([DIAGNOSTICS[condition.name](model, *part) for part in parts]).tolist()
            elif isinstance(condition, Probed):
                outcome.values += signs(target, condition, ids, x, y, right, outcome).tolist()
            outcome.right[ids.start : ids.start + wanted] = right[:wanted].cpu().numpy()
            outcome.done, outcome.seen = ids.start + wanted, stop
            if saved is not None:
                _write(saved, outcome)
            tick(outcome)
    return read_off(outcome, asked)


def read_off(outcome: Outcome, condition: Condition) -> Outcome:
    """The outcome of a condition, from that of its measurement."""
    if isinstance(condition, Attacked) and condition.attack.minimal:
        return replace(outcome, right=condition.withstood(np.array(outcome.values)))
    return outcome


def _write(path: Path, outcome: Outcome) -> None:
    record = asdict(outcome) | {"right": outcome.right.astype(int).tolist()}
    write_atomically(path, lambda file: file.write(json.dumps(record).encode()))


def _read(path: Path | None, n: int) -> Outcome | None:
    if path is None or not path.exists():
        return None
    try:
        record = json.loads(path.read_text())
        outcome = Outcome(**record | {"right": np.array(record["right"], bool)})
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} cannot be read ({error}); delete it and run again") from error
    if len(outcome.right) != n:
        raise BadInput(f"{path} holds {len(outcome.right)} images where {n} belong; delete it and run again")
    return outcome
