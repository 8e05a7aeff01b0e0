"""Beside a printed number stands our measurement of the same quantity at the same scale, or none."""

import json
import re
from itertools import product
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from result_files import MADE, measure

import methods  # noqa: F401
from bench import RECIPES
from bench.attacks.parse import parse_attack
from bench.cli import cli
from bench.commands.run_study import run_study
from bench.commands.study_requests import make_request, possible_parts
from bench.data.dataset import DATASETS
from bench.data.lookup import dataset
from bench.report.studies.ledger import entries
from bench.report.studies.lookup import make_lookup
from bench.report.studies.orderings import orders
from bench.report.studies.page import StudyPage
from bench.report.studies.papers.plans import STANDARD, plan_of_paper
from bench.report.studies.printed_figure import models_of
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import OTHER_RADIUS_DATASETS, resolve_step, scales
from bench.report.studies.study import STUDIES
from bench.report.studies.table_text import layout
from bench.results.load import load_results
from bench.runner.options import CellOptions, RunOptions
from bench.runner.request import Request, deviations

CIFAR = {"dataset": "cifar10", "model": "resnet8"}
PAPER = "paper, {} epochs, {} training images, watched on 1000 test images"
PGD = {"start": "random", "step": "0.25eps"}


def item_of(study, name):
    return next(item for item in STUDIES[study].items if item.name == name)


def ledgers(tmp_path, study, name):
    """The ledger of an item at each scale."""
    item, home = item_of(study, name), STUDIES[study].home
    return [
        entries(item.content, make_lookup(scale, rows, tmp_path), item.paper_setup(scale.dataset, home))
        for scale, rows in scales(load_results(tmp_path), tmp_path)
    ]


def known(tmp_path, study, name):
    """Our values by column, at the first scale."""
    return {e.number.column: e.ours.value for e in ledgers(tmp_path, study, name)[0] if e.ours.is_measured}


# which trainings


def trained(tmp_path, budgets, **whose):
    for number, (budget, bits) in enumerate(budgets.items()):
        run = f"{whose['dataset']}/{whose['model']}/{whose['recipe']}/s0-{number:08}"
        measure(tmp_path, "", bits, budget=budget, run=run, **whose)


@pytest.mark.parametrize(
    "other",
    [
        PAPER.format(100, 5000),  # a line of Table 10
        PAPER.format(20, 50000),
        PAPER.format(100, 50000) + ", plan.lr=0.5",
        PAPER.format(200, 50000) + ", plan=long",
        PAPER.format(100, 50000) + ", bf16",
        "paper, 100 epochs, 50000 training images",  # before all of them were trained on
    ],
)
def test_a_training_of_another_length_size_or_setting_is_not_what_was_printed(tmp_path, other):
    whose = {"recipe": "R-MC-LA", "dataset": "cifar10", "model": "wrn-28-10.pm1"}
    trained(tmp_path, {PAPER.format(100, 50000): "1110", other: "0000"}, **whose)
    ledger = next(ledger for ledger in ledgers(tmp_path, "bat", "Table 5") if ledger[0].papers)
    (entry,) = [entry for entry in ledger if entry.ours.is_measured and not entry.number.where.plan]
    assert (entry.ours.value, entry.ours.seeds) == (75, 1)


def test_tables_of_longer_trainings_have_none_of_the_shorter_ones(tmp_path):
    whose = {"recipe": "PGD-AT.robmask", "dataset": "cifar10", "model": "resnet18"}
    trained(tmp_path, {PAPER.format(100, 50000): "1110", PAPER.format(20, 50000): "1000"}, **whose)
    assert known(tmp_path, "robmask", "Table 1") == {"Clean": 25}
    assert known(tmp_path, "robmask", "Table 5") == {"Clean": 25}
    assert "is not printed" in item_of("robmask", "Table 5").about


