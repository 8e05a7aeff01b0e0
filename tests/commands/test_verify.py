"""Stored adversarial images: images read back fool the model, and `bench verify` finds files that were changed."""

import json
import math
import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_models import linear
from outside_models import BESIDE, DIGITS, MEANS, TEST, write
from result_files import store

import bench.cli
import bench.evaluation.evaluator
from bench import load_model
from bench.attacks.parse import parse_attack
from bench.commands.verify.foreign_files import is_foreign, read_foreign
from bench.core.rng import fixed_seed
from bench.core.stats import wilson
from bench.core.threats.l2 import L2
from bench.core.threats.lengths import tolerance
from bench.core.threats.linf import Linf
from bench.data.loader import to_float
from bench.evaluation.adversarial_file import _digest, read_adversarial_set, write_adversarial_set
from bench.evaluation.adversarial_set import UNKNOWN_CLASS, AdversarialSet, join
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders

BALLS = [Linf(8 / 255), L2(0.5)]
ASKED = ["eval", "--model", "means.py:nearest", "--limit", "60"]
ATTACKS = ["--attacks", "PGD-5,PGD-5.last,FGSM"]


def perturbed(threat, dtype=torch.float32):
    """Images with some pixels at 0 or 1, and perturbed images in the ball around them, some on its border."""
    with fixed_seed("images"):
        x = (1.4 * torch.rand(20, 3, 8, 8, dtype=dtype) - 0.2).clamp(0, 1)
        return x, threat.project(x + 1.5 * threat.noise(x), x)


def restored(adversarial_set, x):
    """The images of an adversarial set by id."""
    found = list(adversarial_set.decode(x, torch.device("cpu")))
    return {int(i): image for ids, _, images in found for i, image in zip(ids, images, strict=True)}


@pytest.mark.parametrize("threat", BALLS, ids=str)
@pytest.mark.parametrize(("needed", "form"), [(1 / 127, "int8"), (1 / 8000, "int16"), (0, "raw")])
def test_an_image_is_stored_in_the_smallest_format_that_still_fools(threat, needed, form):
    """The model is fooled only by images within `needed` of the attack's own image."""
    x, x_adv = perturbed(threat)
    adversarial_set = AdversarialSet()
    near = needed * (x_adv - x).abs().amax((1, 2, 3))
    adversarial_set.add(
        range(20),
        x,
        x_adv,
        torch.zeros(20, dtype=torch.int64),
        threat,
        lambda images, rows: ((images - x_adv[rows]).abs().amax((1, 2, 3)) <= near[rows]).long(),
    )
    assert list(adversarial_set.stored) == [form]
    assert len(adversarial_set) == 20
    back = torch.stack(list(restored(adversarial_set, x).values()))
    assert back.min() >= 0
    assert back.max() <= 1
    assert (threat.distance(back, x) <= threat.eps + tolerance(threat.eps)).all()
    assert torch.equal(back, x_adv) == (form == "raw")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_an_adversarial_set_comes_back_from_its_file_as_it_was(tmp_path, dtype):
    x, x_adv = perturbed(BALLS[0], dtype)
    adversarial_set = AdversarialSet(reached=20)
    adversarial_set.add(
        range(20),
        x,
        x_adv,
        torch.zeros(20, dtype=torch.int64),
        BALLS[0],
        lambda images, rows: (torch.equal(images, x_adv[rows]) | (rows < 12)) * (1 + rows),
    )
    assert list(adversarial_set.stored) == ["int8", "raw"]
    write_adversarial_set(tmp_path / "images.npz", adversarial_set, {"n": 20})
    again, about = read_adversarial_set(tmp_path / "images.npz")
    assert about["n"] == 20
    assert all((part.predicted == part.ids + 1).all() for part in again.stored.values())
    before, after = restored(adversarial_set, x), restored(again, x)
    assert all(torch.equal(before[i], after[i]) for i in range(20))
    assert sorted(restored(again.truncate(5), x)) == [0, 1, 2, 3, 4]
    halves = [again.truncate(10), AdversarialSet({f: p.select(p.ids >= 10) for f, p in again.stored.items()}, 20)]
    assert sorted(restored(join(halves), x)) == list(range(20))


