"""The plans of the papers: their numbers, whose they are, and what `--budget paper` makes of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import methods  # noqa: F401
from bench.core.errors import BadInput
from bench.core.overrides import override
from bench.core.plan import Plan
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.report.studies.papers.plans import PLANS, describe_paper_plan, plan_of_paper, plan_of_recipe
from bench.results.load import load_results
from bench.runner.budgets import budget_of, describe_budget, plan_of
from bench.runner.experiment import plan_experiment
from bench.runner.request import Request
from bench.training.job import Job
from bench.training.recipe import RECIPES
from bench.training.trainer import Trainer

CPU = torch.device("cpu")

# recipe, data set: epochs, batch, optimiser, lr, weight decay, the epochs that lr falls at, and the margin of the crop
TABLE = {
    ("M2AT", "cifar10"): (200, 128, "sgd", 0.1, 2e-4, [100, 150], 4),
    ("M2AT", "cifar100"): (200, 128, "sgd", 0.1, 2e-4, [100, 150], 4),
    ("PGD-AT-LS", "cifar10"): (200, 128, "sgd", 0.1, 2e-4, [100, 150], 4),
    ("AVmixup", "cifar10"): (205, 128, "sgd", 0.1, 2e-4, [103, 154], 2),
    ("AVmixup", "svhn"): (140, 128, "sgd", 0.01, 2e-4, [70, 105], 0),
    ("AVmixup.trades", "cifar10"): (205, 128, "sgd", 0.1, 2e-4, [103, 154], 4),
    ("R-MC-LA", "cifar10"): (100, 128, "sgd", 0.1, 2e-4, [60, 90], 4),
    ("R-MC-LA", "svhn"): (100, 128, "sgd", 0.01, 2e-4, [60, 90], 0),
    ("FS", "cifar10"): (200, 60, "sgd", 0.1, 2e-4, [60, 90], 4),
    ("FS-AVmixup", "svhn"): (200, 60, "sgd", 0.01, 2e-4, [60, 90], 0),
    ("TRADES-6", "cifar10"): (76, 128, "sgd", 0.1, 2e-4, [74], 4),
    ("M-TLAT", "cifar10"): (90, 256, "adam", 0.002, 1e-4, [30, 60, 80], 0),
    ("FS", "svhn"): (200, 60, "sgd", 0.01, 2e-4, [60, 90], 0),
    ("MART", "cifar10"): (90, 128, "sgd", 0.1, 7e-4, [74, 89], 4),
    ("PGD-AT+AWP", "cifar10"): (200, 128, "sgd", 0.1, 5e-4, [100, 150], 4),
    ("TRADES-6+AWP", "cifar100"): (200, 128, "sgd", 0.1, 5e-4, [100, 150], 4),
    ("FAT", "cifar10"): (120, 128, "sgd", 0.1, 2e-4, [59, 89], 4),
    ("CutMix", "cifar100"): (300, 64, "sgd", 0.25, 1e-4, [150, 225], 4),
    ("Mixup.1", "cifar10"): (200, 128, "sgd", 0.1, 1e-4, [100, 150], 4),
    ("IAT.pgd", "cifar10"): (200, 128, "sgd", 0.1, 2e-4, [100, 150], 4),
    ("PGD-AT", "cifar10"): (205, 128, "sgd", 0.1, 2e-4, [103, 154], 2),
    ("Standard", "cifar100"): (205, 128, "sgd", 0.1, 2e-4, [103, 154], 2),
}


@pytest.mark.parametrize(("recipe", "dataset"), TABLE)
def test_a_plan_has_the_numbers_of_its_paper(recipe, dataset):
    epochs, batch, optimiser, lr, decay, falls, pad = TABLE[recipe, dataset]
    plan = plan_of_paper(recipe, dataset)
    assert (plan.epochs, plan.batch_size, plan.optimiser, plan.lr) == (epochs, batch, optimiser, lr)
    assert (plan.weight_decay, plan.momentum, plan.warm_up) == (decay, 0.9, 0)
    rates = [plan.lr_at(epoch) for epoch in range(epochs)]
    assert [epoch for epoch in range(1, epochs) if rates[epoch] != rates[epoch - 1]] == falls
    assert rates == [pytest.approx(lr * 0.1 ** sum(epoch >= fall for fall in falls)) for epoch in range(epochs)]
    assert (DATASETS[dataset].pad if plan.pad is None else plan.pad) == pad
    flips = DATASETS[dataset].flip if plan.flip is None else plan.flip
    assert flips == (dataset != "svhn" and recipe != "M-TLAT")


# recipe, data set: training images, and the steps that are printed
STEPS = {
    ("AVmixup", "cifar10"): (50_000, 80_000),
    ("PGD-AT-LS0.8.avmixup", "cifar100"): (50_000, 80_000),
    ("AVmixup", "svhn"): (73_257, 80_000),
    ("AVmixup", "tiny-imagenet"): (100_000, 50_000),
    ("AVmixup.trades", "cifar10"): (50_000, 80_000),
    ("M2AT", "cifar10"): (50_000, 80_000),
    ("M2AT.trades", "cifar10"): (50_000, 80_000),
    ("PGD-AT.m2at", "cifar100"): (50_000, 80_000),
    ("PGD-AT", "cifar10"): (50_000, 80_000),
}


@pytest.mark.parametrize(("recipe", "dataset"), STEPS)
def test_a_length_that_is_printed_in_steps_is_one(recipe, dataset):
    images, steps = STEPS[recipe, dataset]
    plan = plan_of_paper(recipe, dataset).for_images(images)
    assert plan.length(images) == steps
    ends = [0, steps // 2 - 1, steps // 2, steps * 3 // 4 - 1, steps * 3 // 4, steps - 1]
    rates = [plan.lr_at_step(step, images) / plan.lr for step in ends]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_a_length_that_is_printed_in_epochs_is_none_in_steps():
    for recipe in ("R-MC-LA", "FS", "TRADES-6", "RobMask", "M-TLAT"):
        assert plan_of_paper(recipe, "cifar10").steps is None


def test_a_budget_says_a_length_as_it_is_printed():
    plan = plan_of(Request(), "paper", DATASETS["cifar10"], "M2AT")
    words = describe_budget(Request(), "paper", plan, 50_000, ", watched on 1000 test images", recipes=True)
    assert words == "paper, 80000 steps, 50000 training images, watched on 1000 test images"


def test_robmask_goes_down_a_cosine():
    plan = plan_of_paper("RobMask", "cifar10")
    assert (plan.epochs, plan.batch_size, plan.lr, plan.weight_decay) == (100, 128, 0.1, 5e-4)
    rates = [plan.lr_at(epoch) for epoch in range(100)]
    assert (rates[0], rates[50]) == (0.1, pytest.approx(0.05))
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-4
    assert plan_of_paper("BN-adv", "cifar10") == replace(plan, epochs=20)


def test_augmix_goes_down_a_cosine_and_fast_training_up_and_down():
    assert plan_of_paper("AugMix", "cifar10") == Plan(100, schedule="cosine")
    plan = plan_of_paper("FGSM-RS", "cifar10")
    steps = plan.length(50_000)
    rates = [plan.lr_at_step(step, 50_000) for step in range(steps)]
    assert (plan.epochs, plan.weight_decay, steps, max(rates)) == (15, 5e-4, 15 * 390, pytest.approx(0.2))
    up_and_down = [0.2 * min(2 * step / steps, 2 - 2 * step / steps) for step in range(steps)]  # torch's CyclicLR
    assert rates == pytest.approx(up_and_down, abs=4 * 0.2 / steps)


CYCLES = {  # recipe, data set: epochs, peak of lr, and the epoch of the peak
    ("FGSM-RS", "cifar10"): (15, 0.2, 7.5),
    ("N-FGSM", "cifar10"): (30, 0.2, 15),
    ("N-FGSM", "svhn"): (15, 0.05, 6),
    ("GradAlign", "cifar100"): (30, 0.3, 12),
    ("GradAlign", "svhn"): (15, 0.05, 6),
}


@pytest.mark.parametrize(("recipe", "dataset"), CYCLES)
def test_recipes_of_one_step_train_for_one_cycle_along_lines(recipe, dataset):
    epochs, peak, top = CYCLES[recipe, dataset]
    plan = plan_of_paper(recipe, dataset)
    steps = plan.length(12_800)  # 100 an epoch
    rates = [plan.lr_at_step(step, 12_800) for step in range(steps)]
    assert (plan.epochs, plan.batch_size, plan.weight_decay, plan.momentum) == (epochs, 128, 5e-4, 0.9)
    lines = [peak * min(step / (100 * top), (steps - step) / (steps - 100 * top)) for step in range(steps)]
    assert rates == pytest.approx(lines, abs=2 * peak / (100 * top))


def test_robmask_on_imagenet_trains_as_all_its_models_for_105_epochs():
    plan = plan_of_paper("RobMask", "cifar10")
    assert plan_of_paper("RobMask", "imagenet") == replace(plan, epochs=105)
    assert plan_of_paper("Standard", "imagenet", paper="robmask") == replace(plan, epochs=105)


def test_a_plan_by_epoch_warms_up_and_falls():
    plan = Plan(105, milestones=(30 / 105, 60 / 105, 90 / 105, 100 / 105), warm_up=5 / 105)
    rates = [plan.lr_at(epoch) for epoch in range(plan.epochs)]
    assert rates[:6] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    assert [e for e in range(6, 105) if rates[e] < rates[e - 1]] == [30, 60, 90, 100]
    assert rates[-1] == pytest.approx(1e-5)


@pytest.mark.parametrize("source", PLANS, ids=lambda source: source.paper)
def test_a_plan_keeps_its_shape_at_another_length(source):
    plan = replace(source.plan, epochs=10 * source.plan.epochs)
    if plan.is_by_step:
        images = 100 * plan.batch_size
        for step in range(0, source.plan.length(images), 50):
            short = source.plan.lr_at_step(step, images)
            one_step = 65 * plan.lr / plan.length(images)  # the steepest one of the short training, HAT's half cosine
            assert plan.lr_at_step(10 * step, images) == pytest.approx(short, abs=one_step)
        return
    for epoch in range(source.plan.epochs):
        assert plan.lr_at(10 * epoch) == pytest.approx(source.plan.lr_at(epoch))


FAMILIES = {
    "M2AT": "M2AT M2AT.trades M2AT.mix M2AT.mix-ls M2AT.mask M2AT.mask-ls M2AT.mask-mix PGD-AT-LS PGD-AT.m2at",
    "AVmixup": "AVmixup PGD-AT.avmixup PGD-AT-LS0.8 PGD-AT-LS0.9 PGD-AT-LS0.8.avmixup PGD-AT-LS0.9.avmixup",
    "BAT": "FGSM LL-LS MC-LA R-FGSM R-RAND-LA R-MOSA-LS R-MC-LA9 R-MC-LA.sup R-MC-LA.eps12 R-MC-LA.cifar100 "
    "PGD-AT.7x2 PGD-AT.2x8 PGD-AT.7x2-LA",
    "Feature Scatter": "FS FS-AVmixup FS-AVmixup.cifar100 FS-AVmixup.0.5-0.3",
    "RobMask": "RobMask RobMask-10 AdvProp AdvProp.rand AdvProp.2aux PGD-AT.robmask",
    "M-TLAT": "M-TLAT TLAT FGSM-AT TFGSM-AT LS-adv LS-adv.sum1 Mixup IAT",
    "MART": "MART MART+AWP",
    "FGSM-RS": "FGSM-RS",
    "N-FGSM": "N-FGSM",
    "Free-AT": "Free-AT",
    "GradAlign": "GradAlign GradAlign+AWP",
    "FAT": "FAT",
    "HAT": "HAT",
    "IKL": "IKL-AT IKL-AT+AWP",
    "LBGAT": "LBGAT-0 LBGAT-6",
    "CutMix": "CutMix",
    "AugMix": "AugMix",
    "Mixup": "Mixup.1",
    "IAT": "IAT.pgd",
    "AWP": "PGD-AT+AWP TRADES-1+AWP TRADES-6+AWP",
    "Madry et al.": "Standard PGD-AT LS0.9 LS0.9+AWP mine",
}


@pytest.mark.parametrize("paper", FAMILIES)
def test_ablations_and_variants_train_as_their_paper_does(paper):
    assert {plan_of_recipe(name).paper for name in FAMILIES[paper].split()} == {paper}


def test_a_suffix_changes_no_plan_but_that_of_recipes_which_its_paper_trains():
    for name in (name for name in RECIPES if "+" not in name):
        changed = {plan_of_paper(f"{name}+AWP", data) != plan_of_paper(name, data) for data in ("cifar10", "svhn")}
        assert changed == {name in ("PGD-AT", "TRADES-1", "TRADES-6")}, name


def test_m2at_alone_reports_the_best_epoch():
    assert [source.paper for source in PLANS if source.reports == "best"] == ["M2AT"]


def test_bat_has_a_longer_plan_and_no_other_paper_has():
    for dataset, lr in (("cifar10", 0.1), ("svhn", 0.01)):
        assert plan_of_paper("R-MC-LA", dataset, long=True) == Plan(200, weight_decay=2e-4, lr=lr)
    with pytest.raises(BadInput, match="plan=long: M2AT trains as M2AT, where no plan is long; leave one of them out"):
        plan_of_paper("M2AT", "cifar10", long=True)


def test_what_the_user_sets_comes_last():
    request = Request(epochs=20, settings=("plan.lr=0.05", "plan=long", "plan.pad=none"))
    plan = plan_of(request, "paper", DATASETS["cifar10"], "R-MC-LA")
    assert plan == Plan(20, lr=0.05, weight_decay=2e-4)
    assert (budget_of("paper", DATASETS["cifar10"]).train, budget_of("paper", DATASETS["cifar10"]).test) == (None, None)


@pytest.mark.parametrize(("path", "text", "value"), [("pad", "2", 2), ("flip", "true", True), ("flip", "false", False)])
def test_augmentation_can_be_set_and_left_to_the_data_set_again(path, text, value):
    plan = override(Plan(1), path, text)
    assert getattr(plan, path) is value
    assert override(plan, path, "none") == Plan(1)


@pytest.mark.parametrize("wrong", [{"warm_up": 1.0}, {"warm_up": -0.1}])
def test_a_warm_up_is_a_share_of_the_run(wrong):
    with pytest.raises(BadInput, match="a share of the run, from 0 and below 1"):
        Plan(1, **wrong)


# runs

OLD = {  # as they were before plans had a crop, flips and a warm-up of their own
    "M2AT": (Plan(10), "s0-dda9e89a"),
    "TRADES-6": (Plan(30, batch_size=64, lr=0.05), "s0-3bab0286"),
    "M-TLAT": (
        Plan(90, 256, "adam", lr=0.002, weight_decay=1e-4, milestones=(1 / 3, 2 / 3, 8 / 9)),
        "s0-cbcc33cf",
    ),
}


@pytest.mark.parametrize("name", OLD)
def test_runs_keep_their_names(name):
    plan, run = OLD[name]
    job = Job(name, RECIPES[name], "cifar10", "0" * 16, "resnet8", plan, "quick")
    assert job.run == f"cifar10/resnet8/{name}/{run}"
    assert all(replace(job, plan=replace(plan, **new)).run != job.run for new in ({"pad": 2}, {"flip": False}))


def test_a_plan_crops_and_flips_where_the_data_set_does_not(tmp_path, monkeypatch):
    digits, asked = DATASETS["digits"], []
    images = digits.load("train", Path(), 40)

    def batches(images, size, *, pad, flip, rows):
        assert rows is None
        asked.append((pad, flip))
        yield images.x / 255, images.y

    monkeypatch.setattr("bench.training.batches.epoch_batches", batches)
    for plan in (Plan(1), Plan(1, pad=2, flip=True)):
        job = Job("Standard", RECIPES["Standard"], "digits", "", "cnn", plan, "test")
        Trainer(job, digits, images, Images(images.x[:20], images.y[:20]), CPU).run(tmp_path / repr(plan))
    assert asked == [(0, False), (2, True)]


def test_batch_norms_are_tuned_from_a_start_of_the_same_plan():
    work = plan_experiment(Request(methods=("BN-adv", "FS"), budget="paper", limit_train=40), Path(), CPU)
    start, tuned, scattered = work.jobs
    assert (start.name, tuned.name, start.plan) == ("Standard", "BN-adv", plan_of_paper("BN-adv", "digits"))
    assert tuned.plan == replace(start.plan, lr=0.01)
    assert (start.budget, scattered.budget) == (
        "paper, 20 epochs, 40 training images, watched on 4 more",
        "paper, 200 epochs, 40 training images, watched on 4 more",
    )
    assert work.epochs == ("last", "best")


@pytest.mark.parametrize(
    ("named", "limit", "trained", "watched", "words", "epochs"),
    [
        (("TRADES-6",), None, 1497, 300, "1497 training images, watched on 300 test images", ("last",)),
        (("TRADES-6", "M2AT"), None, 1497, 300, "1497 training images, watched on 300 test images", ("last", "best")),
        (("TRADES-6",), 500, 500, 50, "500 training images, watched on 50 more", ("last", "best")),
        (("TRADES-6",), 1490, 1490, 300, "1490 training images, watched on 300 test images", ("last",)),
    ],
)
def test_as_many_images_are_trained_on_as_are_named(named, limit, trained, watched, words, epochs):
    work = plan_experiment(Request(methods=named, budget="paper", limit_train=limit), Path(), CPU)
    assert (work.images, len(work.train), len(work.holdout), work.n) == (trained, trained, watched, 300)
    assert all(job.budget.endswith(words) for job in work.jobs)
    assert work.epochs == epochs
    shown = {image.numpy().tobytes() for image in work.train.x}
    assert not shown & {image.numpy().tobytes() for image in work.holdout.x}


def test_what_other_budgets_name_is_split_as_before():
    work = plan_experiment(Request(methods=("TRADES-6",), budget="quick", limit_train=500), Path(), CPU)
    assert (work.images, len(work.train), len(work.holdout)) == (500, 450, 50)
    assert work.jobs[0].budget == "quick, 20 epochs, 500 training images"


def test_a_table_of_m2at_has_the_epoch_that_it_prints():
    work = plan_experiment(Request(methods=("Standard",), budget="paper", paper="m2at"), Path(), CPU)
    assert work.epochs == ("last", "best")


ASKED = "run --methods R-MC-LA --attacks none --budget paper --limit 20 --limit-train 40 --workers 1"


def test_a_paper_run_says_its_plan_and_can_be_evaluated_anew(bench, tmp_path):
    code, out, err = bench(*ASKED.split(), "--epochs", "1", "--set", "plan=long")
    assert code == 0, err
    rows = load_results(tmp_path / "results")
    assert set(rows["budget"]) == {"paper, 1 epochs, 40 training images, watched on 4 more, plan=long"}
    assert set(rows["epoch"]) == {"last", "best"}
    (path,) = (tmp_path / "results").rglob("job.json")
    assert json.loads(path.read_text())["plan"]["milestones"] == [0.5, 0.75]
    code, out, err = bench("compare", "results", "anew", "--level", "1")
    assert code == 0, out + err


def test_a_paper_run_is_priced(bench, tmp_path):
    code, out, err = bench(*ASKED.split(), "--dry-run")
    assert code == 0, err
    assert "1 training, 2 of 2 cells to do, " in out
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--budget paper --methods R-MC,M2AT --set plan=long", "M2AT trains as M2AT, where no plan is long"),
        ("--methods R-MC --set plan=long", "plan=long is for the plans of papers; give --budget paper too"),
        ("--budget paper --set plan=short", "the form is plan.FIELD=VALUE, recipe.FIELD=VALUE or plan=long"),
    ],
)
def test_a_plan_that_is_not_there_is_one_line(bench, arguments, message):
    code, _, err = bench("run", "--device", "cpu", *arguments.split())
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


@pytest.mark.parametrize(
    ("recipe", "lines"),
    [
        ("R-MC-LA", ["as BAT, where the last epoch", "lr 0.1, a tenth after 60, 90", "plan=long: 200 epochs"]),
        ("M2AT", ["as M2AT, where the best epoch", "200 epochs"]),
        ("RobMask", ["along a cosine", "imagenet: 105 epochs"]),
        ("M-TLAT", ["adam, lr 0.002", "weight decay 0.0001, no crop, no flips"]),
        ("AVmixup", ["svhn: 80000 steps", "a tenth after 40000, 60000", "crop from 2 pixels around"]),
    ],
)
def test_the_plan_is_said_in_words(bench, recipe, lines):
    text = "\n".join(describe_paper_plan(recipe))
    assert all(line in text for line in lines)
    _, out, _ = bench("show", recipe)
    assert f"--budget paper trains it as {plan_of_recipe(recipe).paper}" in " ".join(out.split())