def test_tables_that_print_a_length_have_none_of_another(tmp_path):
    whose = {"recipe": "RobMask", "dataset": "cifar10", "model": "resnet18"}
    trained(tmp_path, {PAPER.format(100, 50000): "1110", PAPER.format(20, 50000): "1000"}, **whose)
    lines = {e.number.line[0]: e.ours.value for e in ledgers(tmp_path, "robmask", "Table 3")[0] if e.ours.is_measured}
    assert lines == {"20 epochs": 25, "100 epochs": 75}


def test_quoted_lines_are_trained_as_the_paper_that_they_are_quoted_from():
    quoted = {("Standard", ""), ("AVmixup", "*"), ("BAT (Wang and Zhang, 2019)", "*"), ("PGD", "")}
    numbers = [n for n in item_of("m2at", "Table 1").content.numbers if n.line[2:] in quoted]
    assert {(n.recipe, n.where.model, n.where.paper, n.where.plan, n.epoch) for n in numbers} == {
        ("Standard", "wrn-34-10.per_image_std", "avmixup", "", "last"),
        ("AVmixup", "wrn-34-10.per_image_std", "avmixup", "", "last"),
        ("PGD-AT.avmixup", "wrn-34-10.per_image_std", "avmixup", "", "last"),
        ("R-MC-LA", "wrn-28-10.pm1", "bat", "long", "last"),
    }
    assert not [n for n in numbers if n.reading.attack.startswith("CW-L2")]  # theirs are ascents on the margin
    own = [n for n in item_of("m2at", "Table 1").content.numbers if n not in numbers]
    assert {(n.where.paper, n.epoch, n.where.model.partition(".")[2]) for n in own} == {("m2at", "best", "none")}


def test_a_smaller_training_stands_in_for_a_quoted_line_too(tmp_path):
    measure(tmp_path, "", "1110", recipe="AVmixup", **CIFAR)
    ledger = ledgers(tmp_path, "m2at", "Table 1")[0]
    assert [e.number.line[-1][:3] for e in ledger if e.ours.is_measured] == ["*", "own"]


def test_a_figure_at_the_papers_scale_is_of_its_own_models(tmp_path):
    for place in ("svhn/wrn-16-8.per_image_std", "cifar10/wrn-34-10.per_image_std"):
        dataset, model = place.split("/")
        budget = PAPER.replace("epochs", "steps").format(80000, 73257 if dataset == "svhn" else 50000)
        measure(tmp_path, "", "1110", recipe="AVmixup", dataset=dataset, model=model, budget=budget)
    ((scale, rows),) = scales(load_results(tmp_path), tmp_path)
    shown = models_of(item_of("avmixup", "Figure 2"), ScaleData(scale, rows, tmp_path), "cifar10")
    assert shown.runs("AVmixup") == ["cifar10/wrn-34-10.per_image_std/AVmixup/s0-aaaa"]


def test_two_trainings_with_one_seed_are_not_averaged(tmp_path):
    for run in ("aaaa", "bbbb"):
        measure(tmp_path, "", "1110", recipe="M2AT", **CIFAR, run=f"cifar10/resnet8/M2AT/s0-{run}")
    assert known(tmp_path, "m2at", "Table 3") == {}


def test_statistics_of_few_images_are_no_scale_of_their_own(tmp_path):
    whose = {"recipe": "Standard", "dataset": "cifar10", "model": "wrn-28-10.pm1", "partial": True}
    budget = PAPER.format(100, 50000)
    measure(tmp_path, "", "1110", budget=budget, **whose)
    for group, n in (("all", 4), ("right", 3), ("wrong", 1)):
        statistic = {"kind": "diagnostic", "name": "gradient", "metric": f"mean {group}", "value": 2.0, "n": n}
        measure(tmp_path, "", None, budget=budget, **whose, **statistic)
    assert [scale.n for scale, _ in scales(load_results(tmp_path), tmp_path)] == [4]
    assert known(tmp_path, "bat", "Table 2") == {"mean": 2.0}


