"""What models are judged under, and filling a folder with the numbers that it lacks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from bench.conditions import Attacked, Condition, measurement
from bench.data import Images
from bench.device import describe
from bench.errors import Failed
from bench.evaluate import PROTOCOL, read_off, side_by_side
from bench.judge import Outcome
from bench.price import cell_cost
from bench.progress import Event, Tell
from bench.results import Row, read_outcomes, read_rows, store
from bench.rows import Model, label, row_of, said
from bench.together import together


@dataclass(frozen=True)
class Exam:
    """Test images, the conditions to be right under, and what the judging is done with."""

    test: Images  # in test order, all of it, so that attacks see whole blocks
    n: int  # of them to judge
    conditions: tuple[Condition, ...]
    device: torch.device
    precision: str
    batch_size: int

    def missing(self, folder: Path, model: Model, identity: str) -> dict[str, Condition]:
        """The conditions that no stored row of this model answers with a number, by key.

        identity: digits that change with anything that the model's logits depend on.
        """
        bits, which = read_outcomes(folder), (model.epoch, model.view)
        rows = [row for row in read_rows(folder) if (row.epoch, row.view) == which and row.status == "ok"]
        answered = {row.key for row in rows if row.key in bits}
        keys = {self.key(identity, condition): condition for condition in self.conditions}
        return {key: condition for key, condition in keys.items() if key not in answered}

    def key(self, identity: str, condition: Condition) -> str:
        """Of the model, the images that the attack sees, the condition and the protocol."""
        attack = condition.attack if isinstance(condition, Attacked) else None
        block = (attack.block if attack else None) or 1
        seen = self.test.first(-(-self.n // block) * block).fingerprint()
        parts = (identity, seen, self.n, condition, attack.params if attack else "", self.precision, PROTOCOL)
        return sha256(repr(parts).encode()).hexdigest()[:16]

    def digest(self, identity: str, bases: Sequence[Condition]) -> str:
        """Of what is measured together; the keys of its numbers do not depend on that."""
        return sha256(repr([self.key(identity, basis) for basis in bases]).encode()).hexdigest()[:16]

    def judge(self, folder: Path, model: Model, net: nn.Module, identity: str, tell: Tell) -> int:
        """Fill the missing cells of one model, and say how many failed.

        What another epoch with the same weights was measured at is copied.
        """
        failed = 0
        measured: dict[Condition, Outcome] = {}  # what several conditions are read off is measured once
        missing = self.missing(folder, model, identity)
        for place, (key, condition) in enumerate(missing.items()):
            same = [row for row in read_rows(folder) if row.key == key and row.status == "ok"]
            if same and key in read_outcomes(folder):
                store(folder, replace(same[0], epoch=model.epoch, view=model.view), None)
                continue
            title, weight = f"{model} {label(condition)}", cell_cost(condition, self.n)

            def after(o: Outcome, title: str = title, weight: float = weight) -> None:
                if o.done < self.n:
                    tell(Event(title, o.done, self.n, weight, f"{o.right[: o.done].mean():.1%} so far"))

            tell(Event(title, 0, self.n, weight))
            basis = measurement(condition)
            bases = together(basis, [*missing.values()][place + 1 :])
            saved = folder / f"partial-{self.digest(identity, bases)}.json"
            try:
                if basis not in measured:
                    found = side_by_side(
                        net,
                        self.test,
                        bases,
                        n=self.n,
                        precision=self.precision,
                        batch_size=self.batch_size,
                        saved=saved,
                        tick=after,
                    )
                    measured |= zip(bases, found, strict=True)
                outcome = read_off(measured[basis], condition)
                row, bits = self.row(model, condition, key, outcome), outcome.right
                word = f"{said(row)}, {outcome.seconds:.1f} s, {row.verdict}"
            except Failed as error:
                row, bits, word = self.row(model, condition, key, error), None, f"failed: {error}"
                failed += 1
            except torch.OutOfMemoryError as error:
                raise Failed(f"no memory left to judge {title}; try a smaller --batch-size") from error
            store(folder, row, bits)
            saved.unlink(missing_ok=True)
            tell(Event(title, self.n, self.n, weight, word))
        return failed

    def row(self, model: Model, condition: Condition, key: str, result: Outcome | Failed) -> Row:
        """What a folder stores of one cell."""
        return row_of(
            model,
            condition,
            result,
            n=self.n,
            partial=self.n < len(self.test),
            device=describe(self.device),
            precision=self.precision,
            key=key,
        )