def test_what_fools_nobody_is_left_out():
    x, x_adv = perturbed(BALLS[0])
    adversarial_set = AdversarialSet()
    labels = torch.ones(20, dtype=torch.int64)
    adversarial_set.add(range(20), x, x_adv, labels, BALLS[0], lambda images, rows: rows % 2)
    assert len(adversarial_set) == 10


def test_a_file_without_predictions_is_read_and_its_images_can_be_joined_with_others(tmp_path):
    x, x_adv = perturbed(BALLS[0])
    adversarial_set, labels = AdversarialSet(reached=20), torch.zeros(20, dtype=torch.int64)
    adversarial_set.add(range(20), x, x_adv, labels, BALLS[0], lambda images, rows: 1 + rows)
    path = tmp_path / "images.npz"
    write_adversarial_set(path, adversarial_set, {})
    with np.load(path) as arrays:
        content = {name: arrays[name] for name in arrays.files if not name.endswith("_predicted")}
    about, digest = content.pop("about"), content.pop("digest")
    old_digest = np.array(_digest(str(about), content))
    assert digest != old_digest
    np.savez_compressed(path, **content, about=about, digest=old_digest)
    old, _ = read_adversarial_set(path)
    assert (old.stored["int8"].predicted == UNKNOWN_CLASS).all()
    rest = AdversarialSet({"int8": adversarial_set.stored["int8"].select(np.arange(20) >= 10)}, 20)
    both = join([old.truncate(10), rest])
    assert both.stored["int8"].predicted.tolist() == [UNKNOWN_CLASS] * 10 + list(range(11, 21))


@pytest.mark.parametrize(
    "text", ["PGD-5", "PGD-5.last", "MI-FGSM[steps=3]", "CW-L2.20x5", "FMN-Linf", "FMN-L2", "FMN-L1", "DDN"]
)
def test_every_broken_image_and_no_other_is_kept_and_no_outcome_changes(text):
    model, images = linear(3, 40)
    attack = parse_attack(text)
    condition = Attacked(attack, attack.space if attack.minimal else Linf(0.02))
    adversarial_set, clean = AdversarialSet(), model(images.x).argmax(1) == images.y
    outcome = outcomes(model, images, condition, adversarial_set=adversarial_set)
    plain = outcomes(model, images, condition)
    assert (outcome.right == plain.right).all()
    assert (outcome.forwards, outcome.backwards, outcome.values) == (plain.forwards, plain.backwards, plain.values)
    broken = ~outcome.right & (clean.numpy() | attack.last)
    shown = restored(adversarial_set, images.x)
    assert sorted(shown) == broken.nonzero()[0].tolist()
    assert all(model(image[None]).argmax(1) != images.y[i] for i, image in shown.items())


def test_a_killed_evaluation_keeps_what_it_has(monkeypatch, tmp_path):
    model, images = linear(3, 40)
    condition, saved, whole = Attacked(parse_attack("PGD-3"), Linf(0.02)), tmp_path / "partial.json", AdversarialSet()
    monkeypatch.setattr(bench.evaluation.evaluator, "BLOCK_SIZE", 10)
    outcomes(model, images, condition, adversarial_set=whole)

    def kill(outcome):
        if outcome.done == 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        outcomes(model, images, condition, saved=saved, adversarial_set=AdversarialSet(), tick=kill)
    done, resumed = [], AdversarialSet()
    outcomes(
        model, images, condition, saved=saved, adversarial_set=resumed, tick=lambda outcome: done.append(outcome.done)
    )
    assert done == [30, 40]
    before, after = restored(whole, images.x), restored(resumed, images.x)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[i], after[i]) for i in before)

    saved.with_suffix(".npz").unlink()  # as of a run without --save-adv: the images are lost, so all is done again
    done.clear()
    again = AdversarialSet()
    outcomes(
        model, images, condition, saved=saved, adversarial_set=again, tick=lambda outcome: done.append(outcome.done)
    )
    assert done == [10, 20, 30, 40]
    assert len(again) == len(whole)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results folder of means.py with its adversarial images."""
    home = tmp_path_factory.mktemp("made")
    write(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr("sys.argv", ["bench", *ASKED, *ATTACKS, "--save-adv"])
        with pytest.raises(SystemExit) as end:
            bench.cli.main()
    assert not end.value.code
    return home


@pytest.fixture
def folder(made, tmp_path):
    """A copy of its run folder, in a copy of its working directory."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (found,) = run_folders(tmp_path / "results")
    return found


