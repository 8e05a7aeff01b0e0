"""Exhibits say what the model does, are made once, and become the figures and tables of a page."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from small import K, images, net
from torch import nn

import methods  # noqa: F401
from bench.core.errors import BadInput, Failed
from bench.core.files import write_csv, write_json
from bench.core.plan import Plan
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.evaluation.diagnostics import gradient
from bench.evaluation.exhibits.batchnorm import STATISTICS, record_outputs
from bench.evaluation.exhibits.exhibit import EXHIBITS, ExhibitInput
from bench.evaluation.exhibits.loss_slices import SLICE_POSITIONS
from bench.evaluation.row import ModelRef
from bench.report.exhibits.exhibit_files import find_exhibits, read_exhibit
from bench.report.exhibits.overfitting import curves, overfitting_table
from bench.report.exhibits.page import ExhibitsPage
from bench.report.exhibits.table import channel_gains, cosine, cosines, gradients, losses_at_radius, stack_maps
from bench.report.files import replace_files
from bench.report.studies.study import STUDIES
from bench.report.training_logs import read_training_log
from bench.results.best_epoch import find_best_epoch
from bench.results.store import read_job
from bench.runner.exhibits import ExhibitWriter
from bench.training.job import Job
from bench.training.recipe import RECIPES
from bench.training.run_folder import clear

pytestmark = pytest.mark.figures

Y = torch.tensor([3, 0, 9, 3, 7])
EPS = 8 / 255
PUBLISHED = Path(__file__).parents[2] / "results/published"
BOARDS = sorted({path.relative_to(PUBLISHED).parts[0] for path in PUBLISHED.rglob("train.csv")})


def specimen(model: nn.Module, start: nn.Module | None = None, y: torch.Tensor = Y) -> ExhibitInput:
    return ExhibitInput(model.eval(), start.eval() if start else None, Images(images(), y), Linf(EPS))


def table(name: str, *arguments, **settings) -> pd.DataFrame:
    return pd.DataFrame(dict(EXHIBITS[name].measure(specimen(*arguments, **settings))))


def changed(model: nn.Module) -> nn.Module:
    """With the first channel of its first batch norm blocked, and the second one's bias raised."""
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm.weight.data[0], norm.bias.data[0] = 0.0, -1.0
    norm.bias.data[1] += 20
    return model


# what is measured


def test_gradients_are_the_diagnostic_s():
    model, found = net().eval(), table("gradient", net())
    assert np.allclose(found["squared"], gradient(model, images(), Y))
    assert found["right"].tolist() == (model(images()).argmax(1) == Y).tolist()


def test_batch_norms_come_in_the_order_in_which_they_are_asked():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second, self.first = nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False)

        def forward(self, x):
            return self.second(self.first(x)).flatten(1)

    model = Backwards().double()
    model.second.weight.data.fill_(5.0)
    found = table("batchnorm", model, Backwards().double())
    assert found["layer"].tolist() == [1, 1, 1, 2, 2, 2]
    assert found["channel"].tolist() == [0, 1, 2] * 2
    assert found["weight"].tolist()[3:] == [5.0] * 3
    assert found["weight"].isna().tolist()[:3] == [True] * 3
    assert found["start_weight"].tolist()[3:] == [1.0] * 3


def test_cosines_of_a_model_and_itself_are_one():
    said = cosines(table("batchnorm", net(), net()))
    assert np.allclose(said[[*STATISTICS]], 1)  # the shift is zero in both
    assert said["channels"].tolist() == [8]


def test_cosines_by_hand():
    assert cosine([1, 0], [1, 1]) == pytest.approx(0.5**0.5)
    assert cosine([0, 0], [0, 0]) == 1
    assert cosine([0, 0], [0, 2]) == 0
    assert cosine([1, 2], [-1, -2]) == pytest.approx(-1)


