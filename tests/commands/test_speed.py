"""`bench speed` apart from its times: equal work for all libraries, counts, tables, libraries that are missing."""

import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from linear_models import linear

from bench import Untargeted
from bench.attacks.searches.ascent import Ascent
from bench.commands.speed import corruptions as pictures
from bench.commands.speed import peers, storing
from bench.commands.speed import reports as pages
from bench.commands.speed.epochs import LOOPS, _loader
from bench.commands.speed.parts import PARTS, PartWithoutModel
from bench.commands.speed.race import MATRIX_SIZE, RaceResult, Timing, flops, frozen_name, peak, race
from bench.commands.speed.subject import Subject
from bench.commands.speed.table import compare, display, frame
from bench.core.foreign.plugins import load_plugins
from bench.core.rng import fixed_seed
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.models.build import build
from bench.report.leaderboard.page import boards
from bench.training.precision import is_bf16_native
from methods.pgd_at import AdversarialTraining

CPU = torch.device("cpu")


@pytest.fixture
def subject() -> Subject:
    data = dataset("digits", Path())
    images = data.load("test", Path()).first(256)
    with fixed_seed("speed"):
        return Subject("cnn", build("cnn", data).eval(), images, 20, Linf(0.05), 16, 10)


def run_of(seconds: list[float], right: str | None = None, **found: object) -> Timing:
    bits = None if right is None else np.array(list(right)) == "1"
    return Timing(RaceResult(bits, **found), seconds)  # type: ignore[arg-type]


def test_contestants_take_turns_and_another_one_begins_each_time() -> None:
    order: list[str] = []

    def contestant(name: str):
        return lambda: order.append(name) or RaceResult()

    runs = race({"a": contestant("a"), "b": contestant("b"), "gone": None}, 3, CPU)
    assert "".join(order) == "abbaab"
    assert [len(runs[name].seconds) for name in ("a", "b")] == [3, 3]
    assert "gone" not in runs


def test_a_line_is_medians_of_pairs_and_counts_of_images() -> None:
    ours = run_of([1.0, 2.0, 4.0], "1100", forwards=60, backwards=40)
    theirs = run_of([3.0, 8.0, 4.0], "1011")
    line = compare(("PGD-20", "X"), "cnn", 4, ours, theirs, rate=500.0)
    assert (line.seconds, line.peer_seconds) == (2, 4)
    assert (line.ratio, line.ratio_low, line.ratio_high) == (3, 1, 4)
    assert (line.accuracy, line.peer_accuracy) == (0.5, 0.75)
    assert (line.weaker, line.stronger) == (1, 2)
    assert (line.backwards, line.floor) == (10, 0.1)


def test_distances_are_of_the_images_that_both_had_to_break_and_did() -> None:
    ours, theirs = ([0.0, 1.0, 3.0, math.inf], [0.5, 2.0, math.inf, 1.0])
    runs = [run_of([1.0], "0001", distances=np.array(far)) for far in (ours, theirs)]
    line = compare(("CW-L2", "X"), "cnn", 4, *runs, rate=1.0)
    assert line.note == "mean distance 1.0000 against 2.0000 on 1 image that both broke"


def test_a_peer_that_is_not_installed_has_a_line_that_says_so(subject, monkeypatch) -> None:
    monkeypatch.setattr(peers, "PACKAGES", peers.PACKAGES | {"Foolbox": "no_such_package"})
    contest = PARTS["PGD-20"](subject)
    assert contest.runners["Foolbox"] is None
    line = compare(("PGD-20", "Foolbox"), "cnn", 20, run_of([2.0], "10"), None, rate=1.0)
    assert line.note == "not installed"
    assert math.isnan(line.ratio)
    shown = display([line]).iloc[0]
    assert (shown["Ratio"], shown["Seconds"], shown["Right %"]) == ("\N{EN DASH}", "2", "50.0")
    assert pd.isna(frame([line])["peer_seconds"].item())