def adversarial_file(folder, name):
    (row,) = (row for row in read_rows(folder) if row.name == name)
    return folder / f"adversarial-{row.key}.npz"


def rewritten(path, change=lambda adversarial_set: None, **about):
    """The adversarial set after a change, with its digest computed again."""
    adversarial_set, said = read_adversarial_set(path)
    change(adversarial_set)
    write_adversarial_set(path, adversarial_set, said | about)


def test_what_was_kept_is_in_order(bench, folder):
    for path in ("results", str(folder), str(adversarial_file(folder, "PGD-5"))):
        code, out, err = bench("verify", path)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert all(line.startswith("ok ") for line in lines)
        assert len(lines) == (1 if path.endswith(".npz") else 3)
    (row,) = (row for row in read_rows(folder) if row.name == "PGD-5")
    clean = next(row for row in read_rows(folder) if row.kind == "clean")
    assert f"{round(60 * (clean.value - row.value))} of 60 images fool" in out
    assert "under PGD-5 Linf 0.2, the farthest at 0.2000" in out


def test_a_model_that_fails_on_one_file_does_not_hide_the_others(bench, folder, tmp_path):
    (tmp_path / "raises.py").write_text(
        "from torch import nn\n"
        "class model(nn.Linear):\n"
        "    def __init__(self):\n"
        "        super().__init__(64, 10)\n"
        "    def forward(self, x):\n"
        "        if len(x) > 20:\n"
        "            raise ValueError('too many images')\n"
        "        return super().forward(x.flatten(1))\n"
    )
    other = tmp_path / "results/digits/outside/another"
    shutil.copytree(folder, other)
    job = json.loads((other / "job.json").read_text())
    (other / "job.json").write_text(json.dumps(job | {"spec": f"{tmp_path}/raises.py:model"}))
    code, out, err = bench("verify", "results")
    assert (code, err) == (1, "")
    assert sorted(line.split()[0] for line in out.splitlines()) == ["ERROR"] * 3 + ["ok"] * 3
    assert "too many images" in out


def test_where_the_data_are_is_asked_for_once(bench, tmp_path, monkeypatch):
    """Results may be published, so no file says where the data were; an option or an environment variable does."""
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    grey = np.zeros((30, 32, 32, 3), np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None, None]
    y = np.arange(30) % 10
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/cifar10.npz", x_train=grey, y_train=y, x_test=grey, y_test=y)
    write(tmp_path, "from torch import nn\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))\n")
    asked = ["eval", "--model", "means.py:net", "--dataset", "cifar10", "--attacks", "FGSM,PGD-2", "--save-adv"]
    assert bench(*asked, "--data-dir", "data")[0] == 0
    assert not [path for path in (tmp_path / "results").rglob("*.json") if str(tmp_path / "data") in path.read_text()]
    code, out, _ = bench("verify", "results")
    first, second = out.splitlines()
    assert code == 1
    assert re.search(
        r"^ERROR .*: no cifar10 under \S+; name the folder that .*: --data-dir DIR, or the variable B", first
    )
    assert second.endswith(": as above")
    assert bench("verify", "results", "--data-dir", "data")[0] == 0
    monkeypatch.setenv("BENCH_DATA", "data")
    assert bench("verify", "results")[0] == 0


