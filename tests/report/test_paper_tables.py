"""Tables and figures of the five papers: every printed number has its place, and ours come from the rows they say."""

import io
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from result_files import MADE, measure

import methods  # noqa: F401
from bench import RECIPES
from bench.attacks.parse import parse_attack
from bench.cli import cli
from bench.commands.recipe_facts import registered_radius
from bench.core.errors import BadInput
from bench.core.files import write_json
from bench.corruptions.corruption import CORRUPTIONS
from bench.data.dataset import DATASETS
from bench.data.lookup import dataset
from bench.models.build import MODELS
from bench.models.normalise import NORMALISERS
from bench.report.studies.ledger import NOT_AUTOATTACK, NOT_RUN, REPRODUCED, SMALLER_SCALE, entries
from bench.report.studies.ledger_table import brief, frame
from bench.report.studies.lookup import make_lookup
from bench.report.studies.orderings import orders
from bench.report.studies.page import StudyPage
from bench.report.studies.printed.numbers import printed_numbers
from bench.report.studies.printed_table import Table
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import Scale, resolve_step, scale_radius, scales
from bench.report.studies.setup import TrainingSetup
from bench.report.studies.study import STUDIES
from bench.report.studies.table_text import latex, layout, markdown
from bench.results.load import load_results

PAPERS = [name for name, study in STUDIES.items() if study.paper]
TABLES = [
    pytest.param(item.content, id=f"{name} {item.name}")
    for name in PAPERS
    for item in STUDIES[name].items
    if isinstance(item.content, Table)
]
CIFAR = {"dataset": "cifar10", "model": "resnet8"}
PGD = {"params": json.dumps({"last": True, "start": "random", "step": "0.25eps", "steps": 20})}


# the values


@pytest.mark.parametrize("name", PAPERS)
def test_every_printed_table_is_an_item(name):
    assert {item.name for item in STUDIES[name].items} >= set(printed_numbers(name)["table"])


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_every_printed_number_once(table):
    rows = printed_numbers(table.paper)
    rows = rows[rows["table"] == table.name]
    quoted = [table.quotes.get(line) is not None for line in zip(rows["method"], rows["variant"], strict=True)]
    extra = (rows["attack"].isin(list(table.second)) & ~np.array(quoted)).sum()
    assert len(table.numbers) == len(rows) + extra
    places = [(number.line, number.column) for number in table.numbers]
    repeated = len(places) - len(set(places))
    assert repeated == 0


@pytest.mark.parametrize("table", TABLES)
def test_every_name_in_a_table_is_registered(table):
    for number in table.numbers:
        assert not number.recipe or number.recipe in RECIPES
        assert not number.source or number.source in RECIPES
        assert number.where.dataset in [*DATASETS, "imagenet", "imagenet-100", "tiny-imagenet"]
        net, _, tag = number.where.model.partition(".")
        assert net in MODELS
        assert not tag or tag in NORMALISERS
        if number.reading.attack:
            parse_attack(resolve_step(number.reading.attack, number.reading.eps, 8 / 255))
        assert not number.reading.corruption or number.reading.corruption in CORRUPTIONS


@pytest.mark.parametrize("name", PAPERS)
def test_every_part_can_be_asked_for(name):
    for part in STUDIES[name].parts:
        assert set(part.methods) <= set(RECIPES)
        for attack in part.attacks:
            parse_attack(resolve_step(attack, None if part.sweep else part.eps, 0.2))


@pytest.mark.parametrize("table", TABLES)
def test_the_parts_of_a_table_ask_for_all_its_numbers(table):
    for number in table.numbers:
        parts = [p for p in table.item.parts if p.where == number.where and number.recipe in p.methods]
        reading = number.reading
        if not number.recipe:
            continue
        assert parts
        if reading.attack:
            parts = [p for p in parts if reading.attack in p.attacks and p.eps == reading.eps]
            assert any(p.transfer == bool(number.source) for p in parts)
            assert not number.source or any(p.crafter or number.source in p.methods for p in parts)
        if reading.corruption:
            assert any(reading.corruption in p.corruptions for p in parts)


