"""From a trained model and a condition to which test images it gets right."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.adversarial import Album, read_album
from bench.conditions import Attacked, Condition, Diagnosed, Probed, measurement
from bench.data import Images
from bench.data.batches import to_float
from bench.diagnostics import DIAGNOSTICS
from bench.errors import BadInput
from bench.inner import frozen
from bench.judge import Keep, Outcome, Target, judge
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
    start: int = 0,
    precision: str = "fp32",
    batch_size: int = 128,
    seed: int = 0,
    saved: Path | None = None,
    album: Album | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Judge a model on the first n test images, or on those of them from `start` on.

    An image counts as right only if the model is right on it and on what the attack made of it, by a forward of the
    model itself; the attack works on a cheaper copy, whose word is never taken.

    start:      a border of blocks, where the attack has any. The outcome's arrays begin there.
    images:     the test set in its order, on the model's device. Attacks that draw per block see whole blocks of it.
    precision:  fp32 or bf16, of the search alone.
    batch_size: images worked on at a time; never changes a draw.
    saved:      file for finished blocks, from which a killed evaluation goes on. Its end is the caller's business.
    album:      takes the images that the attack broke; beside `saved` there is a file of it then.
    """
    n = len(images) if n is None else n
    if not 0 <= start < n <= len(images):
        raise BadInput(f"{n} test images asked for, {len(images)} are there")
    asked, condition = condition, measurement(condition)
    canonical = condition.attack.block if isinstance(condition, Attacked) else None
    outcome = _resumed(saved, n - start, album, start)
    with frozen(model), places(batch_size):
        target = Target.of(model, to_float(images.x[:64]), precision, batch_size, seed)
        while outcome.done < n - start:
            at = start + outcome.done
            stop = min(at + canonical, len(images)) if canonical else min(at + OWN_BLOCK, n)
            ids, wanted = range(at, stop), min(stop, n) - at
            x, y = to_float(images.x[ids.start : stop]), images.y[ids.start : stop]
            if isinstance(condition, Attacked):
                keep = _keeping(album, target, ids[:wanted], x, y, condition) if album is not None else None
                distances = target.distances(condition, ids, x, y, outcome, keep)
                right = distances.isinf()
                outcome.values += distances[:wanted].tolist() if condition.attack.minimal else []
            else:
                right = judge(model, x, y, batch_size)
            if isinstance(condition, Diagnosed):
                parts = zip(torch.split(x, batch_size), torch.split(y, batch_size), strict=True)
                outcome.values += torch.cat([DIAGNOSTICS[condition.name](model, *part) for part in parts]).tolist()
            elif isinstance(condition, Probed):
                outcome.values += signs(target, condition, ids, x, y, right, outcome).tolist()
            outcome.right[outcome.done : outcome.done + wanted] = right[:wanted].cpu().numpy()
            outcome.done, outcome.seen = outcome.done + wanted, outcome.seen + len(ids)
            if album is not None:
                album.reached = start + outcome.done
            if saved is not None:
                _write(saved, outcome, album)
            tick(outcome)
    return read_off(outcome, asked)


def read_off(outcome: Outcome, condition: Condition) -> Outcome:
    """The outcome of a condition, from that of its measurement."""
    if isinstance(condition, Attacked) and condition.attack.minimal:
        return replace(outcome, right=condition.withstood(np.array(outcome.values)))
    return outcome


def _keeping(album: Album, target: Target, ids: range, x: Tensor, y: Tensor, condition: Attacked) -> Keep:
    """What puts the broken ones of these images, the first of the block x, into the album."""

    def keep(broken: Tensor, x_adv: Tensor) -> None:
        rows = broken[: len(ids)].nonzero().flatten()
        found, labels = [ids[row] for row in rows.tolist()], y[rows]
        album.add(
            found,
            x[rows],
            x_adv[rows],
            condition.threat,
            lambda images, some: ~judge(target.model, images, labels[some], target.batch_size),
        )

    return keep


def _resumed(saved: Path | None, n: int, album: Album | None, start: int) -> Outcome:
    """What an earlier call has left of n images, or nothing, also where the album does not go as far."""
    outcome = _read(saved, n)
    if outcome is None or album is None or saved is None:
        return outcome or Outcome(np.zeros(n, bool))
    kept = read_album(saved.with_suffix(".npz"))[0] if saved.with_suffix(".npz").exists() else Album()
    if kept.reached < start + outcome.done:
        return Outcome(np.zeros(n, bool))
    kept = kept.below(start + outcome.done)  # it is written first
    album.stored, album.reached = kept.stored, kept.reached
    return outcome


def _write(path: Path, outcome: Outcome, album: Album | None) -> None:
    if album is not None:
        album.write(path.with_suffix(".npz"), {})
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