def test_keeping_changes_no_row_and_can_be_done_later(bench, folder, tmp_path):
    asked = [*ASKED, *ATTACKS, "--results", "plain"]
    assert bench(*asked)[0] == 0
    (plain,) = run_folders(tmp_path / "plain")
    assert not list(plain.glob("adversarial-*"))
    rows = (plain / "results.csv").read_bytes()
    strip = [(r.key, r.value, r.forwards, r.backwards, r.verdict) for r in read_rows(plain)]
    assert strip == [(r.key, r.value, r.forwards, r.backwards, r.verdict) for r in read_rows(folder)]

    assert bench(*asked, "--save-adv")[0] == 0
    assert (plain / "results.csv").read_bytes() == rows
    for path in folder.glob("adversarial-*"):
        (one, about), (other, too) = read_adversarial_set(path), read_adversarial_set(plain / path.name)
        assert about == too
        assert all((one.stored[f].codes == other.stored[f].codes).all() for f in {*one.stored, *other.stored})
    assert not list(plain.glob("partial-*"))
    before = {path: path.stat().st_mtime_ns for path in plain.glob("adversarial-*")}
    assert bench(*asked, "--save-adv")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in plain.glob("adversarial-*")} == before


def test_an_adversarial_set_takes_less_than_a_byte_a_pixel(folder):
    path = adversarial_file(folder, "PGD-5.last")
    adversarial_set, _ = read_adversarial_set(path)
    assert list(adversarial_set.stored) == ["int8"]
    assert path.stat().st_size < 64 * len(adversarial_set) + 2000  # and what it says of itself


def set_pixel(value):
    def change(adversarial_set):
        adversarial_set.stored["int8"].codes[0, 0, 3, 3] = value

    return change


def zero(adversarial_set):
    adversarial_set.stored["int8"].codes[0] = 0


def widen(adversarial_set):
    adversarial_set.stored["int8"].units[:] *= 1.1


def twice(adversarial_set):
    adversarial_set.stored["int8"].ids[1] = adversarial_set.stored["int8"].ids[0]