def test_radii_are_those_of_the_data_sets():
    for name in DATASETS:
        assert scale_radius(8.0, registered_radius(name)) == dataset(name, None).threat.eps
    assert {name: scale_radius(8.0, registered_radius(name)) for name in ("digits", "fashion-mnist", "cifar10")} == {
        "digits": 0.2,
        "fashion-mnist": 0.1,
        "cifar10": 8 / 255,
    }


def test_a_step_is_written_for_its_radius():
    assert resolve_step("PGD-20.last[step=2px,start=random]", 8.0, 0.2) == "PGD-20.last[step=0.25eps,start=random]"
    assert resolve_step("PGD-10[step=2px]", None, 8 / 255) == f"PGD-10[step={2 / 255!r}]"
    assert resolve_step("PGD-10[step=2px]", None, 0.2) == f"PGD-10[step={0.25 * 0.2!r}]"
    assert resolve_step("PGD-100.last[step=0.2eps]", 4.0, 0.2) == "PGD-100.last[step=0.2eps]"


def test_smaller_models_stand_in_for_the_first_network_of_the_main_data_set_or_of_their_own():
    study = STUDIES["avmixup"]
    first, fourth = (next(item for item in study.items if item.name == name) for name in ("Table 1", "Table 4"))
    assert study.home == "cifar10"
    assert first.paper_setup("digits", study.home) == TrainingSetup(
        "cifar10", "wrn-34-10.per_image_std", paper="avmixup"
    )
    assert fourth.paper_setup("digits", study.home) is None
    assert fourth.paper_setup("svhn", study.home) == TrainingSetup("svhn", "wrn-16-8.per_image_std", paper="avmixup")
    assert fourth.at("quick", "digits", study.home) == ()
    assert all(part.where is None for part in first.at("quick", "digits", study.home))
    assert first.at("paper", "digits", study.home) == first.parts


def test_what_is_exchanged_or_inferred_or_guessed_is_said_above_a_table():
    said = {(name, item.name): item.about for name in PAPERS for item in STUDIES[name].items}
    exchanged = {place for place, about in said.items() if "are exchanged" in about}
    assert exchanged == {
        ("bat", "Table 2"), ("mtlat", "Table 3"), *(("robmask", f"Table {number}") for number in (2, 3, 4, 8))
    }  # fmt: skip
    assert "an inference" in said["bat", "Table 9"]
    assert "prints 19" in said["robmask", "Table 9"]
    assert "within 0.3 points of white-box PGD-20" in said["m2at", "Table 4"]
    trade_off = [name for (paper, name), about in said.items() if paper == "robmask" and "adversarial images" in about]
    assert trade_off == ["Table 5", "Table 6"]
    for place in (("m2at", "Table 2"), ("m2at", "Figure 3"), ("mtlat", "Table 1(b)"), ("robmask", "Table 4")):
        assert "a guess" in said[place]
    for place in (("avmixup", "Table 3"), ("avmixup", "Table 5"), ("bat", "Figure 1")):
        assert "a guess" in said[place]
    good = [name for (paper, name), about in said.items() if paper == "bat" and "prints a good one" in about]
    assert good == ["Table 3", "Table 4", "Table 5"]  # whose numbers of R-FGSM are the same
    for name in ("Table 3", "Table 5"):
        assert "quoted from" in said["avmixup", name]
    assert "is one training" in said["bat", "Table 5"]
    assert "is not printed" in said["bat", "Table 7"]
    assert "is not printed" in said["bat", "Table 10"]
    assert "Guesses: " in said["m2at", "Table 3"]
    assert "Guesses: " in said["mtlat", "Table 2(c)"]
    assert all("PGD-20 on the test images" in said["m2at", f"Table {number}"] for number in (1, 2, 3, 4))
    guessed = [name for (paper, name), about in said.items() if paper == "robmask" and "are a guess" in about]
    assert guessed == ["Table 1", "Table 2", "Table 4", "Table 5", "Table 6", "Table 9", "Figure 1", "Figure 4"]