def test_a_model_evaluated_on_two_numbers_of_images_has_no_single_gradient(tmp_path):
    measure(tmp_path, "", "1110", recipe="Standard", **CIFAR)
    for n, value in ((4, 2.0), (2, 8.0)):
        statistic = {"kind": "diagnostic", "name": "gradient", "metric": "mean all", "value": value, "n": n}
        measure(tmp_path, "", None, recipe="Standard", **CIFAR, **statistic)
    assert known(tmp_path, "bat", "Table 2") == {}


# which plans


def test_every_training_of_a_paper_has_a_plan():
    for study in STUDIES.values():
        for part in study.parts:
            for method in part.methods if part.where else ():
                where = part.where
                assert where.paper in STANDARD
                assert plan_of_paper(method, where.dataset, where.plan == "long", where.paper).epochs > 0


def test_standard_trains_as_the_others_in_the_tables_it_is_in():
    assert set(STANDARD) == {study.paper for study in STUDIES.values() if study.paper}
    for paper, recipe in STANDARD.items():
        assert recipe in RECIPES
        assert plan_of_paper("Standard", "cifar10", paper=paper) == plan_of_paper(recipe, "cifar10")
    assert plan_of_paper("Standard", "imagenet", paper="robmask").epochs == 105
    assert plan_of_paper("Standard", "cifar10").epochs == 205  # for no paper's tables
    tuned = plan_of_paper("BN-adv", "cifar10")  # which is tuned from a Standard of its own plan
    assert tuned == tuned.__class__(**vars(plan_of_paper("Standard", "cifar10", paper="robmask")) | {"epochs": 20})


def test_imagenet_is_trained_at_the_radius_of_the_paper_and_not_at_its_own(tmp_path):
    for split, number in product(("train", "val"), range(1000)):
        (tmp_path / "imagenet" / split / f"n{number:08}").mkdir(parents=True)
    radii = {name: dataset(name, tmp_path).threat.eps for name in ("cifar10", "cifar100", "imagenet", "imagenet-100")}
    assert {name for name, eps in radii.items() if eps != 8 / 255} == set(OTHER_RADIUS_DATASETS)
    (part,) = item_of("robmask", "Table 4").parts
    request = make_request(part, Request(budget="paper"), options_in(tmp_path))
    assert (request.dataset, request.train_eps) == ("imagenet", 8 / 255)
    (part,) = item_of("robmask", "Table 7").parts
    assert make_request(part, Request(budget="paper"), options_in(tmp_path)).train_eps is None
    whose = {"recipe": "RobMask", "dataset": "imagenet", "model": "resnet18-imagenet"}
    budget = PAPER.format(105, 1_281_167)
    trained(tmp_path, {budget: "1000", f"{budget}, {deviations(request, recipes=True)[0]}": "1110"}, **whose)
    assert known(tmp_path, "robmask", "Table 4") == {"Clean": 75}


# which attacks


STEPS_OF_2 = {"step": repr(2 / 255), "start": "random", "last": True}
PRINTED_ATTACKS = {  # table: by column, what the paper says of it, or its code
    ("bat", "Table 1"): {"PGD2-8": {"steps": 2, "step": repr(8 / 255)}, "PGD100-2": {"steps": 100} | STEPS_OF_2},
    ("bat", "Table 3"): {
        "FGSM w.o. RS": {"start": "clean"}, "FGSM RS": {"start": "unclipped"},
        "CE7 w.o. RS": {"steps": 7, "start": "clean"}, "CE7 RS": {"steps": 7} | STEPS_OF_2,
        "black-box FGSM w.o. RS from undefended": {"start": "clean"},
    },
    ("bat", "Table 4"): {
        "MC targeted one-step w.o. RS": {"aim": "MC", "steps": 1, "step": "1.0eps", "start": "clean"},
        "LL targeted one-step RS": {"aim": "LL", "steps": 1, "step": "1.0eps", "start": "unclipped"},
    },
    ("bat", "Table 6"): {"CW200": {"steps": 200, "loss": "margin"} | STEPS_OF_2},
    ("bat", "text 5.2.1"): {"CW1000": {"steps": 1000, "loss": "margin"} | STEPS_OF_2},
    ("avmixup", "Table 1"): {"FGSM": {"start": "clean"}, "CW-20": {"steps": 20, "loss": "margin"} | STEPS_OF_2},
    ("avmixup", "Table 2"): {"source=LS0.8": {"steps": 20} | STEPS_OF_2},
    ("avmixup", "Table 3"): {"PGD-20": {"steps": 20, "step": repr(0.765 / 255), "start": "unclipped"}},
    ("avmixup", "Table 5"): {"FGSM": {"start": "clean"}, "FGSM from a random start": {"start": "unclipped"}},
    ("avmixup", "Table 6"): {"FGSM": {"start": "clean"}, "FGSM from a random start": {"start": "unclipped"}},
}  # fmt: skip


