"""The facts that a board states before its ranks."""

from pathlib import Path

import pandas as pd
import pytest
from result_files import measure

import methods  # noqa: F401
from bench import ATTACKS, DATASETS, RECIPES
from bench.report.labels import NAMES_OF_ATTACKS, line_name
from bench.report.leaderboard import text as words
from bench.report.leaderboard.badges import PLAIN_ACCURACY, Badge, badges, join_badges
from bench.report.leaderboard.page import LeaderboardPage, boards

SEED = Badge("one seed", "Another training of the same recipe may come out points apart; intervals are over images.")
FEW = Badge("n below 1,000", "300 images: differences of a few points are within the intervals.")


def table_of(*lines: tuple[str, float, float], n: int = 300, seeds: int = 1, external: bool = False) -> pd.DataFrame:
    """lines: recipe, clean accuracy in percent, and the upper end of its interval."""
    columns = ["recipe", "Clean", "Clean high"]
    return pd.DataFrame(lines, columns=columns).assign(n=n, seeds=seeds, external=external)


def test_a_board_is_underfitted_where_standard_training_is_surely_below_what_a_plain_model_reaches() -> None:
    low = table_of(("Standard", 50.0, 56.0), ("Standard (best)", 52.0, 58.0), ("PGD-AT", 30.0, 36.0))
    said = "Standard is right on 52.0 % of the clean images, a plain model on 91.2 %"
    reason = f"{said} (Network in Network, arXiv:1312.4400)."
    assert badges(low, "cifar10") == (Badge("underfitted", reason), SEED, FEW)
    assert join_badges(badges(low, "cifar10")) == "underfitted, one seed, n below 1,000"
    fitted = table_of(("Standard", 90.0, 91.2), ("PGD-AT", 30.0, 36.0))
    assert badges(fitted, "cifar10") == (SEED, FEW)
    assert badges(low, "folder-mine") == (SEED, FEW)  # nobody has said what is reached there


def test_without_a_standard_line_a_board_says_so_unless_its_lines_are_as_good() -> None:
    found = badges(table_of(("PGD-AT", 64.6, 67.5), n=1000), "cifar10")
    assert [badge.text for badge in found] == ["no standard training", "one seed"]
    assert badges(table_of(("Mixup", 95.0, 96.0), n=10_000, seeds=3), "cifar10") == ()


def test_lines_of_one_seed_among_others_are_counted() -> None:
    mixed = table_of(("Standard", 95.0, 96.0), ("PGD-AT", 80.0, 82.0), n=1000).assign(seeds=[3, 1])
    assert [badge.text for badge in badges(mixed, "cifar10")] == ["one seed (1 of 2 lines)"]


def test_a_model_from_outside_is_said_nothing_of_that_a_training_has(tmp_path: Path) -> None:
    assert badges(table_of(("net.pt", 39.0, 45.0), external=True), "cifar10") == (FEW,)
    run = "digits/external/net-aaaa"
    measure(tmp_path, "", "1100", run=run, recipe="net", model="external", budget="not trained here")
    (report,) = boards(tmp_path).values()
    assert report.table["external"].all()
    assert "seed" not in words.caption(report.table)
    assert join_badges(report.badges) == "n below 1,000"


def test_plain_models_are_of_data_sets_that_there_are() -> None:
    assert PLAIN_ACCURACY.keys() <= set(DATASETS.all_names())


def test_recipes_with_the_name_of_an_attack_are_told_apart() -> None:
    assert {name for name in RECIPES if name in ATTACKS} == NAMES_OF_ATTACKS
    assert [line_name(label) for label in ("FGSM", "R-LL (best)", "FGSM-RS", "PGD-AT (aaaa, aux1)")] == [
        "FGSM training",
        "R-LL training (best)",
        "FGSM-RS",
        "PGD-AT (aaaa, aux1)",
    ]


def test_a_board_has_its_badge_and_no_seconds_on_every_page(tmp_path: Path) -> None:
    for recipe in ("FGSM", "Standard"):
        measure(tmp_path, "", "1100", recipe=recipe)
        measure(tmp_path, "FGSM", "1000", recipe=recipe)
    files = LeaderboardPage().files(tmp_path)
    text = str(files["leaderboard.md"])
    assert "**underfitted, one seed, n below 1,000**; protocol 1, all test images." in text
    assert "| FGSM training |" in text
    assert "Standard is right on 50.0 % of the clean images" in text
    (latex,) = [str(content) for name, content in files.items() if name.endswith("board.tex")]
    assert "underfitted, one seed, n below 1,000" in latex
    assert "Train s" not in text + latex
    (csv,) = [str(content) for name, content in files.items() if name.endswith("board.csv")]
    assert {"seconds", "passes", "memory"} <= set(csv.splitlines()[0].split(","))


@pytest.mark.parametrize(("ranks", "texts"), [([1, 1, 3], ["=1", "=1", "3"]), ([1, 2, None], ["1", "2", "\u2013"])])
def test_ranks_that_are_shared_say_so(ranks: list[float | None], texts: list[str]) -> None:
    assert words.ranks(pd.Series(ranks, dtype="Int64")) == texts