def test_means_and_deviations_are_called_that():
    table = next(item.content for item in STUDIES["robmask"].items if item.name == "Table 8")
    assert {number.line[-1] for number in table.numbers} == {"mean", "std"}


# looking up


def found(tmp_path, study="m2at", name="Table 3"):
    """The ledger of an item at the only scale that there is, by recipe and column."""
    ((scale, rows),) = scales(load_results(tmp_path), tmp_path)
    item = next(item for item in STUDIES[study].items if item.name == name)
    ledger = entries(
        item.content, make_lookup(scale, rows, tmp_path), item.paper_setup(scale.dataset, STUDIES[study].home)
    )
    return {(entry.number.recipe, entry.number.column): entry for entry in ledger}


def test_ours_is_the_row_of_the_same_attack_and_radius(tmp_path):
    measure(tmp_path, "", "1111111110", recipe="M2AT", **CIFAR)
    measure(tmp_path, "PGD-20.last", "1111100000", recipe="M2AT", **CIFAR, **PGD)
    measure(tmp_path, "PGD-20.last", "1100000000", recipe="M2AT", **CIFAR, **PGD, eps=4 / 255)
    measure(tmp_path, "PGD-20", "1110000000", recipe="M2AT", **CIFAR, **PGD)
    measure(tmp_path, "AutoAttack", "1000000000", recipe="M2AT", **CIFAR)
    entry = found(tmp_path)["M2AT", "PGD-20"]
    assert (entry.ours.value, entry.any_iterate.value, entry.autoattack.value) == (50, pytest.approx(30), 10)
    assert entry.number.printed_value == 80.66
    assert entry.status == NOT_AUTOATTACK
    assert found(tmp_path)["M2AT", "Clean"].status == SMALLER_SCALE
    assert found(tmp_path)["M2AT.mask", "Clean"].status == NOT_RUN


@pytest.mark.parametrize(
    ("stored", "registered", "known"),
    [({"eps": 0.05}, 8 / 255, True), ({}, 0.05, True), ({}, 8 / 255, False), ({"eps": 0.1}, 0.05, False)],
)
def test_attacks_are_scaled_to_the_radius_of_their_data_set(tmp_path, stored, registered, known):
    """That of job.json, and where it is not there the registered one."""
    whose = {"recipe": "M2AT", "dataset": "new-set", "model": "resnet8"}
    write_json(tmp_path / "new-set/resnet8/M2AT/s0-aaaa/job.json", {"budget": "quick"} | stored)
    measure(tmp_path, "", "1111111110", **whose)
    measure(tmp_path, "PGD-20.last", "1111100000", **whose, **PGD, eps=0.05)
    ((scale, rows),) = scales(load_results(tmp_path), tmp_path, lambda name: {"new-set": registered}[name])
    assert scale.eps(4.0) == (stored.get("eps") or registered) / 2
    item = next(item for item in STUDIES["m2at"].items if item.name == "Table 3")
    ledger = entries(item.content, make_lookup(scale, rows, tmp_path), item.paper_setup(scale.dataset, "cifar10"))
    ours = {(e.number.recipe, e.number.column): e.ours for e in ledger}
    assert ours["M2AT", "Clean"].is_measured
    assert ours["M2AT", "PGD-20"].is_measured is known


@pytest.mark.parametrize(("step", "known"), [("0.25eps", True), (repr(2 / 255), True), ("0.1eps", False)])
def test_a_step_is_compared_by_its_length(tmp_path, step, known):
    params = json.dumps({"start": "random", "step": step})
    measure(tmp_path, "", "1111111110", recipe="M2AT", **CIFAR)
    measure(tmp_path, "PGD-20.last", "1111100000", recipe="M2AT", **CIFAR, params=params)
    assert found(tmp_path)["M2AT", "PGD-20"].ours.is_measured is known