@pytest.mark.parametrize("place", PRINTED_ATTACKS, ids=" ".join)
def test_a_column_is_the_attack_that_its_paper_describes(place):
    numbers = item_of(*place).content.numbers
    for column, wanted in PRINTED_ATTACKS[place].items():
        attacks = {n.reading.attack for n in numbers if n.column == column}
        (settings,) = [dict(parse_attack(resolve_step(attack, None, 8 / 255)).settings) for attack in attacks]
        assert {name: settings[name] for name in wanted} == wanted
        assert settings["last"]


@pytest.mark.parametrize(
    ("step", "found"), [("0.2eps", {"Clean": 75, "PGD-100, 4/255": 50}), ("0.25eps", {"Clean": 75})]
)
def test_a_step_may_be_a_share_of_the_radius(tmp_path, step, found):
    measure(tmp_path, "", "1110", recipe="AdvProp", view="aux1", **CIFAR)
    params = json.dumps({"start": "random", "step": step})
    measure(tmp_path, "PGD-100.last", "1100", recipe="AdvProp", view="aux1", **CIFAR, eps=4 / 255, params=params)
    assert known(tmp_path, "robmask", "Table 5") == found


@pytest.mark.parametrize(
    "changes", [{"norm": "L2"}, {"params": PGD | {"restarts": 5}}, {"params": PGD | {"loss": "margin"}}]
)
def test_an_attack_with_another_ball_or_other_settings_is_another(tmp_path, changes):
    measure(tmp_path, "", "1110", recipe="M2AT", **CIFAR)
    cell = {"params": PGD} | changes
    measure(tmp_path, "PGD-20.last", "1100", recipe="M2AT", **CIFAR, **cell | {"params": json.dumps(cell["params"])})
    assert known(tmp_path, "m2at", "Table 3") == {"Clean": 75}


def test_black_box_images_are_crafted_on_a_network_that_normalises_as_the_others():
    crafted = [part for part in STUDIES["mtlat"].parts if part.crafter]
    assert crafted
    for part in crafted:
        assert [name.partition(".")[2] for name in (part.crafter, part.where.model)] == ["none", "none"]


def test_transfer_is_from_the_same_epoch_as_the_target_model(tmp_path):
    measure(tmp_path, "", "1111", recipe="M2AT", **CIFAR, epoch="best")
    for which, bits in (("@best", "1110"), ("", "0000"), ("@best@p0.5", "1000")):
        cell = {"source": f"cifar10/resnet8/AVmixup/s0-cccc{which}", "params": json.dumps(PGD), "epoch": "best"}
        measure(tmp_path, "PGD-20.last", bits, recipe="M2AT", **CIFAR, **cell)
    assert known(tmp_path, "m2at", "Table 4") == {"source=AVmixup": 75}


# scores