def test_feature_maps_are_those_behind_the_first_relu():
    found = table("features", net(), net())
    with torch.no_grad():
        want = net().eval()[:3](images()[:1])[0]
    for when in ("before", "after"):
        assert np.allclose(stack_maps(found, when), want, rtol=1e-3)


def test_blocked_and_magnified_channels_are_found():
    said = channel_gains(table("features", changed(net()), net()))
    assert said["state"].tolist() == ["blocked", "magnified"] + [""] * 6
    assert said["gain"][0] == 0
    assert np.allclose(said["gain"][2:], 1)


def test_wide_and_large_maps_are_cut_to_what_a_small_file_holds():
    wide = nn.Sequential(nn.Conv2d(3, 80, 1), nn.BatchNorm2d(80), nn.Flatten()).eval()
    large = nn.Sequential(nn.Upsample(256), nn.BatchNorm2d(3), nn.Flatten()).eval()
    x = Images(images().float(), Y)
    for model, channels in ((wide, 64), (large, 1)):
        found = pd.DataFrame(dict(EXHIBITS["features"].measure(ExhibitInput(model, model, x, Linf(EPS)))))
        assert len(found) == 2 * channels
        assert len(found.to_csv()) < 1e6


def test_a_model_without_batch_norm_has_none_to_show():
    with pytest.raises(Failed, match="no BatchNorm2d"):
        record_outputs(nn.Flatten(), images())