def test_a_start_from_the_image_is_another_attack_than_one_at_random(tmp_path):
    measure(tmp_path, "", "1111111110", recipe="FGSM", **CIFAR)
    for start, bits in (("clean", "1111000000"), ("random", "1100000000")):
        params = json.dumps({"start": start, "step": "0.25eps"})
        measure(tmp_path, "PGD-7.last", bits, recipe="FGSM", **CIFAR, params=params)
    ledger = found(tmp_path, "bat", "Table 3")
    assert ledger["FGSM", "CE7 w.o. RS"].ours.value == 40
    assert ledger["FGSM", "CE7 RS"].ours.value == 20


def test_two_settings_that_the_printed_number_does_not_tell_apart_are_no_number(tmp_path):
    measure(tmp_path, "", "1111111110", recipe="M2AT", **CIFAR)
    for other, bits in ((1, "1111000000"), (5, "1100000000")):
        params = json.dumps({"start": "random", "step": "0.25eps", "other": other})
        measure(tmp_path, "PGD-20.last", bits, recipe="M2AT", **CIFAR, params=params)
    assert not found(tmp_path)["M2AT", "PGD-20"].ours.is_measured


def test_seeds_are_joined_and_kept(tmp_path):
    for seed, bits in enumerate(("1111111110", "1111110000")):
        measure(tmp_path, "", bits, recipe="M2AT", **CIFAR, seed=seed)
    ours = found(tmp_path)["M2AT", "Clean"].ours
    assert (ours.value, ours.seeds, ours.each) == (75, 2, (90, 60))
    assert ours.half == pytest.approx(np.std([90, 60], ddof=1))


def test_a_failure_is_neither_a_number_nor_a_dash(tmp_path):
    measure(tmp_path, "", "1111111110", recipe="M2AT", **CIFAR)
    measure(tmp_path, "FGSM.last", None, recipe="M2AT", **CIFAR, status="failed: no gradient")
    entry = found(tmp_path)["M2AT", "FGSM"]
    assert entry.status == "failed: no gradient"
    assert "failed (83.35)" in markdown(layout([*found(tmp_path).values()]))


def test_transfer_is_read_from_the_model_of_the_same_seed(tmp_path):
    measure(tmp_path, "", "1111111111", recipe="M2AT", **CIFAR)
    for seed, bits in ((0, "1111110000"), (1, "1000000000")):
        source = f"cifar10/resnet8/AVmixup/s{seed}-bbbb"
        measure(tmp_path, "PGD-20.last", bits, recipe="M2AT", **CIFAR, **PGD, source=source)
    assert found(tmp_path, "m2at", "Table 4")["M2AT", "source=AVmixup"].ours.value == 60
    assert not found(tmp_path, "m2at", "Table 4")["M2AT", "source=PGD"].ours.is_measured


def test_another_model_of_the_same_recipe_is_the_first_of_another_seed(tmp_path):
    measure(tmp_path, "", "1111111111", recipe="R-MC-LA", **CIFAR)
    for seed, bits in ((0, "1000000000"), (1, "1111110000"), (2, "1111111110")):
        source = f"cifar10/resnet8/R-MC-LA/s{seed}-aaaa"
        measure(tmp_path, "PGD-20.last", bits, recipe="R-MC-LA", **CIFAR, **PGD, source=source)
    ledger = found(tmp_path, "bat", "Table 7")
    assert ledger["R-MC-LA", "CE20 transfer from another R-MC-LA"].ours.is_measured is False  # of the long plan
    assert from_another(tmp_path) == 60