def test_a_score_is_of_one_setting_and_of_all_severities(tmp_path):
    measure(tmp_path, "", "1111", recipe="TLAT", **CIFAR)
    for kappa, bits in ((50.0, "1110"), (0.0, "0000")):
        params = json.dumps({"kappa": kappa})
        measure(tmp_path, "CW-L2", bits, recipe="TLAT", **CIFAR, norm="L2", eps=float("inf"), params=params)
    measure(tmp_path, "", "1100", recipe="TLAT", **CIFAR, kind="corruption", name="fog", severity=3, params=MADE)
    assert known(tmp_path, "mtlat", "Table 2(c)") == {"CW_L2": 0.75}
    assert known(tmp_path, "mtlat", "Table 2(a)") == {"Clean": 100}


def test_autoattack_stands_beside_scores_as_a_score(tmp_path):
    measure(tmp_path, "", "1110", recipe="TLAT", **CIFAR)
    params = json.dumps({"start": "random", "step": "0.1eps"})
    measure(tmp_path, "PGD-10.last", "1100", recipe="TLAT", **CIFAR, eps=0.04, params=params)
    measure(tmp_path, "AutoAttack", "1000", recipe="TLAT", **CIFAR, eps=0.04)
    ledger = ledgers(tmp_path, "mtlat", "Table 2(c)")[0]
    (entry,) = [e for e in ledger if e.ours.is_measured]
    assert (entry.ours.value, entry.autoattack.value) == pytest.approx((2 / 3, 1 / 3))
    assert layout(ledger).cells["AutoAttack"].iloc[-1].startswith("0.33 ")


# beside and between


def test_what_others_measured_is_of_the_same_data_network_and_radius(tmp_path):
    measure(tmp_path, "", "1111", recipe="FS", **CIFAR)

    def published(study, table, recipe):
        ledger = ledgers(tmp_path, study, table)[0]
        return {(e.number.where.dataset, e.published) for e in ledger if e.number.recipe == recipe and e.published > 0}

    assert published("avmixup", "Table 5", "FS") == {("cifar10", 36.64)}
    assert published("avmixup", "Table 3", "TRADES-6") == {("cifar10", 53.08)}
    assert published("avmixup", "Table 4", "AVmixup") == set()


def test_one_model_that_is_printed_twice_is_not_compared_with_itself(tmp_path):
    measure(tmp_path, "", "1111", recipe="AVmixup", **CIFAR)
    assert list(orders(ledgers(tmp_path, "m2at", "Table 1")[0])) == []
    measure(tmp_path, "", "1110", recipe="PGD-AT-LS", **CIFAR)
    assert len(list(orders(ledgers(tmp_path, "m2at", "Table 1")[0]))) == 2


def test_sentences_tell_failures_from_what_was_not_run_and_no_gap_from_one(tmp_path):
    measure(tmp_path, "", None, recipe="M2AT", **CIFAR, status="failed: no gradient")
    text = StudyPage("m2at").files(tmp_path)["m2at.md"]
    assert "100 of 102 printed numbers" in text
    assert "2 more failed" in text
    measure(tmp_path, "FGSM.last", "1000", recipe="M2AT", **CIFAR)
    measure(tmp_path, "AutoAttack", "1100", recipe="M2AT", **CIFAR)
    assert "AutoAttack leaves" not in StudyPage("m2at").files(tmp_path)["m2at.md"]


def test_claims_of_diagnostics_alone_are_no_section(tmp_path):
    statistic = {"kind": "diagnostic", "name": "gradient", "metric": "mean all", "value": 2.0}
    measure(tmp_path, "", None, recipe="Standard", **CIFAR, **statistic)
    assert "## " not in StudyPage("claims").files(tmp_path)["claims.md"]


# what is left out


def options_in(data_dir):
    return RunOptions(data_dir, Path("results"), Path("reports"), torch.device("cpu"), CellOptions(16))