@pytest.mark.parametrize("peer", peers.PGD)
def test_a_peer_finds_on_a_linear_model_what_there_is_to_find(peer) -> None:
    if not peers.is_installed(peer):
        pytest.skip(f"{peer} is not installed")
    model, images = linear(2, 40)
    model, images, threat = model.float().eval(), Images(images.x.float(), images.y), Linf(0.003)
    exact = (model.radius(images.x, images.y, threat) > threat.eps).numpy()
    assert 0 < exact.sum() < 40
    contestant = Subject("linear", model, images, 40, threat, 16, 10).theirs(peer, peers.PGD[peer])
    assert contestant is not None
    assert (contestant().right == exact).all()


def test_peers_see_the_same_images_and_we_are_no_weaker(subject) -> None:
    contest = PARTS["PGD-20"](subject)
    ours, plain = (contest.runners[name]() for name in ("PGD-20", "plain loop"))
    assert len(ours.right) == len(plain.right) == 20
    assert (ours.right & ~plain.right).sum() <= 1
    assert 0 < ours.backwards < 20 * 21


@pytest.mark.slow
@pytest.mark.parametrize(("part", "times"), [("sweep", 8), ("trajectory", 3)])
def test_one_search_that_serves_several_numbers_is_no_weaker_than_a_run_for_each(subject, part, times) -> None:
    contest = PARTS[part](subject)
    (name, loops), (_, runs), *_ = contest.pairs
    ours, plain, theirs = (contest.runners[runner]() for runner in (name, loops, runs))
    assert len(ours.right) == len(plain.right) == len(theirs.right) == 20 * times
    assert (ours.right & ~plain.right).sum() <= 1
    assert (ours.right & ~theirs.right).sum() <= 1
    assert ours.backwards < theirs.backwards


@pytest.mark.usefixtures("short_autoattack")
def test_autoattack_called_directly_has_the_outcomes_of_ours_image_by_image(subject, monkeypatch) -> None:
    monkeypatch.setattr("bench.commands.speed.parts.AUTOATTACK_BLOCK", 32)
    monkeypatch.setattr(
        "bench.commands.speed.parts.AUTOATTACK", ("AutoAttack[block=32]", "AutoAttack.screened[block=32]")
    )
    import pyautoattack.autoattack

    monkeypatch.setattr(
        pyautoattack.autoattack.AutoAttack,
        "attacks_to_run",
        property(lambda self: ["apgd-ce", "square"], lambda self, names: None),
        raising=False,
    )
    runners = PARTS["AutoAttack"](subject).runners
    ours, theirs = runners["AutoAttack[block=32]"](), runners["pyautoattack"]()
    assert (ours.right == theirs.right).all()
    assert len(ours.right) == 20


def test_the_engine_is_measured_by_the_passes_that_it_makes(subject) -> None:
    contest = PARTS["overhead"](subject)
    sizes: list[int] = []
    search = contest.runners["engine, PGD-20"]()
    handle = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0])) if isinstance(module, torch.fx.GraphModule) else None
    )
    contest.runners["its passes alone"]()
    handle.remove()
    assert sum(sizes) == search.forwards == search.backwards