def from_another(results):
    ((scale, rows),) = scales(load_results(results), results)
    item = next(item for item in STUDIES["bat"].items if item.name == "Table 7")
    ours = entries(item.content, make_lookup(scale, rows, results), item.paper_setup("cifar10", "cifar10"))
    values = {(e.number.line, e.number.column): e.ours.value for e in ours if e.ours.is_measured}
    return values[("R-MC-LA",), "CE20 transfer from another R-MC-LA"]


def test_an_equal_row_whose_images_failed_gives_way_to_another(tmp_path):
    measure(tmp_path, "", "1111111111", recipe="R-MC-LA", **CIFAR)
    for seed, bits, status in ((1, None, "failed: why"), (2, "1111110000", "ok")):
        source = f"cifar10/resnet8/R-MC-LA/s{seed}-aaaa"
        measure(tmp_path, "PGD-20.last", bits, recipe="R-MC-LA", **CIFAR, **PGD, source=source, status=status)
    assert from_another(tmp_path) == 60


def test_a_score_is_accuracy_over_clean_accuracy(tmp_path):
    measure(tmp_path, "", "1111111100", recipe="TLAT", **CIFAR)
    for severity in range(1, 6):
        measure(
            tmp_path,
            "",
            "1111000000",
            recipe="TLAT",
            **CIFAR,
            kind="corruption",
            name="fog",
            severity=severity,
            params=MADE,
        )
    assert found(tmp_path, "mtlat", "Table 2(a)")["TLAT", "fog"].ours.value == pytest.approx(0.5)


# the ledger


def papers(tmp_path, bits, **changes):
    """A row at the scale of M2AT's paper."""
    measure(
        tmp_path, changes.pop("attack", ""), bits, recipe="M2AT", dataset="cifar10", model="wrn-34-10.none",
        budget="paper, 80000 steps, 50000 training images, watched on 1000 test images", epoch="best", **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("right", "status"),
    [(93, REPRODUCED), (99, "above by 5.8"), (90, REPRODUCED), (60, "short by 33.2"), (0, "short by 93.2")],
)
def test_a_number_of_the_papers_own_scale_is_reproduced_above_or_short(tmp_path, right, status):
    papers(tmp_path, "1" * right + "0" * (100 - right))
    assert found(tmp_path)["M2AT", "Clean"].status == status


@pytest.mark.parametrize(("right", "status"), [(45, "above by 45.0"), (0, REPRODUCED)])
def test_a_printed_zero_is_reproduced_by_nothing_but_zero(tmp_path, right, status):
    """BAT Table 3: of FGSM training without a random start 7 steps leave nothing."""
    whose = {"recipe": "FGSM", "dataset": "cifar10", "model": "wrn-28-10.pm1"}
    whose["budget"] = "paper, 100 epochs, 50000 training images, watched on 1000 test images"
    params = json.dumps({"start": "clean", "step": "0.25eps"})
    measure(tmp_path, "", "1" * 100, **whose)
    measure(tmp_path, "PGD-7.last", "1" * right + "0" * (100 - right), **whose, params=params)
    assert found(tmp_path, "bat", "Table 3")["FGSM", "CE7 w.o. RS"].status == status


def test_more_images_make_a_small_difference_one(tmp_path):
    """93.16 is printed, of 10,000 images."""
    papers(tmp_path, "1" * 9500 + "0" * 500)
    assert found(tmp_path)["M2AT", "Clean"].status == "above by 1.8"
    papers(tmp_path, "1" * 9400 + "0" * 600)
    assert found(tmp_path)["M2AT", "Clean"].status == REPRODUCED