def test_corruptions_that_digits_are_too_small_or_too_grey_for_are_left_out_with_a_word(tmp_path, caplog):
    asked = set()
    for part in possible_parts("mtlat", STUDIES["mtlat"], Request(), options_in(tmp_path)):
        asked |= set(part.corruptions)
    printed = {n.reading.corruption for item in STUDIES["mtlat"].items for n in item.content.numbers} - {""}
    assert printed - asked == {"elastic_transform", "color_shift"}
    assert "mtlat on digits: corruption color_shift changes colours and the images are grey, so it is left out" in (
        caplog.text
    )


def test_a_data_set_that_is_not_there_leaves_the_others_of_a_table(tmp_path, caplog):
    for split, number in product(("train", "test"), range(10)):
        folder = tmp_path / "cifar10" / split / DATASETS["cifar10"].classes[number]
        folder.mkdir(parents=True)
        Image.new("RGB", (32, 32), (number, 0, 0)).save(folder / "0.png")
    table = STUDIES["avmixup"].select("table", "5")
    parts = list(possible_parts("avmixup", table, Request(budget="paper"), options_in(tmp_path)))
    assert {part.where.dataset for part in parts} == {"cifar10"}
    assert "avmixup: what is of svhn is left out: no svhn under" in caplog.text
    assert "avmixup: what is of cifar100 is left out: no cifar100 under" in caplog.text


def test_a_study_without_the_figure_that_is_asked_for_does_not_end_the_others(tmp_path, caplog):
    options = ["run", "--study", "all", "--figure", "4", "--dry-run", "--limit", "20", "--limit-train", "40"]
    found = CliRunner().invoke(cli, [*options, "--results", str(tmp_path)], standalone_mode=False)
    assert found.return_value == 0
    assert "bat is left out: no figure 4 in this study" in caplog.text
    assert found.output.startswith("robmask Figure 4: ")


def test_a_study_that_cannot_be_carried_out_does_not_end_the_others(tmp_path, caplog, monkeypatch):
    """AVmixup's and RobMask's Table 4 are of data sets that digits do not stand in for."""
    done = []

    def carried(name, study, request, manner):
        list(possible_parts(name, study, request, manner))
        return done.append(name) or 0

    monkeypatch.setattr("bench.commands.run_study.run_one_study", carried)
    assert run_study("all", Request(), options_in(tmp_path), ("table", "4")) == 1
    assert "avmixup is left out: Table 4 of avmixup: of cifar100, svhn, tiny-imagenet" in caplog.text
    assert set(done) == {"bat", "m2at"}


def test_a_chosen_table_is_shown_alone(tmp_path):
    measure(tmp_path, "", "1110", recipe="M2AT", **CIFAR)
    measure(tmp_path, "", "1110", recipe="PGD-AT-LS", **CIFAR)
    text = StudyPage("m2at", study=STUDIES["m2at"].select("table", "3")).text(tmp_path)
    assert re.findall(r"^### (.*)", text, re.M) == ["Table 3"]
    assert len(re.findall(r"^### ", StudyPage("m2at").text(tmp_path), re.M)) == 6


# the command


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["avmixup", "--table", "4"], "of cifar100, svhn, tiny-imagenet, which digits does not stand in for"),
        (["m2at", "--eps", "0.1"], "leave --eps and --norm out"),
        (["all", "--norm", "L2"], "leave --eps and --norm out"),
        (["mtlat", "--severities", "1-3"], "leave --severities out"),
        (["bat", "--table", "3", "--budget", "paper", "--data-dir", "."], "no cifar10 under"),
        (["bat", "--budget", "paper", "--dataset", "cifar10"], "leave --dataset and --model out"),
        (["all", "--budget", "paper", "--model", "cnn"], "leave --dataset and --model out"),
    ],
)
def test_what_a_study_cannot_do_is_one_line(options, message, tmp_path):
    found = CliRunner().invoke(cli, ["run", "--study", *options, "--results", str(tmp_path)])
    assert found.exit_code != 0
    assert message in str(found.exception) + found.output
    assert "\n" not in str(found.exception)
