"""Images crafted on one model and shown to others: closed forms, stored cells, and the tables of them."""

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from result_files import measure
from torch import nn

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput
from bench.core.files import write_json
from bench.core.progress import Event
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.evaluator import outcomes
from bench.evaluation.external.external_run import ExternalRun
from bench.evaluation.row import ModelRef
from bench.evaluation.transfer import final_iterate_attacks, transferred
from bench.models.build import build
from bench.models.checkpoint import fingerprint, load_views
from bench.report.files import replace_files
from bench.report.labels import titles
from bench.report.leaderboard.page import boards
from bench.report.table_formats.table_text import MISSING
from bench.report.transfer.figures import heat_map
from bench.report.transfer.page import TransferPage, find_matrices
from bench.results.load import load_results
from bench.results.row import model_id
from bench.results.run_folder import RunFolder
from bench.results.store import read_rows
from bench.results.survey import run_folders
from bench.runner.cells import CellPlan
from bench.runner.model_evaluation import ModelEvaluation
from bench.runner.options import CellOptions
from bench.runner.transfer.matrix import TransferModel, TransferRunner
from bench.runner.transfer.models import trained_models

EPS = 0.1
DIGITS = DATASETS["digits"]
BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"


def under(text: str, eps: float = EPS) -> Attacked:
    return Attacked(parse_attack(text), Linf(eps))


# outcomes