def test_scores_have_the_signs_that_are_printed_and_ours(tmp_path):
    for recipe, foggy in (("Standard", "1110000000"), ("Mixup", "1111000000"), ("TLAT", "1100000000")):
        measure(tmp_path, "", "1" * 1000, recipe=recipe, **CIFAR)
        for severity in range(1, 6):
            cell = {"kind": "corruption", "name": "fog", "severity": severity, "params": MADE}
            measure(tmp_path, "", 100 * foggy, recipe=recipe, **CIFAR, **cell)
    ledger = found(tmp_path, "mtlat", "Table 2(a)")
    assert {r: ledger[r, "fog"].mark for r in ("Standard", "Mixup", "TLAT")} == {
        "Standard": "", "Mixup": "+", "TLAT": "-"
    }  # fmt: skip
    table = markdown(layout([*ledger.values()]))
    assert re.search(r"0\.20- ± 0\.\d\d \(0\.15-\)", table)
    assert ledger["TLAT", "Clean"].number.mark == ""


def test_a_printed_number_far_above_autoattack_is_called_that(tmp_path):
    papers(tmp_path, "1" * 93 + "0" * 7)
    papers(tmp_path, "1" * 81 + "0" * 19, attack="PGD-20.last", **PGD)
    assert found(tmp_path)["M2AT", "PGD-20"].status == REPRODUCED
    papers(tmp_path, "1" * 40 + "0" * 60, attack="AutoAttack")
    assert found(tmp_path)["M2AT", "PGD-20"].status == NOT_AUTOATTACK


def test_what_others_measured_with_autoattack_stands_beside():
    item = next(item for item in STUDIES["bat"].items if item.name == "Table 6")
    finder = make_lookup(Scale(1, "", "", "paper", 0, ""), load_nothing(), None)
    ledger = entries(item.content, finder, None)
    known = {entry.published for entry in ledger if entry.number.recipe == "R-MC-LA.eps4" and entry.number.where.plan}
    assert 29.35 in known


def load_nothing():
    from pathlib import Path

    return load_results(Path("nowhere"))


def test_orders_are_printed_pairs_and_the_chance_that_ours_are_none(tmp_path):
    measure(tmp_path, "", "1" * 90 + "0" * 10, recipe="M2AT", **CIFAR)
    measure(tmp_path, "", "1" * 50 + "0" * 50, recipe="M2AT.mask", **CIFAR)
    measure(tmp_path, "", "1" * 91 + "0" * 9, recipe="M2AT.mix", **CIFAR)
    made = {(order.above, order.below): order for order in orders(list(found(tmp_path).values()))}
    wrong = [order for order in made.values() if not order.same]
    assert len(made) == 3
    assert all(order.column == "Clean" for order in made.values())
    assert all(order.printed > 0 for order in made.values())
    assert wrong
    assert {order.sure for order in made.values()} == {True, False}


# pages


def board(tmp_path):
    for recipe, right in (("M2AT", 5), ("PGD-AT-LS", 7), ("M2AT.mix", 6)):
        measure(tmp_path, "", "1" * 9 + "0", recipe=recipe, **CIFAR)
        measure(tmp_path, "PGD-20.last", "1" * right + "0" * (10 - right), recipe=recipe, **CIFAR, **PGD)


def test_a_page_has_three_sentences_every_item_and_dashes_where_nothing_was_run(tmp_path):
    board(tmp_path)
    made = StudyPage("m2at").files(tmp_path)
    text = made["m2at.md"]
    assert "**Not in the paper, and guessed here.** The attacks on finished models start at random" in text
    assert [text.count(word) for word in ("**Held.**", "**Did not.**", "**Not run.**")] == [1, 1, 1]
    assert re.findall(r"^### (.*)", text, re.M) == [item.name for item in STUDIES["m2at"].items]
    assert "| 50.0 ± 26.3 (80.66)" in text  # not bold: of ten images the best cannot be told from others
    assert "\N{EN DASH} (89.35)" in text  # of the code of TRADES
    assert text.count("Not run at this scale.") == 2