def linear(steep: float = 1.0) -> nn.Module:
    """Two classes; the logit of the first rises by so much as all pixels rise by one."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)).double()
    model[1].weight.data[:] = steep * torch.tensor([[1.0], [-1.0]]) / 192
    return model


@pytest.mark.parametrize("threat", [Linf(0.05), L2(0.5)])
def test_the_loss_of_a_linear_model_rises_along_the_attack_as_far_as_it_can(threat):
    x, y = (0.2 + 0.6 * images()), torch.zeros(5, dtype=torch.long)
    model = linear().eval()
    found = pd.DataFrame(dict(EXHIBITS["loss"].measure(ExhibitInput(model, None, Images(x, y), threat))))
    along = found[found["direction"] == "attack"].set_index("step")
    assert along.index.tolist() == pytest.approx(SLICE_POSITIONS.tolist())
    radius = 0.05 if isinstance(threat, Linf) else 0.5 / 192**0.5
    for step in (-1.0, 0.0, 1.0):
        want = nn.functional.cross_entropy(model(x - step * radius), y)
        assert along["mean"][step] == pytest.approx(want.item(), rel=1e-9 if isinstance(threat, Linf) else 3e-3)
    assert along["mean"].is_monotonic_increasing
    assert along["accuracy"].is_monotonic_decreasing
    across = found[found["direction"] == "random"].set_index("step")
    assert across["mean"][0.0] == along["mean"][0.0]
    assert across["mean"][1.0] < along["mean"][1.0]
    assert (found["q10"] <= found["q90"]).all()


def test_where_gradients_are_gone_the_loss_does_not_rise_along_the_attack():
    class Hidden(nn.Module):
        def forward(self, x):
            p = 10 * ((x.flatten(1).mean(1, keepdim=True) * 64).round() / 64)
            return torch.cat([p, -p], 1) + 0 * x.sum()

    zeros = torch.zeros(5, dtype=torch.long)
    said = losses_at_radius({"masked": table("loss", Hidden(), y=zeros), "linear": table("loss", linear(10), y=zeros)})
    masked, honest = said.to_dict("records")
    rise = [line["loss attack"] / line["loss clean"] for line in (masked, honest)]
    assert rise[0] < 1.05 < 1.5 < rise[1]
    assert honest["loss against"] < honest["loss clean"]


# how it is kept


@pytest.fixture
def model() -> ModelRef:
    job = Job("Standard", RECIPES["Standard"], "digits", "", "cnn", Plan(1), "quick")
    return ModelRef(job, "last", "main")


def fill(writer: ExhibitWriter, folder: Path, model: ModelRef, *nets: nn.Module | None) -> list[str]:
    """Fill the exhibits; returns the messages."""
    events: list[str] = []
    writer.fill(folder, model, *nets, lambda event: events.append(f"{event.title}: {event.word}"))
    return events


def test_an_exhibit_is_made_once_and_anew_for_other_weights_images_or_damage(tmp_path, model):
    writer = ExhibitWriter(("gradient",), Images(images(), Y), Linf(EPS))
    assert fill(writer, tmp_path, model, net().eval(), None) == [
        "Standard s0 last exhibit gradient: exhibits/gradient.csv"
    ]
    path = tmp_path / "exhibits/gradient.csv"
    assert pd.read_csv(path).columns[:2].tolist() == ["n", "made_of"]
    assert not fill(writer, tmp_path, model, net().eval(), None)
    assert fill(
        ExhibitWriter(("gradient",), Images(images(), (Y + 1) % K), Linf(EPS)), tmp_path, model, net().eval(), None
    )
    assert fill(writer, tmp_path, model, changed(net()).eval(), None)
    path.write_bytes(b"\xff\x00")
    assert fill(writer, tmp_path, model, changed(net()).eval(), None)
    assert pd.read_csv(path)["n"].tolist() == [5] * 5


def test_views_and_epochs_have_files_of_their_own(tmp_path, model):
    writer = ExhibitWriter(("gradient",), Images(images(), Y), Linf(EPS))
    for epoch, view in (("last", "p0.8"), ("best", "main"), ("best", "p0.8")):
        fill(writer, tmp_path, ModelRef(model.subject, epoch, view), net().eval(), None)
    names = {path.name for path in (tmp_path / "exhibits").iterdir()}
    assert names == {"gradient.p0.8.csv", "gradient.best.csv", "gradient.p0.8.best.csv"}


def test_what_compares_two_models_needs_two_and_follows_both(tmp_path, model):
    writer = ExhibitWriter(("batchnorm", "features"), Images(images(), Y), Linf(EPS))
    (said,) = fill(writer, tmp_path, model, net().eval(), None)
    assert "no batchnorm and no features, as it was not trained on another model" in said
    assert not (tmp_path / "exhibits").exists()
    assert len(fill(writer, tmp_path, model, net().eval(), net().eval())) == 2
    assert not fill(writer, tmp_path, model, net().eval(), net().eval())
    assert len(fill(writer, tmp_path, model, net().eval(), changed(net()).eval())) == 2


def test_a_model_that_cannot_be_shown_is_a_failure_in_one_line(tmp_path, model):
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, K)).double().eval()
    (said,) = fill(ExhibitWriter(("features",), Images(images(), Y), Linf(EPS)), tmp_path, model, plain, plain)
    assert said.endswith("failed: the model has no BatchNorm2d layer")


def test_studies_ask_for_exhibits_that_there_are():
    assert {name for study in STUDIES.values() for part in study.parts for name in part.exhibits} <= set(EXHIBITS)


SMALL = ["--limit-train", "40", "--epochs", "2", "--limit", "20", "--workers", "1", "--attacks", "none"]


@pytest.mark.slow
def test_a_run_makes_exhibits_and_a_page_of_them(bench, tmp_path):
    asked = ["run", "--methods", "BN-std", "--exhibits", "all", *SMALL]
    assert ", 6 exhibits to do" in bench(*asked, "--dry-run")[1]
    code, _, err = bench(*asked)
    assert code == 0
    assert err.count("no batchnorm and no features") == 1  # of the model that it starts from
    (folder,) = (tmp_path / "results").glob("digits/cnn/BN-std/*")
    assert len(list((folder / "exhibits").iterdir())) == 4 * 5  # and of every view between
    assert "0 trainings, 0 of 2 cells to do" in bench(*asked, "--dry-run")[1]
    page = (tmp_path / "reports/exhibits/exhibits.md").read_text()
    for head in (
        "### Gradients",
        "### Loss",
        "### Batch norms of BN-std",
        "### Feature maps of BN-std",
        "### Robust over",
    ):
        assert page.count(head) == 1
    assert len(list((tmp_path / "reports/exhibits").rglob("*.png"))) == 4
    bench("merge", "results", "--into", "joined")
    assert {path.name for path in (tmp_path / "joined").rglob("exhibits/*.csv")} == {
        path.name for path in (tmp_path / "results").rglob("exhibits/*.csv")
    }
    clear(folder)
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_an_unknown_exhibit_is_bad_input(bench):
    code, _, err = bench("run", "--exhibits", "gradents", *SMALL)
    assert code == 2
    assert "did you mean gradient?" in err


# what is read off


def test_groups_of_gradients():
    said = gradients({"A": pd.DataFrame({"squared": [0.0, 1.0, 2.0], "right": [True, True, False]})})
    assert said["group"].tolist() == ["all", "right", "wrong"]
    assert said["n"].tolist() == [3, 2, 1]
    assert said["zero"].tolist() == [1, 1, 0]
    assert said["mean"].tolist() == [1.0, 0.5, 2.0]
    assert said["mean"][0] == pytest.approx(np.average(said["mean"][1:], weights=said["n"][1:]))


def watched(results: Path, recipe: str, seed: int, accuracies: list[float | None]) -> None:
    folder = results / f"digits/cnn/{recipe}/s{seed}-aaaa"
    write_json(folder / "job.json", {"budget": "quick"})
    log = [{"epoch": i, "seconds": 1.0, "val_pgd": accuracy} for i, accuracy in enumerate(accuracies, 1)]
    write_csv(folder / "train.csv", ["epoch", "seconds", "val_pgd"], log)


def test_robust_overfitting_is_best_minus_last_over_the_seeds(tmp_path):
    watched(tmp_path, "A", 0, [0.1, 0.5, 0.3])
    watched(tmp_path, "A", 1, [0.1, 0.2, 0.3])
    watched(tmp_path, "B", 0, [0.4, None, 0.2, None])
    watched(tmp_path, "C", 0, [0.4])  # one point is no curve
    said = overfitting_table(curves(tmp_path)).set_index("model")
    assert said.index.tolist() == ["A", "B"]
    assert said["gap"].tolist() == pytest.approx([10, 20])
    assert said["seeds"].tolist() == [2, 1]
    assert said["best epoch"].tolist() == [2.5, 1]
    assert "| A | 2 | 3 | 2.5 | 40.0 | 30.0 | 10.0 |" in page_of(tmp_path)
    console = Console(width=200, record=True, file=io.StringIO())
    ExhibitsPage().show(tmp_path, console, only=frozenset({"digits/cnn/B/s0-aaaa"}))
    shown = console.export_text()
    assert "20.0" in shown
    assert "Robust overfitting, digits, cnn, quick" in shown
    assert " A " not in shown


@pytest.mark.parametrize("board", BOARDS)
def test_the_best_epoch_of_a_published_training_is_that_of_its_job(board):
    """As job.json says, and as the log alone says."""
    for line in curves(PUBLISHED / board).to_dict("records"):
        folder = PUBLISHED / board / line["run"]
        named = read_job(folder)["best_epoch"]
        assert line["best epoch"] == named
        assert find_best_epoch(read_training_log(folder).to_dict("records")) == named - 1


def test_the_later_of_equal_epochs_is_the_best_and_clean_accuracy_comes_before():
    records = [{"val_pgd": pgd, "val_clean": clean} for pgd, clean in [(0.5, 0.8), (0.5, 0.9), (0.5, 0.9), (0.5, 0.8)]]
    assert find_best_epoch(records) == 2
    assert find_best_epoch([{"val_pgd": pgd} for pgd in (np.nan, 0.2, 0.2, 0.1)]) == 2


def page_of(results: Path) -> str:
    return ExhibitsPage().files(results)["exhibits.md"]


def test_nothing_is_written_where_there_is_nothing(tmp_path):
    assert replace_files(tmp_path / "reports", ExhibitsPage().files(tmp_path)) == []
    assert not (tmp_path / "reports").exists()


def test_only_last_epochs_are_shown_and_of_several_seeds_the_first(tmp_path, model):
    for seed in (1, 0):
        folder = tmp_path / f"digits/cnn/A/s{seed}-aaaa"
        write_json(folder / "job.json", {"budget": "quick"})
        for epoch in ("last", "best"):
            writer = ExhibitWriter(("gradient",), Images(images(), (Y + seed) % K), Linf(EPS))
            fill(writer, folder, ModelRef(model.subject, epoch, "main"), net().eval(), None)
    assert find_exhibits(tmp_path)["seed"].tolist() == [0, 1]
    right = int((net().eval()(images()).argmax(1) == Y).sum())
    page = page_of(tmp_path)
    assert f"| A | right | {right} |" in page
    assert page.count("| A | all |") == 1


def test_a_file_that_is_no_exhibit_is_named(tmp_path):
    watched(tmp_path, "A", 0, [0.1, 0.2])
    folder = tmp_path / "digits/cnn/A/s0-aaaa/exhibits"
    folder.mkdir()
    (folder / "loss.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"loss\.csv is no loss exhibit .* delete it"):
        ExhibitsPage().files(tmp_path)
    assert json.loads((folder.parent / "job.json").read_text())["budget"] == "quick"


LOSS = "n,direction,eps,step,mean,q10,q90,accuracy\n" + "".join(
    f"9,{way},0.2,{step},1.0,0.5,2.0,0.5\n"
    for way, step in [("attack", 0), ("attack", 1), ("attack", -1), ("random", 1)]
)
GRADIENT = "n,image,squared,right\n3,0,0.5,True\n3,1,0.25,False\n3,2,0.0,True\n"


@pytest.mark.parametrize(
    ("kind", "text", "old", "new"),
    [
        ("loss", LOSS, "", ""),
        ("gradient", GRADIENT, "", ""),
        ("gradient", GRADIENT, "3,2,0.0,True", "3,2"),
        ("gradient", GRADIENT, "True", "yes"),
        ("gradient", GRADIENT, "0.25", "inf"),
        ("gradient", GRADIENT, "0.25", "=cmd"),
        ("loss", LOSS, "random", "sideways"),
        ("loss", LOSS, "0.5,2.0", ",2.0"),
        ("loss", LOSS, LOSS, ""),
        ("features", "when,channel,height,width,pixels\nbefore,0,2,2,1 2 3\nafter,0,2,2,1 2 3 4\n", "", ""),
        ("batchnorm", "layer,channel\n1,0\n", "", ""),
    ],
)
def test_a_damaged_exhibit_is_one_line(tmp_path, kind, text, old, new):
    path = tmp_path / f"{kind}.csv"
    path.write_text(text.replace(old, new) if old else text)
    if not old and kind in ("loss", "gradient"):
        assert len(read_exhibit(path, kind)) == len(text.splitlines()) - 1
        return
    with pytest.raises(BadInput, match=rf"{kind}\.csv is no {kind} exhibit \(.*\); delete it and run again") as raised:
        read_exhibit(path, kind)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch\n1\n",
        "epoch,seconds\n1\n",
        "epoch,seconds\ninf,1\n",
        "epoch,seconds\n1,\n",
        "\xff",
        "epoch,seconds\n1,\0",
    ],
)
def test_a_damaged_training_log_is_one_line(tmp_path, text):
    (tmp_path / "train.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=r"train\.csv line \d: .*; put a copy in its place, or take it away") as raised:
        read_training_log(tmp_path)
    assert str(raised.value).isprintable()
