"""A kind of condition that a plug-in brings is measured, priced, shown and compared as those that are there."""

import numpy as np
import pytest
from linear_models import linear

from bench.core.errors import BadInput
from bench.core.threats.linf import Linf
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import CONDITIONS, DEFAULT_COLUMNS, Condition
from bench.evaluation.evaluator import outcomes
from bench.evaluation.outcome import is_correct
from bench.results.load import load_results
from bench.results.store import read_outcomes, read_rows

TURNED = """
from dataclasses import dataclass

from bench import CONDITIONS, Condition, is_correct


@dataclass(frozen=True)
class Turned(Condition):
    \"\"\"The image, turned by quarters.\"\"\"

    kind = "x-turned"
    repeatable = True

    quarters: int

    @property
    def name(self):
        return str(90 * self.quarters)

    @property
    def label(self):
        return f"turned by {self.name}"

    @classmethod
    def list_for(cls, balls):
        return [cls(1), cls(2)]

    def measure(self, target, batch, outcome):
        return is_correct(target.model, batch.x.rot90(self.quarters, (2, 3)), batch.y, target.batch_size)

    def cost(self, n):
        return 1e6 * n

    @classmethod
    def from_row(cls, row):
        return cls(int(row.name) // 90)


CONDITIONS.add("turned", Turned)
"""
SMALL = ("--methods", "Standard", "--epochs", "1", "--limit-train", "100", "--limit", "16", "--attacks", "FGSM")


def test_a_kind_of_a_plugin_is_priced_measured_shown_and_compared(bench, tmp_path):
    (tmp_path / "turned.py").write_text(TURNED, encoding="utf-8")
    asked = (*SMALL, "--workers", "1", "--device", "cpu", "--plugin", "turned.py", "--conditions", "turned")
    code, out, err = bench("run", *asked, "--dry-run")
    assert (code, "3.2e+07 passes" in out) == (0, True), out + err
    code, out, err = bench("run", *asked)
    assert code == 0, err
    assert "turned 90" in out
    assert "turned 180" in out
    (folder,) = [path.parent for path in (tmp_path / "results").rglob("results.csv")]
    rows = [row for row in read_rows(folder) if row.kind == "x-turned"]
    assert [(row.name, row.norm, row.params, row.metric, row.n, row.status) for row in rows] == [
        (name, "", "", "accuracy", 16, "ok") for name in ("90", "180")
    ]
    bits = read_outcomes(folder)
    assert all(row.value == bits[row.key].mean() for row in rows)
    (table,) = (tmp_path / "reports").rglob("board.csv")
    assert {"turned 90", "turned 180"} <= {*table.read_text(encoding="utf-8").splitlines()[0].split(",")}
    assert len(load_results(tmp_path / "results")) == 4
    code, out, err = bench("compare", "results", "again", "--level", "1", "--device", "cpu", "--plugin", "turned.py")
    assert code == 0, out + err
    assert "leaves out" not in err
    (again,) = [path.parent for path in (tmp_path / "again").rglob("results.csv")]
    assert {row.key: row.value for row in read_rows(again)} == {row.key: row.value for row in read_rows(folder)}
    assert "turned" in bench("list", "conditions")[1].split()
    model, images = linear(2, 24)
    condition = CONDITIONS["turned"](1)
    found = outcomes(model, images, condition)
    expected = is_correct(model, images.x.rot90(1, (2, 3)), images.y, 7)
    assert np.array_equal(found.right, expected.numpy())
    code, _, err = bench("run", *SMALL, "--conditions", "sweep")
    assert (code, "options of its own ask for kind sweep" in err) == (2, True)


def test_columns_that_a_class_has_no_field_of_are_empty():
    class Nothing(Condition):
        kind = "x-nothing"
        label = "nothing"

        def measure(self, target, batch, outcome):
            raise NotImplementedError

    nothing = Nothing()
    assert {column: getattr(nothing, column) for column in DEFAULT_COLUMNS} == DEFAULT_COLUMNS
    assert (nothing.metric, nothing.block, nothing.cost(5), nothing.base()) == ("accuracy", None, 5, nothing)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Linf(0.1), "a condition is a subclass of Condition"),
        (type("Odd", (Condition,), {"kind": "magic"}), "has the kind 'magic'; a kind of yours begins with x-"),
        (type("Severe", (Condition,), {"kind": "x-severe", "severity": 3}), "has a severity, as corruptions have"),
        (type("None", (Condition,), {}), "has the kind None"),
    ],
)
def test_what_has_no_kind_is_no_condition(item, message):
    with pytest.raises(BadInput, match=message):
        CONDITIONS.add("Odd", item)


def test_every_class_says_its_kind_and_its_metrics():
    found = [(name, cls.kind, cls.metrics[0]) for name, cls in CONDITIONS.items() if not cls.kind.startswith("x-")]
    assert found == [
        ("attack", "attack", "accuracy"),
        ("clean", "clean", "accuracy"),
        ("union", "union", "accuracy"),
        ("corruption", "corruption", "accuracy"),
        ("diagnostic", "diagnostic", "min all"),
        ("minimum-norm", "attack", "success rate"),
        ("probe", "diagnostic", "share"),
        ("sweep", "sweep", "accuracy"),
    ]
    assert CONDITIONS["attack"] is Attacked