class Sides(nn.Module):
    """Two classes, on the two sides of a hyperplane in float64."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))

    def lead(self, x):
        """The logit of class 1 minus that of class 0."""
        return (x - 0.5).flatten(1) @ self.w

    def forward(self, x):
        return torch.stack([torch.zeros(len(x), dtype=x.dtype), self.lead(x)], 1)


@pytest.fixture
def points() -> Images:
    """Points so far inside [0, 1] that no attack reaches its border, with random labels."""
    generator = torch.Generator().manual_seed(0)
    x = 0.3 + 0.4 * torch.rand(200, 1, 4, 4, dtype=torch.float64, generator=generator)
    return Images(x, torch.randint(2, (200,), generator=generator))


@pytest.mark.parametrize("attack", ["FGSM", "PGD-5[step=0.5eps]", "MI-FGSM", "CW-5[step=0.5eps]"])
def test_a_step_on_one_linear_model_moves_the_lead_of_another_by_what_algebra_says(points, attack):
    """sign(w_source) eps goes over to the target as eps sum(w_target sign(w_source)), for right and wrong images."""
    source, targets = Sides(1), [Sides(1), Sides(2), Sides(3)]
    towards = 1 - 2 * points.y.double()  # away from the label
    made = transferred(source, targets, points, under(attack))
    for target, outcome in zip(targets, made, strict=True):
        lead = target.lead(points.x) + towards * EPS * (target.w * source.w.sign()).sum()
        assert outcome.right.tolist() == ((lead > 0) == (points.y == 1)).tolist()
    assert len({outcome.right.tobytes() for outcome in made}) == 3


def test_every_image_is_attacked_to_the_end(points):
    """Even if the source model is wrong on it from the start (two in five) or after a step."""
    (outcome,) = transferred(Sides(1), [Sides(2)], points, under("PGD-7"))
    assert (outcome.backwards, outcome.forwards) == (7 * 200, 7 * 200)
    assert 0 < outcomes(Sides(1), points, Clean()).right.sum() < 200


def test_who_else_is_evaluated_and_how_many_at_a_time_changes_no_bit(points):
    source, target, other = Sides(1), Sides(2), Sides(3)
    attack = under("PGD-3[restarts=2]")
    whole = transferred(source, [other, target], points, attack, batch_size=128)[1]
    part = transferred(source, [target], points, attack, n=70, batch_size=9)[0]
    assert part.right.tolist() == whole.right[:70].tolist()
    assert transferred(source, [target], points, attack, seed=1)[0].right.tolist() != whole.right.tolist()


@pytest.fixture(scope="module")
def honest() -> nn.Module:
    """PGD-AT with batch norms, so that its copy is another network."""
    model = build("cnn", DIGITS)
    model.load_state_dict(load_views(BASELINE / "weights.safetensors", "digits/cnn/PGD-AT/s0-6bee601e")["main"])
    return model.eval()


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Images:
    return DIGITS.load("test", tmp_path_factory.mktemp("nothing")).first(120)


@pytest.mark.parametrize("attack", ["FGSM", "PGD-5", "MI-FGSM", "PGD-LL"])
def test_on_the_diagonal_stands_the_white_box_attack_s_last_iterate(honest, digits, attack):
    (moved,) = transferred(honest, [honest], digits, under(attack, 0.2))
    white = outcomes(honest, digits, under(f"{attack}.last", 0.2))
    assert moved.right.tolist() == white.right.tolist()
    assert (moved.forwards, moved.backwards, moved.seen) == (white.forwards, white.backwards, white.seen)


def test_models_are_left_as_they_were(points):
    source, target = Sides(1).train(), Sides(2).train()
    transferred(source, [target], points, under("FGSM"))
    assert all(model.training and model.w.requires_grad for model in (source, target))


def test_attacks_without_a_last_iterate_in_a_ball_are_left_out_by_name(points):
    near = Attacked(parse_attack("CW-L2"), L2(1.0))
    asked = [Clean(), under("AutoAttack"), under("PGD-3"), under("PGD-3.last"), under("Square"), near]
    kept, without = final_iterate_attacks(asked)
    assert kept == [under("PGD-3.last")]
    assert without == ["AutoAttack", "Square", "CW-L2"]
    with pytest.raises(BadInput, match="and Square has none; name others with --attacks, such as FGSM"):
        transferred(Sides(1), [Sides(2)], points, under("Square"))


# stored cells


def transfer_model(name: str, net: nn.Module | None = None, failure: str = "") -> tuple[ModelRef, TransferModel]:
    identity = fingerprint(net) if net else name
    run = ExternalRun(name, "digits", identity)
    return ModelRef(run, "last", "main"), TransferModel(run.run, identity, net, failure)


def matrix(results: Path, digits: Images, entered, external=(), attack: str = "FGSM", n: int = 40) -> TransferRunner:
    cells = CellPlan(digits, n, (Clean(), under(attack, 0.2)), torch.device("cpu"), "fp32", CellOptions(32))
    for model, _ in entered:
        write_json(results / model.subject.run / "job.json", {"budget": "quick"})
    return TransferRunner(cells, results, dict(entered), external)


def stored(results: Path) -> dict[tuple[str, str], object]:
    """Stored rows by source and target."""
    return {(row.source, row.run): row for folder in run_folders(results) for row in read_rows(folder)}


@dataclass(frozen=True)
class Subject:
    run: str


class Around(nn.Module):
    def __init__(self, model, after):
        super().__init__()
        self.model, self.after = model, after

    def forward(self, x):
        return self.after(self.model(x))


def test_only_what_is_missing_is_made_and_a_row_is_the_same_in_any_company(honest, digits, tmp_path):
    other = build("cnn", DIGITS).eval()
    one, two, guest = (
        transfer_model("one", honest),
        transfer_model("two", other),
        transfer_model("guest", build("cnn", DIGITS).eval())[1],
    )
    news: list[Event] = []
    whole = matrix(tmp_path / "whole", digits, [one, two], [guest])
    assert whole.estimate() == "transfer from 3 to 2 models: 6 of 6 cells to do, attacks to run: 3"
    assert whole.fill(news.append) == 0
    assert [event.done for event in news] == [0, 40] * 3
    assert (whole.missing_cells(), whole.cost()) == ({}, 0)

    part = matrix(tmp_path / "part", digits, [one])
    part.fill(news.append)  # killed here, as it were
    again = matrix(tmp_path / "part", digits, [one, two], [guest])
    assert sum(map(len, again.missing_cells().values())) == 5
    again.fill(news.append)
    rows, same = stored(tmp_path / "whole"), stored(tmp_path / "part")
    assert rows.keys() == same.keys()
    for where, row in rows.items():
        assert {**vars(row), "seconds": 0} == {**vars(same[where]), "seconds": 0}
        assert (row.kind, row.name, row.n, row.partial, row.status) == ("attack", "FGSM.last", 40, True, "ok")


def test_the_key_follows_both_models_and_the_images(honest, digits, tmp_path):
    (model, one), (_, two) = transfer_model("one", honest), transfer_model("two", build("cnn", DIGITS))
    made = matrix(tmp_path, digits, [(model, one)])
    shorter = matrix(tmp_path, digits, [(model, one)], n=39)
    longer = matrix(tmp_path, digits, [(model, one)], attack="PGD-2")
    keys = [made.key(a, b, made.conditions[0]) for a in (one, two) for b in (one, two)]
    keys += [shorter.key(one, one, shorter.conditions[0]), longer.key(one, one, longer.conditions[0])]
    assert len(set(keys)) == 6


def test_a_source_from_outside_that_is_a_target_already_is_no_other_source(honest, digits, tmp_path):
    one, double = transfer_model("one", honest), transfer_model("double", honest)[1]
    assert [source.model_id for source in matrix(tmp_path, digits, [one], [double]).sources] == [one[1].model_id]


def test_a_source_that_cannot_be_attacked_fails_its_row_alone_and_is_tried_again(honest, digits, tmp_path):
    one, silent = (
        transfer_model("one", honest),
        transfer_model("silent", Around(build("cnn", DIGITS), torch.Tensor.detach).eval()),
    )
    made = matrix(tmp_path, digits, [one], [silent[1]])
    assert made.fill(lambda event: None) == 1
    row = stored(tmp_path)[silent[1].model_id, one[0].subject.run]
    assert row.status.startswith("failed: attack FGSM.last: the model gives its images no gradient")
    assert (row.value, row.verdict) == (None, "")
    assert [source.model_id for _, source in made.missing_cells()] == [silent[1].model_id]


def test_where_there_is_no_model_the_reason_is_stored_once(honest, digits, tmp_path):
    one, gone = (
        transfer_model("one", honest),
        transfer_model("gone", failure="gone has no model, its training failed: NaN"),
    )
    made = matrix(tmp_path, digits, [one, gone])
    assert made.fill(lambda event: None) == 3
    assert made.missing_cells() == {}
    rows = stored(tmp_path)
    told = {where: row.status for where, row in rows.items() if row.status != "ok"}
    assert set(told.values()) == {"failed: gone has no model, its training failed: NaN"}
    assert len(told) == 3


def test_jobs_enter_as_they_are_finished_failed_or_to_come(honest, tmp_path):
    jobs = [Subject(f"digits/cnn/{name}/s0-aaaa") for name in ("done", "broken", "waiting")]
    states = {"done": "trained", "broken": "failed: the loss is NaN"}
    for job, status in zip(jobs, states.values(), strict=False):
        write_json(tmp_path / job.run / "job.json", {"status": status})
        (tmp_path / job.run / "weights.safetensors").touch()
    nets = {("last", "main"): honest, ("last", "aux1"): build("cnn", DIGITS)}
    work = SimpleNamespace(jobs=jobs, epochs=("last",), test=None)
    runner = SimpleNamespace(experiment=work, results=tmp_path, load=lambda job, folder: nets)
    done, broken, waiting = trained_models(runner, retrain=False).values()
    assert (done.net, done.identity, done.model_id) == (honest, fingerprint(honest), jobs[0].run)
    assert broken.failure == f"{jobs[1].run} has no model, its training failed: the loss is NaN"
    assert (broken.net, waiting.net, waiting.failure) == (None, None, "")
    assert [one.net for one in trained_models(runner, retrain=True).values()] == [None] * 3


def test_transfer_finds_out_a_model_that_hides_its_gradient(honest, digits, tmp_path):
    """Its logits times 1e4 leave the cross-entropy no slope, and images made on the plain model break it."""
    loud, plain = transfer_model("loud", Around(honest, lambda z: 1e4 * z)), transfer_model("plain", honest)[1]
    made = matrix(tmp_path, digits, [loud], [plain], attack="PGD-20", n=120)
    run = RunFolder(tmp_path / loud[0].subject.run)
    ModelEvaluation(made.cells, run, loud[0], loud[1].net, loud[1].identity, lambda event: None).fill()
    made.fill(lambda event: None)
    (report,) = boards(tmp_path).values()
    assert re.search(
        rf"PGD-20.last from {plain.model_id} breaks \d+ of 120 images that PGD-20 leaves", report.table["verdict"][0]
    )
    assert set(report.rows["source"]) == {""}
    assert not [column for column in report.table if ".last" in column]


def test_its_own_images_are_no_black_box_s(tmp_path):
    spec, run = parse_attack("PGD-20.last"), "digits/cnn/PGD-AT/s0-aaaa"
    measure(tmp_path, "", "1" * 98 + "00")
    measure(tmp_path, "PGD-20", "1" * 90 + "0" * 10, params=parse_attack("PGD-20").params)
    for source, verdict in ((run, "ok"), (f"{run}@best", "ok"), ("digits/cnn/PGD-AT/s1-aaaa", "suspect")):
        measure(tmp_path, "PGD-20.last", "1" * 50 + "0" * 50, params=spec.params, source=source)
        tables = [report.table["verdict"][0] for board, report in boards(tmp_path).items() if board.norm]
        assert [said.partition(":")[0] for said in tables] == [verdict]


# tables


RUNS = {name: f"digits/cnn/{name}/s0-aaaa" for name in ("A", "B", "C")}
CLEAN = {"A": "1111111110", "B": "1111111100", "C": "0111111111"}
MOVED = {
    ("A", "A"): "1100000000", ("A", "B"): "1111110000", ("A", "C"): "0111100001",
    ("B", "A"): "1111000011", ("B", "B"): "1000000000", ("B", "C"): "0001111000",
    ("C", "A"): "0111100000", ("C", "B"): "1110111100", ("C", "C"): "0100000000",
}  # fmt: skip


@pytest.fixture
def moved(tmp_path) -> Path:
    for name, right in CLEAN.items():
        measure(tmp_path, "", right, recipe=name)
    for (source, target), right in MOVED.items():
        measure(tmp_path, "FGSM.last", right, recipe=target, source=RUNS[source], forwards=1.0)
    return tmp_path


def bits(text: str) -> np.ndarray:
    return np.array([*text]) == "1"


def test_cells_and_bounds_are_read_off_the_bits(moved):
    ((_, attack), made) = next(iter(find_matrices(moved).items()))
    assert attack == "FGSM.last"
    cells, bounds = made.cells.set_index(["source", "target"]), made.bounds.set_index("target")
    for (source, target), right in MOVED.items():
        cell, both = cells.loc[(source, target)], bits(CLEAN[source]) & bits(CLEAN[target])
        assert cell["value"] == pytest.approx(bits(right).mean())
        assert cell["low"] < cell["value"] < cell["high"]
        assert (cell["both"], cell["both_n"]) == (pytest.approx(bits(right)[both].mean()), both.sum())
        assert cell["itself"] == (source == target)
    for target in RUNS:
        others = [bits(MOVED[source, target]) for source in RUNS if source != target]
        assert bounds["black_box"][target] == pytest.approx((others[0] & others[1]).mean())
        assert bounds["black_box"][target] <= min(other.mean() for other in others)
        assert bounds["white_box"][target] == pytest.approx(bits(MOVED[target, target]).mean())
        assert bounds["clean"][target] == pytest.approx(bits(CLEAN[target]).mean())
        assert (bounds["sources"][target], bounds["without"][target]) == (2, "")


def test_holes_stay_holes_and_are_told(moved):
    measure(moved, "FGSM.last", "1" * 10, recipe="A", source="digits/external/means.nearest-12345678")
    measure(moved, "FGSM.last", None, recipe="B", source="digits/cnn/D/s0-aaaa", status="failed: it broke")
    text = TransferPage().files(moved)["transfer.md"].replace(MISSING, "-")
    assert "| means.nearest | 100.0 ±27.8 | - | - |" in text
    assert "| means.nearest | - | - | - |" in text  # nobody knows which images it gets right clean
    assert "| D | - | failed | - |" in text
    assert "- B from D: failed: it broke." in text
    assert "- Black-box of A is without D." in text
    assert "- Black-box of B is without means.nearest, D." in text


def test_of_a_source_that_was_trained_again_the_newer_images_count(moved):
    measure(moved, "FGSM.last", "1" * 10, recipe="A", source=RUNS["B"], key="of newer weights")
    (made,) = find_matrices(moved).values()
    assert made.cells.set_index(["source", "target"])["value"]["B", "A"] == 1
    assert len(made.cells) == 9


def test_other_images_settings_and_radii_are_other_tables(moved):
    for change in ({"eps": 0.1}, {"n": 9}, {"params": '{"start": "random"}'}):
        right = "1" * change.get("n", 10)
        measure(moved, "FGSM.last", right, recipe="A", source=RUNS["B"], **change)
    made = find_matrices(moved)
    assert len(made) == 4
    assert sorted(len(m.cells) for m in made.values()) == [1, 1, 1, 9]


def test_files_are_those_of_the_rows_and_old_ones_go(moved):
    reports = moved / "reports"
    paths = replace_files(reports / "transfer", TransferPage().files(moved))
    assert sorted(path.suffix for path in paths) == [".csv", ".csv", ".md", ".pdf", ".png", ".tex"]
    latex = next(path.read_text() for path in paths if path.suffix == ".tex")
    assert latex.count(r"\toprule") == 3
    assert r"A & \textit{20.0 $\pm$31.0}" in latex
    replace_files(reports / "transfer", TransferPage().files(moved / "nothing"))
    assert list((reports / "transfer").iterdir()) == []


def test_names_say_what_tells_two_models_apart():
    named = {
        "d/cnn/A/s0-aaaa": "A (cnn, s0, aaaa)",
        "d/cnn/A/s1-aaaa": "A (cnn, s1, aaaa)",
        "d/vgg/A/s0-bbbb@best": "A (vgg, s0, bbbb, best)",
        "d/cnn/B/s0-cccc": "B",
        "d/cnn/B/s0-cccc@best@aux1": "B (best, aux1)",
        "d/external/zoo.C-dddd": "zoo.C",
    }
    assert titles(named) == named
    assert model_id("d/cnn/B/s0-cccc", "best", "aux1") == "d/cnn/B/s0-cccc@best@aux1"


@pytest.mark.parametrize("count", [2, 4, 5, 12])
def test_every_value_fits_its_cell_of_the_heat_map(tmp_path, count):
    names = [f"PGD-AT-LS0.{i}" for i in range(count)]
    for source in names:
        for target in names:
            where = {"recipe": target, "source": f"digits/cnn/{source}/s0-aaaa"}
            measure(tmp_path, "FGSM.last", "1111" if source == target else "1010", **where)
    (made,) = find_matrices(tmp_path).values()
    figure = heat_map(made, "digits, cnn")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    (left, _), (right, _) = axes.transData.transform([(0, 0), (1, 0)])
    assert len(axes.texts) == count * (count + 1)
    assert max(text.get_window_extent().width for text in axes.texts) < right - left


# the command line


SMALL = ["--limit-train", "60", "--epochs", "1", "--limit", "20", "--workers", "1"]
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
(MEANS,) = re.findall(r"```python\n(from pathlib import Path\nfrom torch.*?)```", README, re.DOTALL)
NETS = (
    MEANS
    + """