TAMPERED = {
    "a pixel outside": (set_pixel(-128), {}, r"1 of \d+ images are outside Linf\(eps=0.2\), the farthest at 0.20"),
    "all outside": (widen, {}, "the farthest at 0.22000; are they of other images, or in another order"),
    "no change": (zero, {}, r"1 of \d+ images do not fool the model"),
    "an image twice": (twice, {}, "it is not of the first 60 test images"),
    "a smaller eps": (lambda adversarial_set: None, {"eps": 0.1}, "are outside .* results.csv has another eps"),
    "a larger eps": (lambda adversarial_set: None, {"eps": 0.3}, "results.csv has another eps"),
    "other images": (
        lambda adversarial_set: None,
        {"images": "0" * 16},
        "it is not of the first 60 test images of digits",
    ),
    "another model": (lambda adversarial_set: None, {"identity": "0" * 16}, "it was made for another model"),
    "another attack": (lambda adversarial_set: None, {"attack": "PGD-6"}, "results.csv has another name"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_tampered_with_is_found(bench, folder, how):
    change, about, said = TAMPERED[how]
    path = adversarial_file(folder, "PGD-5")
    if how == "a pixel outside":  # where the clean image leaves room for it
        first = int(read_adversarial_set(path)[0].stored["int8"].ids[0])
        x = to_float(TEST.x[first, 0])
        where = (x > 0.5).nonzero()[0].tolist()
        change = lambda adversarial_set: adversarial_set.stored["int8"].codes.__setitem__((0, 0, *where), -128)  # noqa: E731
    rewritten(path, change, **about)
    code, out, _ = bench("verify", str(folder))
    assert code == 1
    (line,) = (line for line in out.splitlines() if line.startswith("WRONG"))
    assert str(path.name) in line
    assert re.search(said, line), line
    assert out.count("ok  ") == 2


def test_the_first_image_with_another_predicted_class_is_named(bench, folder):
    path = adversarial_file(folder, "PGD-5")
    part = read_adversarial_set(path)[0].stored["int8"]
    first, was = int(part.ids[1]), int(part.predicted[1])

    def predict_otherwise(adversarial_set):
        changed = adversarial_set.stored["int8"].predicted
        changed[[1, 3]] = (changed[[1, 3]] + 1) % 10

    rewritten(path, predict_otherwise)
    code, out, _ = bench("verify", str(path))
    text = f"2 of {len(part.ids)} predicted classes are others now, first of test image {first}: "
    assert (code, out) == (1, f"WRONG {path}: {text}{(was + 1) % 10} in the file, {was} of the model\n")


def test_a_file_without_predictions_is_in_order(bench, folder):
    path = adversarial_file(folder, "PGD-5")
    rewritten(path, lambda adversarial_set: adversarial_set.stored["int8"].predicted.fill(UNKNOWN_CLASS))
    assert bench("verify", str(path))[0] == 0


def test_rows_and_bits_that_say_otherwise_are_found(bench, folder):
    (row,) = (row for row in read_rows(folder) if row.name == "PGD-5")
    bits = read_outcomes(folder)[row.key]
    path = adversarial_file(folder, "PGD-5")
    store(folder, row, bits | True)
    code, out, _ = bench("verify", str(path))
    assert code == 1
    assert "outcomes.npz has broken images as right" in out
    store(folder, row, bits)
    text = (folder / "results.csv").read_text()
    (folder / "results.csv").write_text(text.replace(f"accuracy,{row.value},", "accuracy,0.95,"))
    code, out, _ = bench("verify", str(path))
    assert code == 1
    assert "accuracy 95.0% in results.csv" in out


def test_a_forged_accuracy_is_found(bench, folder):
    (row,) = (row for row in read_rows(folder) if row.name == "PGD-5")
    store(folder, replace(row, value=row.value + 1 / 60), None)
    code, out, _ = bench("verify", str(folder))
    assert code == 1
    assert f"accuracy {row.value + 1 / 60:.1%} in results.csv, and {row.value:.1%} in outcomes.npz" in out


def some(adversarial_set):
    adversarial_set.stored = {form: part.select(part.ids < 30) for form, part in adversarial_set.stored.items()}


def test_a_file_without_some_of_the_broken_images_is_incomplete(bench, folder):
    for name in ("PGD-5", "PGD-5.last"):
        before = len(read_adversarial_set(adversarial_file(folder, name))[0])
        rewritten(adversarial_file(folder, name), some)
        lost = before - len(read_adversarial_set(adversarial_file(folder, name))[0])
        code, out, _ = bench("verify", str(adversarial_file(folder, name)))
        assert (
            code,
            f"WRONG {adversarial_file(folder, name)}: it lacks {lost} images that outcomes.npz has as broken" in out,
        ) == (
            1,
            True,
        )


def test_a_damaged_file_is_wrong_and_the_others_are_still_looked_at(bench, folder):
    damage(adversarial_file(folder, "FGSM"))
    code, out, err = bench("verify", "results")
    assert (code, err, out.count("ok   "), out.count("WRONG")) == (1, "", 2, 1)
    assert "cannot be read" in out


MODELS_FOR_VERIFY = """
import torch
from torch import nn
from means import nearest


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nearest()

    def forward(self, x):
        return self.model(x) * (1 + torch.rand(1))  # random, and never another class


def double():
    return nearest().double()
"""


@pytest.mark.parametrize("name", ["double", "Noisy"])
def test_images_of_a_model_in_float64_or_with_random_logits_are_in_order(bench, folder, tmp_path, name):
    (tmp_path / "nets.py").write_text(MODELS_FOR_VERIFY)
    words = ["--model", f"nets.py:{name}", "--dataset", "digits", "--limit", "40", "--attacks", "PGD-3,FMN-Linf"]
    assert bench("eval", *words, "--save-adv", "--anyway", "--results", "odd")[0] == 0
    code, out, _ = bench("verify", "odd")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 2)
    assert all(line.startswith("ok ") for line in lines)
    for path in (tmp_path / "odd").rglob("adversarial-*.npz"):
        adversarial_set, about = read_adversarial_set(path)
        for part in adversarial_set.stored.values():
            part.codes[:] = 0
        write_adversarial_set(path, adversarial_set, about)
    code, out, _ = bench("verify", "odd")
    assert code == 1
    assert re.search(r"^WRONG .*: [0-9]+ of [0-9]+ images do not fool the model", out, re.M)


def test_a_model_of_other_classes_is_refused(bench, folder, tmp_path):
    write(tmp_path, MEANS.replace("nn.Flatten(), linear", "nn.Flatten(), linear, nn.Linear(10, 7)"), "seven.py")
    code, _, err = bench("verify", str(folder), "--model", "seven.py:nearest")
    assert (code, "the model gives 7 logits an image, and digits has 10 classes" in err) == (2, True)


def test_a_sweep_has_no_images_to_keep(bench, folder):
    code, _, err = bench(*ASKED, "--attacks", "PGD-5", "--sweep", "0,0.1,0.2", "--save-adv")
    assert (code, err.count("\n")) == (2, 1)
    assert "--save-adv keeps nothing of a --sweep" in err


def test_bits_and_row_follow_the_images_that_are_kept_later(bench, folder, tmp_path):
    """As if another batch size had broken one image more and one less."""
    asked = [*ASKED, *ATTACKS, "--results", "plain"]
    bench(*asked)
    (plain,) = run_folders(tmp_path / "plain")
    (row,) = (row for row in read_rows(plain) if row.name == "PGD-5")
    true = read_outcomes(plain)[row.key]
    other = true.copy()
    other[(~true).nonzero()[0][-1]] = True
    low, high = wilson(int(other.sum()), len(other))
    store(plain, replace(row, value=float(other.mean()), ci_low=low, ci_high=high), other)
    assert bench(*asked, "--save-adv")[0] == 0
    assert (read_outcomes(plain)[row.key] == true).all()
    assert row in read_rows(plain)
    assert bench("verify", "plain")[0] == 0


def test_another_model_and_another_data_set_are_found(bench, folder, tmp_path):
    write(tmp_path, MEANS.replace("nn.Flatten(), linear", "nn.Flatten(), linear, nn.Tanh()"), "other.py")
    code, out, _ = bench("verify", str(folder), "--model", "other.py:nearest")
    assert code == 1
    assert out.count("it was made for another model") == 3
    alone = tmp_path / "alone.npz"
    shutil.copy(adversarial_file(folder, "PGD-5"), alone)
    code, _, err = bench("verify", str(alone))
    assert (code, err) == (2, f"bench: {alone} is not in the folder of its run; give --model SPEC\n")
    code, out, err = bench("verify", str(alone), "--model", "means.py:nearest")
    assert (code, err) == (0, "")


def damage(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(path):
    with np.load(path) as arrays:
        content = dict(arrays)
    content["int8_codes"][0, 0, 0, 0] += 1
    np.savez_compressed(path, **content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (damage, "cannot be read"),
        (swap, "was changed after it was written"),
        (lambda p: p.write_text("no"), "cannot be"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_named(bench, folder, change, said):
    path = adversarial_file(folder, "PGD-5")
    change(path)
    code, _, err = bench("verify", str(path))
    assert code == 2
    assert path.name in err
    assert said in err
    assert "delete it and run again with --save-adv" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere", "is not there"),
        ("empty", "holds no adversarial images"),
        ("means.py", "is no .npz, .npy or .pt file"),
    ],
)
def test_a_path_without_such_files_is_refused(bench, folder, tmp_path, path, said):
    (tmp_path / "empty").mkdir()
    code, _, err = bench("verify", path)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """What torchattacks saves of its PGD on the first 50 test images: as floats and as integers."""
    home = tmp_path_factory.mktemp("theirs")
    net = load_model(f"{home / write(home)}:nearest", DIGITS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchattacks import PGD

    images = to_float(TEST.x[:50])
    batches = [(images[i : i + 25], TEST.y[i : i + 25]) for i in (0, 25)]
    for form in ("float", "int"):
        with fixed_seed("theirs"):
            attack = PGD(net, eps=0.2, alpha=0.05, steps=5)
            attack.save(batches, str(home / f"{form}.pt"), False, save_clean_inputs=True, save_type=form)
    return home


def test_a_set_of_torchattacks_is_verified(bench, theirs):
    model = ["--model", str(theirs / "means.py:nearest")]
    code, out, err = bench("verify", str(theirs / "float.pt"), *model)
    assert (code, err) == (0, "")
    saved = torch.load(theirs / "float.pt", weights_only=True)
    right = load_model(model[1], DIGITS)(saved["adv_inputs"]).argmax(1) == saved["labels"]
    assert f"accuracy {right.float().mean():.1%} [" in out
    assert "of 50 images, within Linf(eps=0.2), the farthest at 0.2000" in out
    code, out, _ = bench("verify", str(theirs / "float.pt"), *model, "--eps", "0.1")
    assert code == 1
    assert "50 of 50 images are outside Linf(eps=0.1), the farthest at 0.20000; are they of other images" in out
    code, out, _ = bench("verify", str(theirs / "int.pt"), *model, "--eps", "0.205")
    assert code == 0


def test_clean_images_are_called_so(bench, theirs, tmp_path):
    torch.save(to_float(TEST.x[:50]), tmp_path / "set.pt")
    code, out, _ = bench("verify", "set.pt", "--model", str(theirs / "means.py:nearest"))
    assert (code, "of 50 images, 50 of them the clean ones, within" in out) == (0, True)


def test_a_bare_tensor_a_pair_and_autoattack_s_own_are_read(bench, theirs, tmp_path):
    saved = torch.load(theirs / "float.pt", weights_only=True)
    x, y = saved["adv_inputs"], saved["labels"]
    said = set()
    for layout in (x, [x], (x, y), {"adv_complete": x}, {"x_adv": x, "y": y}):
        torch.save(layout, tmp_path / "set.pt")
        code, out, err = bench("verify", "set.pt", "--model", str(theirs / "means.py:nearest"))
        assert (code, err) == (0, "")
        said.add(out)
    assert len(said) == 1
    x[3, 0, 0, 0], x[4, 0, 0, 0] = 1.5, math.nan
    torch.save(x, tmp_path / "set.pt")
    code, out, _ = bench("verify", "set.pt", "--model", str(theirs / "means.py:nearest"))
    assert code == 1
    assert "1 of 50 images have pixels that are not finite numbers; 1 of 50 images leave [0, 1]" in out


def test_images_of_a_model_that_computes_otherwise_now_are_of_another_model(bench, tmp_path):
    """Its weights and code are unchanged, but a file that it reads is not."""
    model = f"{write(tmp_path, MEANS + BESIDE)}:Scaled"
    (tmp_path / "scale.json").write_text("1.0")
    assert bench("eval", "--model", model, "--attacks", "FGSM", "--limit", "20", "--save-adv")[0] == 0
    assert bench("verify", "results")[0] == 0
    (tmp_path / "scale.json").write_text("0.5")
    code, out, _ = bench("verify", "results")
    assert (code, "it was made for another model" in out) == (1, True)


def test_what_foolbox_returns_and_numpy_saves_is_read(theirs, tmp_path):
    net = load_model(f"{theirs / 'means.py'}:nearest", DIGITS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import foolbox

        attack, model = foolbox.attacks.LinfFastGradientAttack(), foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
        returned = attack(model, to_float(TEST.x[:50]), TEST.y[:50], epsilons=0.2)
    torch.save(returned, tmp_path / "returned.pt")
    torch.save(returned[1], tmp_path / "clipped.pt")
    np.save(tmp_path / "a.npy", returned[1].numpy())
    np.savez(tmp_path / "b.npz", x_adv=returned[1].numpy(), y=TEST.y[:50].numpy())
    for path in tmp_path.iterdir():
        assert is_foreign(path)
        given = read_foreign(path)
        given.check(TEST, DIGITS, path)
        assert torch.equal(given.x, returned[1]), path
    assert not returned[2].logical_not().all()


X, Y = torch.zeros(50, 1, 8, 8), TEST.y[:50]
BAD_SETS = {
    "labels of others": ((X, TEST.y[1:51]), r"\d+ of 50 labels are not those of the test images; it has to be of the"),
    "other clean images": ({"images": X, "clean_inputs": X}, "its clean images differ from the test images by up to"),
    "another size": (torch.zeros(50, 3, 32, 32), r"holds 50 images of \(3, 32, 32\), and digits has 300 test images"),
    "too many": (torch.zeros(2000, 1, 8, 8), "holds 2,000 images of"),
    "none": (X[:0], "holds 0 images"),
    "a vector": (torch.zeros(5), "holds torch.float32 .* as images; save a tensor"),
    "whole numbers": (X.long(), "holds torch.int64"),
    "unknown names": ({"perturbed": X}, "holds a dict of perturbed; save a tensor"),
    "labels too few": ((X, Y[:9]), "holds 50 images and not one label for each"),
    "clean images too few": ({"images": X, "clean_inputs": X[:9]}, "holds clean images that do not go with"),
    "sets of several radii": ([X, X, X], "holds 3 sets of images, as Foolbox returns of several radii; save one of"),
    "what several radii give": (([X], [X, X], Y[:2] > 0), "holds 2 sets of images, as Foolbox returns of several"),
    "a list of no images": ([1, 2, 3], "holds list; save a tensor"),
    "a web page": (b"<!doctype html>", "set.pt is a web page; name what torch.save wrote"),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1", "set.pt is a Git LFS pointer in the place"),
    "text": (b"hello there", "set.pt is a text file; name what torch.save wrote"),
    "nothing": (b"", "set.pt is an empty file; name what torch.save wrote"),
    "code": (Path("x"), "holds more than tensors, or is damaged"),
}


@pytest.mark.parametrize("name", BAD_SETS)
def test_a_set_that_is_not_of_these_images_is_refused(bench, theirs, tmp_path, name):
    content, said = BAD_SETS[name]
    if isinstance(content, bytes):
        (tmp_path / "set.pt").write_bytes(content)
    else:
        torch.save(content, tmp_path / "set.pt")
    code, _, err = bench("verify", "set.pt", "--model", str(theirs / "means.py:nearest"))
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(said, err), err


def test_a_set_needs_a_model_and_one_radius(bench, theirs):
    code, _, err = bench("verify", str(theirs / "float.pt"))
    assert (code, err.endswith("does not say whose images it holds; give --model SPEC\n")) == (2, True)
    code, _, err = bench("verify", str(theirs / "float.pt"), "--model", "x", "--eps", "0.1,0.2")
    assert (code, "--eps takes one radius here" in err) == (2, True)
    code, _, err = bench("verify", str(theirs / "float.pt"), "--model", str(theirs / "means.py:nearest"), "--eps", "0")
    assert (code, "--eps 0 is not a Linf radius" in err) == (2, True)
    np.savez("ours.npz", about=np.array("{}"))
    code, _, err = bench("verify", "ours.npz", "--eps", "0.1")
    assert (code, err.startswith("bench: --eps is of other tools' sets, and ours.npz says which ball")) == (2, True)