def test_a_table_of_latex_has_every_cell_and_nothing_that_latex_would_read(tmp_path):
    board(tmp_path)
    made = StudyPage("m2at").files(tmp_path)
    (name,) = [name for name in made if name.endswith("table-3.tex")]
    assert made[name].count(r"\toprule") == 1
    assert not re.search(r"(?<!\\)[%#_]", made[name].replace("@{}", ""))
    wide = next(item for item in STUDIES["mtlat"].items if item.name == "Table 1(a)").content
    ledger = list(entries(wide, make_lookup(*next(scales(load_results(tmp_path), tmp_path)), tmp_path), None))
    assert latex(layout(ledger), "c", "l").count(r"\toprule") > 1  # sixteen columns


def test_rows_of_two_budgets_are_two_sections(tmp_path):
    board(tmp_path)
    for recipe in ("M2AT", "PGD-AT-LS"):
        measure(tmp_path, "", "1" * 10, recipe=recipe, **CIFAR, budget="other", run=f"cifar10/resnet8/{recipe}/s0-bbbb")
    text = StudyPage("m2at").files(tmp_path)["m2at.md"]
    assert len(re.findall(r"^## ", text, re.M)) == 2
    assert text.count("**Held.**") == 2


def test_an_empty_folder_says_what_to_run(tmp_path):
    with pytest.raises(BadInput, match=r"bench run --study m2at.* trainings"):
        StudyPage("m2at").files(tmp_path)


def test_the_listing_says_what_is_there(tmp_path):
    board(tmp_path)
    result = CliRunner().invoke(cli, ["list", "studies", "--results", str(tmp_path)])
    assert result.exit_code == 0
    assert re.search(r"Table 3: 7 trainings, .*cifar10, resnet8, quick, n=10: 6 of 21 numbers", result.output)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--study", "m2at", "--table", "9"], "no table 9 in this study"),
        (["--table", "1"], "are of a --study"),
        (["--study", "m2at", "--table", "1", "--figure", "2"], "give one of them"),
        (["--study", "m2at", "--corruptions", "fog"], "leave --corruptions out"),
        (["--study", "m3at"], "m2at"),
    ],
)
def test_bad_input_is_one_line(options, message, tmp_path):
    result = CliRunner().invoke(cli, ["run", *options, "--results", str(tmp_path)])
    assert message in str(result.exception) + result.output


# figures


def shown(tmp_path):
    ((scale, rows),) = scales(load_results(tmp_path), tmp_path)
    return ScaleData(scale, rows, tmp_path)


def test_curves_over_epochs_are_the_training_logs_under_the_papers_names(tmp_path):
    board(tmp_path)
    item = next(item for item in STUDIES["m2at"].items if item.name == "Figure 2")
    assert item.content.points(shown(tmp_path)).empty
    assert item.content.draw(shown(tmp_path), "title") is None
    log = "epoch,val_clean,val_pgd,seconds\n1,0.3,0.1,5\n2,0.4,0.2,5\n"
    (tmp_path / "cifar10/resnet8/M2AT/s0-aaaa/train.csv").write_text(log)
    points = item.content.points(shown(tmp_path))
    assert list(points["method"]) == ["M2AT", "M2AT"]
    assert list(points["val_pgd"]) == [0.1, 0.2]
    axes = item.content.draw(shown(tmp_path), "title")().axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[30, 40], [10, 20]]


def test_accuracy_over_radii_is_of_the_epoch_that_the_paper_shows(tmp_path):
    item = next(item for item in STUDIES["m2at"].items if item.name == "Figure 3")
    for recipe, epoch, right in (("M2AT", "last", 4), ("M2AT", "best", 6), ("AVmixup", "last", 5)):
        measure(tmp_path, "", "1" * 10, recipe=recipe, **CIFAR, epoch=epoch)
        for pixels in (8, 16, 32):
            bits = "1" * right + "0" * (10 - right)
            measure(tmp_path, "FGSM", bits, recipe=recipe, **CIFAR, epoch=epoch, eps=pixels / 255)
    points = item.content.points(shown(tmp_path)).query("x > 0")
    assert {r: set(part["value"]) for r, part in points.groupby("recipe")} == {"M2AT": {60}, "AVmixup": {50}}