def again():
    return nearest()
def louder():
    net = nearest()
    net[1].weight.data *= 2
    return net
def nine():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 9))
def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
"""
)


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    for module in ("runner.pool", "runner.options", "runner.run", "commands.start"):
        monkeypatch.setattr(f"bench.{module}.cores", lambda: 1)


def test_a_matrix_is_priced_run_once_and_reported(bench, tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    asked = ["run", "--methods", "Standard,LS0.9", "--attacks", "FGSM", *SMALL, "--transfer"]
    code, out, err = bench(*asked)
    assert code == 0, err
    assert "page: reports/transfer/transfer.md" in out
    rows = load_results(tmp_path / "results")
    moved = rows[rows["source"] != ""]
    assert len(moved) == 4
    assert set(moved["source"]) == set(moved["run"]) == set(rows["run"])
    assert "FGSM.last" not in (tmp_path / "reports/leaderboard/leaderboard.md").read_text()

    asked += ["--source", "nets.py:nearest"]
    out = bench(*asked, "--dry-run")[1]
    assert "0 trainings, 0 of 4 cells to do" in out
    assert "transfer from 3 to 2 models: 2 of 6 cells to do, attacks to run: 1, about" in out
    code, _, err = bench(*asked)
    assert code == 0, err
    assert len(load_results(tmp_path / "results")) == len(rows) + 2
    page = tmp_path / "reports/transfer/transfer.md"
    assert "| nets.nearest |" in page.read_text()
    page.unlink()
    assert "; open " in bench("report")[1]
    assert page.exists()


def test_a_model_from_outside_meets_images_made_on_others(bench, tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    sources = ["--source", "nets.py:again,nets.py:louder"]  # the first has the same weights and code
    code, out, err = bench("eval", "--model", "nets.py:nearest", *sources, "--attacks", "FGSM", "--limit", "20")
    assert code == 0, err
    assert "digits, external, Linf 0.2, not trained here, n=20, FGSM.last" in " ".join(out.split())
    moved = load_results(tmp_path / "results").query("source != ''")
    names = [source.rpartition("-")[0].rpartition("/")[2] for source in moved["source"]]
    assert names == ["nets.nearest", "nets.louder"]
    assert set(moved["recipe"]) == {"nets.nearest"}


WRONG = {
    "--methods Standard --transfer": "--transfer needs two models; name more --methods or --seeds",
    "--source nets.py:nearest": "--source names models to craft images on, which is done for --transfer; give that",
    "--transfer --attacks AutoAttack,Square": "and AutoAttack, Square have none; name others with --attacks",
    "--transfer --attacks none": "and none is asked for; name others with --attacks",
    "--transfer --study claims": "brings a grid of its own",
    "--source nowhere --study claims": "brings a grid of its own",
    "--transfer --sweep 0,0.1,0.2": "--transfer hands over images of one radius: give it a run with --eps, beside",
    "--transfer --source nowhere": "--source nowhere: there is no folder nowhere, and the other forms are",
    "--transfer --source nets.py:nine": "the model gives 9 logits an image, and digits has 10 classes",
    "--transfer --source nets.py:wide": "does not take images of 1x8x8 pixels in [0, 1]",
}


@pytest.mark.parametrize("options", WRONG)
def test_bad_input_is_one_line_before_anything_is_trained(bench, tmp_path, options):
    (tmp_path / "nets.py").write_text(NETS)
    code, _, err = bench("run", *options.split(), *SMALL)
    assert (code, err.count("\n")) == (2, 1), err
    assert WRONG[options] in err
    assert not (tmp_path / "results").exists()


def test_a_source_trained_on_other_images_is_refused(bench, tmp_path):
    write_json(
        tmp_path / "run/job.json",
        {"status": "trained", "dataset": "cifar10", "run": "cifar10/cnn/A/s0-aaaa", "name": "A", "model": "cnn"}
        | {"seed": 0, "source": "", "train_eps": None, "settings": []},
    )
    code, _, err = bench("run", "--transfer", "--source", "run", "--attacks", "FGSM", *SMALL)
    assert code == 2
    assert "--source run: it is for cifar10, whose classes and images are not those of digits" in err