@pytest.mark.parametrize(("part", "name"), [("training", "training"), ("training.bf16", "training in bf16")])
def test_an_epoch_takes_ten_passes_to_attack_and_one_to_learn_of_every_full_batch(subject, part, name) -> None:
    load_plugins()
    before = [p.clone() for p in subject.model.parameters()]
    contest = PARTS[part](subject)
    if part == "training.bf16" and not is_bf16_native(CPU):
        assert contest.pairs == ()
        return
    assert contest.pairs == tuple((f"{name}, PGD-AT", loop) for loop in LOOPS)
    found = contest.runners[f"{name}, PGD-AT"]()
    assert (found.forwards, found.backwards) == (11 * 16, 11 * 16)  # of 20 images, in batches of 16
    assert all(torch.equal(a, b) for a, b in zip(before, subject.model.parameters(), strict=True))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reference_loop_trains_on_what_the_papers_attack_finds(subject, loop) -> None:
    """The TRADES-style loop gives our recipe's weights; in the other every attack step moves running statistics."""
    load_plugins()
    seen, model = list[tuple[bool, torch.Tensor]](), deepcopy(subject.model).double()
    ascent = Ascent(Linf(0.05), 3, 0.02, start="clean")
    x, y = subject.test.x[:16].double() / 255, subject.test.y[:16]
    ours = deepcopy(model)
    model.register_forward_pre_hook(lambda module, inputs: seen.append((module.training, inputs[0].detach().clone())))
    LOOPS[loop](ascent, model, torch.optim.SGD(model.parameters(), 0.05), x, y)
    assert [training for training, _ in seen] == [loop != "TRADES-style loop"] * 3 + [True]
    assert (seen[-1][1] - x).abs().max() == pytest.approx(0.05)
    if loop == "TRADES-style loop":
        loss = AdversarialTraining(Untargeted(ascent)).loss(ours.train(), x, torch.eye(10, dtype=torch.float64)[y])
        loss.backward()
        for a, b in zip(model.parameters(), ours.parameters(), strict=True):
            assert torch.allclose(a, b - 0.05 * b.grad, atol=1e-9)


def test_a_reference_loop_sees_images_through_transforms_and_all_of_them_once(subject) -> None:
    whole = replace(subject, n=32, pad=0, flip=False)
    batches = list(_loader(whole, whole.n))
    x, y = (torch.cat([batch[place] for batch in batches]) for place in (0, 1))
    wanted = subject.test.first(32)
    assert sorted(map(tuple, x.flatten(1).tolist())) == sorted(map(tuple, (wanted.x / 255).flatten(1).tolist()))
    assert y.bincount(minlength=10).tolist() == wanted.y.bincount(minlength=10).tolist()
    (moved, _), *_ = _loader(replace(whole, pad=2, flip=True), whole.n)
    assert moved.shape == (16, 1, 8, 8)


def test_a_peer_is_raced_with_and_without_gradients_of_the_weights(subject) -> None:
    contest = PARTS["PGD-20"](subject)
    for name in ("plain loop", frozen_name("plain loop")):
        asked: list[bool] = []
        handle = subject.model.register_forward_pre_hook(
            lambda module, inputs, asked=asked: asked.append(next(module.parameters()).requires_grad)
        )
        contest.runners[name]()
        handle.remove()
        assert asked[0] == (name == "plain loop")
    assert all(p.requires_grad for p in subject.model.parameters())
    ours, theirs, without = (run_of([1.0], "10"), run_of([3.0], "10"), run_of([2.0], "10"))
    line = compare(("PGD-20", "X"), "cnn", 2, ours, theirs, 1.0, without)
    assert (line.ratio, line.frozen_ratio) == (3, 2)
    assert display([line]).iloc[0]["Frozen"] == "2.00"


def test_flops_are_counted_and_the_peak_is_a_rate() -> None:
    assert flops(torch.nn.Linear(30, 7), torch.rand(5, 30)) == 2 * 30 * 7
    assert peak(CPU, torch.float32) > 1e8


