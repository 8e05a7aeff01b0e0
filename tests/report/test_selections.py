"""Selections of rows by kind, and of the recipes that a figure of curves shows."""

import pandas as pd
import pytest

from bench.report import rows as selections
from bench.report.plotting.best_curves import MAX_CURVES, best_recipes
from bench.results.kinds import KINDS, is_kind

NAMES = {"clean": "", "attack": "PGD-20", "corruption": "fog", "union": "fog+PGD-20", "sweep": "PGD-20"}
ROWS = pd.DataFrame(
    [{"kind": kind, "name": NAMES.get(kind, "gradient")} for kind in [*KINDS, "x-mirrored", *KINDS]]
    + [{"kind": "attack", "name": "PGD-20.last"}]
)


@pytest.mark.parametrize(
    ("select", "kinds"),
    [
        (selections.clean_rows, {"clean"}),
        (selections.attack_rows, {"attack"}),
        (selections.counted_attack_rows, {"attack"}),
        (selections.clean_and_attack_rows, {"clean", "attack"}),
        (selections.sweep_rows, {"sweep"}),
        (selections.corruption_rows, {"corruption"}),
        (selections.corrupted_attack_rows, {"union"}),
        (selections.plugin_rows, {"x-mirrored"}),
    ],
)
def test_a_selection_has_all_rows_of_its_kinds_in_their_order(select, kinds):
    dropped = "PGD-20.last" if select is selections.counted_attack_rows else None
    wanted = [place for place, row in ROWS.iterrows() if row["kind"] in kinds and row["name"] != dropped]
    assert list(select(ROWS).index) == wanted


def test_kinds_of_plugins_join_others_only_where_that_is_said():
    assert set(selections.rows_of_kinds(ROWS, "clean")["kind"]) == {"clean"}
    assert set(selections.rows_of_kinds(ROWS, "clean", plugins=True)["kind"]) == {"clean", "x-mirrored"}
    assert all(map(is_kind, ROWS["kind"]))
    assert not any(map(is_kind, ["", "Clean", "x-", "x-Mirrored", "mirrored"]))


@pytest.mark.parametrize("count", [1, MAX_CURVES, MAX_CURVES + 2])
def test_a_figure_shows_the_recipes_with_the_highest_means_and_says_how_many_there_are(count):
    points = pd.DataFrame([{"recipe": f"R{i}", "value": i + step} for i in range(count) for step in (0, 1)])
    best, more = best_recipes(points, "value")
    assert best == [f"R{i}" for i in reversed(range(count))][:MAX_CURVES]
    assert more == (f" (best {MAX_CURVES} of {count})" if count > MAX_CURVES else "")