def test_accuracy_over_steps_is_drawn_for_each_radius_of_training(tmp_path):
    for recipe, right in (("R-MC-LA", 8), ("R-MC-LA.eps4", 6)):
        measure(tmp_path, "", "1" * 10, recipe=recipe, **CIFAR)
        for k in (2, 5, 10):
            bits, params = "1" * (right - k // 5) + "0" * (10 - right + k // 5), json.dumps({"steps": k})
            measure(tmp_path, f"PGD-{k}.last", bits, recipe=recipe, **CIFAR, params=params)
    item = next(item for item in STUDIES["bat"].items if item.name == "Figure 1")
    points = item.content.points(shown(tmp_path))
    assert list(points["recipe"].unique()) == ["eps_x=4", "eps_x=8"]
    assert list(points.loc[points["recipe"] == "eps_x=8", "x"]) == [2, 5, 10]
    assert list(points.loc[points["recipe"] == "eps_x=8", "value"]) == pytest.approx([80, 70, 60])


def test_figures_of_batch_norms_and_gradients_are_drawn_from_exhibits(tmp_path):
    measure(tmp_path, "", "1" * 10, recipe="BN-std", **CIFAR)
    folder = tmp_path / "cifar10/resnet8/BN-std/s0-aaaa/exhibits"
    folder.mkdir()
    names = ("running_mean", "running_var", "weight", "bias")
    head = ",".join(["layer", "channel", *names, *(f"start_{name}" for name in names)])
    (folder / "batchnorm.csv").write_text(f"{head}\n0,0,1,1,1,0,1,1,1,0\n0,1,2,1,0,0,2,0,1,0\n")
    ledger = found(tmp_path, "robmask", "Table 9")
    assert len({entry.number.line for entry in ledger.values()}) == 1  # by recipe and column: the last layer
    item = next(item for item in STUDIES["robmask"].items if item.name == "Table 9")
    ((scale, rows),) = scales(load_results(tmp_path), tmp_path)
    entries_ = entries(item.content, make_lookup(scale, rows, tmp_path), item.paper_setup(scale.dataset, "cifar10"))
    known = {entry.number.column: entry.ours.value for entry in entries_ if entry.ours.is_measured}
    assert known["Running mean"] == pytest.approx(1)
    assert known["Scale"] == pytest.approx(1 / math.sqrt(2))
    assert known["Shift"] == 1
    figure = next(item for item in STUDIES["robmask"].items if item.name == "Figure 1").content
    assert figure.draw(shown(tmp_path), "title") is not None


def test_comparisons_have_intervals_of_the_same_images(tmp_path):
    board(tmp_path)
    made = StudyPage("m2at").files(tmp_path)
    (name,) = [name for name in made if name.endswith("comparisons.csv")]
    frame = pd.read_csv(io.StringIO(made[name]))
    pair = frame[(frame["column"] == "PGD-20") & (frame["above"].str.contains("Masking"))].iloc[0]
    assert pair["low"] <= pair["ours"] <= pair["high"]
    assert not pair["sure"]


def test_columns_of_the_ledger_stay(tmp_path):
    measure(tmp_path, "", "1110", recipe="FGSM", **CIFAR)
    assert [*brief(found(tmp_path, "bat", "Table 3").values())] == [
        *("Item", "Number", "Printed", "Ours", "Difference", "AutoAttack", "AutoAttack by others", "Status")
    ]
    assert [*frame(found(tmp_path, "bat", "Table 3").values())] == [
        *("item", "line", "column", "recipe", "view", "source", "attack", "unit", "printed", "ours", "low", "high"),
        *("seeds", "each", "n", "printed_mark", "mark", "difference", "any_iterate", "autoattack", "autoattack_low"),
        *("autoattack_high", "autoattack_published", "status"),
    ]