def test_the_command_writes_the_table_of_a_model_that_is_there(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(MATRIX_SIZE, "cpu", 64)  # some processors take seconds for a large product in bf16
    baseline = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
    asked = ("speed", "--of", str(baseline), "--limit", "4", "--repeats", "1", "--device", "cpu")
    code, out, err = bench(*asked, "--parts", "overhead,bf16")
    assert code == 0, err
    assert "PGD-AT.s0: digits, first 4" in out
    rows = pd.read_csv(tmp_path / "reports/speed/speed.csv")
    assert rows["ours"].tolist() == ["engine, PGD-20", "PGD-20, bf16 search"]
    assert rows["n"].eq(4).all()
    assert abs(rows["accuracy"] - rows["peer_accuracy"]).iloc[1] <= 1 / 4
    assert (tmp_path / "reports/speed/speed.md").read_text().count("| PGD-20, bf16 search |") == 1


@pytest.mark.slow
def test_models_of_methods_are_trained_where_there_are_none(bench, tmp_path) -> None:
    asked = ("speed", "--methods", "Standard", "--parts", "overhead", "--limit", "16", "--repeats", "1")
    code, _, err = bench(*asked, "--device", "cpu")
    assert code == 0, err
    assert pd.read_csv(tmp_path / "reports/speed/speed.csv")["model"].tolist() == ["Standard cnn"]
    assert list((tmp_path / "results/digits/cnn/Standard").glob("*/weights.safetensors"))


def test_corruptions_need_no_model_and_are_measured_without_their_peer(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "IMAGES_BY_SIDE", {32: 2})
    monkeypatch.setattr(pictures, "TIMED_CORRUPTIONS", ["contrast", "fog"])
    monkeypatch.setattr(peers, "PACKAGES", peers.PACKAGES | {pictures.PEER: "no_such_package"})
    code, _, err = bench("speed", "--parts", "corruptions", "--repeats", "1", "--device", "cpu")
    assert code == 0, err
    assert not (tmp_path / "results").exists()
    rows = pd.read_csv(tmp_path / "reports/speed/speed.csv")
    assert rows["ours"].tolist() == ["contrast", "fog", "all but frost", "fifteen, 5 severities"]
    assert rows["note"].tolist() == ["not installed"] * 3 + ["measured on 2 images and scaled up"]
    assert rows["seconds"][2] == pytest.approx(rows["seconds"][:2].sum())


def test_a_corruption_is_raced_at_the_peers_parameters(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(pictures, "TIMED_CORRUPTIONS", ["fog"])
    monkeypatch.setattr(peers, "is_installed", lambda peer: True)
    monkeypatch.setattr(peers, "corrupt", lambda images, name, severity: asked.append((images.shape, name, severity)))
    one, whole = pictures.race_corruptions(pictures.make_scenes(3, 32), 2, CPU)
    assert asked == [((3, 32, 32, 3), "fog", 3)] * 3  # once to warm up
    assert one.ratio > 0
    assert (whole.ratio, whole.peer_seconds) == (one.ratio, one.peer_seconds)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--parts", "PDG-20"), "no part named 'PDG-20'; did you mean PGD-20?"),
        (("--limit", "100000"), "--limit 100000 is more than the 300 test images of digits"),
        (("--of", "nowhere"), "there is no folder nowhere"),
        (("--repeats", "0"), "'0' is not a whole number from 1"),
    ],
)
def test_bad_input_is_one_line(bench, asked, said) -> None:
    code, _, err = bench("speed", "--device", "cpu", *asked)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_reports_are_timed_over_made_up_runs(monkeypatch) -> None:
    load_plugins()
    monkeypatch.setattr(pages, "METHODS", 2)
    monkeypatch.setattr(pages, "SEEDS", 1)
    (line,) = pages.report(1, CPU)
    assert line.model == f"2 made-up runs, {2 * len(list(pages.conditions()))} rows"
    assert line.seconds > 0.5  # Python, pandas and matplotlib were started


def test_storing_is_timed_by_the_number_of_cells(monkeypatch) -> None:
    load_plugins()
    monkeypatch.setattr(storing, "CELLS", (2, 3))
    part = PARTS["store"]
    assert isinstance(part, PartWithoutModel)
    lines = list(part.lines(1, CPU))
    assert [(line.n, line.model) for line in lines] == [
        (2, "2 cells of 10,000 images"),
        (3, "3 cells of 10,000 images"),
    ]
    assert all(line.seconds > 0 for line in lines)


def test_made_up_runs_stand_on_boards_like_any_other(tmp_path) -> None:
    for method in ("Standard", "PGD-AT"):
        pages.write_run(tmp_path, method, 0)
    found = boards(tmp_path)
    assert [board.eps for board in found] == pytest.approx(pages.EPS, abs=1e-6)
    assert all(set(report.table["recipe"]) == {"Standard", "PGD-AT"} for report in found.values())
