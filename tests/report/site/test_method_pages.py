"""A method's page: its accuracies, its command, its training, its images, its own words."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from result_files import measure

from bench.report.site.data import SiteData
from bench.report.site.methods.command import command
from bench.report.site.methods.results import results_of
from bench.report.site.methods.stored_images import MAX_IMAGES, read_images
from bench.report.site.methods.training import MAX_MARKS, describe, training_charts
from bench.report.site.sources import NO_SOURCES, CleanImages, Passage, RecipeText, Setting, SiteSources
from bench.report.site.write import site_files

PUBLISHED = Path(__file__).parents[3] / "results/published"
HOSTILE = "<script>alert('1')</script>&\""


def page(data: SiteData, recipe: str) -> str:
    (found,) = (
        html for path, html in site_files(data, frozenset()).items() if f"<h1>{recipe}</h1>" in str(html)[:4000]
    )
    assert isinstance(found, str)
    return found


def test_a_bar_has_the_value_its_interval_and_a_dot_a_seed(tmp_path: Path):
    for seed, right in ((0, "1111100000"), (1, "1111111000")):
        measure(tmp_path, "", "1111111110", seed=seed)
        measure(tmp_path, "FGSM", right, seed=seed)
    measure(tmp_path, "", "1111111111", recipe="One")
    measure(tmp_path, "FGSM", "1010000000", recipe="One")
    (found,) = results_of("PGD-AT", SiteData(tmp_path))
    assert found.columns == ("Clean", "FGSM", "Worst")
    (line,) = found.lines
    bar = line.bars[1]
    assert (bar.text, bar.value, bar.seeds) == ("60.0", pytest.approx(60), (50.0, 70.0))
    assert (bar.low, bar.high) == (pytest.approx(60 - 200**0.5), pytest.approx(60 + 200**0.5))
    assert bar.about.endswith("n=10, mean of 2 seeds: 50.0, 70.0")
    ((single,),) = (one.lines for one in results_of("One", SiteData(tmp_path)))
    assert single.bars[0].seeds == ()
    assert single.place == "rank 1 of 2 by Worst, shared by 2 lines"


def test_what_failed_says_why(tmp_path: Path):
    measure(tmp_path, "", "1111111110")
    measure(tmp_path, "FGSM", None, status=f"failed: {HOSTILE}")
    data = SiteData(tmp_path)
    ((line,),) = (one.lines for one in results_of("PGD-AT", data))
    assert [bar.text for bar in line.bars] == ["90.0", "failed", "failed"]
    assert not line.bars[1].is_known
    assert "<script>alert" not in page(data, "PGD-AT")


JOB = {"name": "PGD-AT", "source": "cifar10", "model": "resnet8", "images": 2000, "train_eps": None, "seed": 0}


def rows_of(*attacks: str, **changes: object) -> pd.DataFrame:
    row = {"kind": "attack", "params": "{}", "norm": "Linf", "eps": 8 / 255, "n": 128, "partial": False, "seed": 0}
    return pd.DataFrame([row | {"name": name} | changes for name in attacks])


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"budget": "quick, 8 epochs, 2000 training images"}, "--budget quick --epochs 8 --limit-train 2000"),
        (
            {"budget": "quick, 5 epochs, 2000 training images, plan.epochs=5", "settings": ["plan.epochs=5"]},
            "--budget quick --limit-train 2000 --set plan.epochs=5",
        ),
        ({"budget": "paper, 200 epochs, 2000 training images"}, "--budget paper --limit-train 2000"),
        (
            {"budget": "quick, 8 epochs, 2000 training images, bf16", "precision": "bf16", "threads": 2},
            "--budget quick --epochs 8 --limit-train 2000 --precision bf16 --threads 2",
        ),
        (
            {"budget": "quick, 8 epochs, 2000 training images, train-eps=0.1", "train_eps": 0.1},
            "--budget quick --epochs 8 --limit-train 2000 --train-eps 0.1",
        ),
        (
            {"budget": "quick, 2000 training images, train-eps=0.0313725", "train_eps": 8 / 255},
            "--budget quick --limit-train 2000 --train-eps 0.03137254901960784",
        ),
    ],
)
def test_the_command_names_what_job_json_says(job: dict[str, object], words: str):
    text = command(JOB | job, rows_of("FGSM", "PGD-20"), NO_SOURCES.attack_text)
    head = "bench run --methods PGD-AT --dataset cifar10 --model resnet8 "
    assert text == f"{head}{words} --seeds 0 --attacks FGSM,PGD-20 --norm Linf --eps 8/255"


def test_the_command_says_seeds_images_and_settings_and_is_one_for_a_shell():
    def spell(name: str, params: dict[str, object]) -> str:
        return f"{name}[restarts={params['restarts']}]" if params else name

    job = JOB | {"name": "a b';c", "budget": "quick, 8 epochs, 2000 training images"}
    rows = rows_of("PGD-20", params='{"restarts": 5}', partial=True)
    text = command(job, pd.concat([rows, rows.assign(seed=3)]), spell)
    words = shlex.split(text)
    assert words[words.index("--methods") + 1] == "a b';c"
    assert words[words.index("--seeds") + 1] == "0,3"
    assert words[words.index("--attacks") + 1] == "PGD-20[restarts=5]"
    assert words[-2:] == ["--limit", "128"]
    assert command({}, rows, spell) == ""
    model = {"spec": "net.py:build@w.pt", "source": "digits"}
    assert command(model, rows_of("CW-L2", norm="L2", eps=np.inf), NO_SOURCES.attack_text) == (
        "bench eval --model net.py:build@w.pt --dataset digits --attacks CW-L2"
    )


def test_curves_of_training_have_a_mark_an_epoch_up_to_a_limit():
    log = pd.DataFrame({"epoch": [1.0, 2.0], "loss": [2.0, 1.0], "val_clean": [0.5, 0.75], "val_pgd": [0.25, np.nan]})
    held_out, loss = training_charts({"seed 0": log})
    assert [(curve.name, [mark.point.y for mark in curve.marks]) for curve in held_out.curves] == [
        ("clean", [50.0, 75.0]),
        ("PGD-10", [25.0]),
    ]
    assert [mark.point.tip for mark in loss.curves[0].marks] == ["epoch 1, loss: 2", "epoch 2, loss: 1"]
    long = pd.DataFrame({"epoch": np.arange(1.0, 201.0), "loss": np.ones(200)})
    ((curve,),) = (chart.curves for chart in training_charts({"seed 0": long}))
    assert len(curve.marks) <= MAX_MARKS + 1
    assert curve.marks[-1].point.x == 200
    assert training_charts({"seed 0": pd.DataFrame({"epoch": [], "loss": []})}) == []


def test_a_job_in_words_leaves_out_what_it_does_not_say():
    assert describe("r", {}).facts == ()
    assert describe("r", {}).status == "\N{EN DASH}"
    told = describe("r", {"status": "failed: x", "plan": {"epochs": 2, "milestones": [0.5, 0.75]}, "alarms": ["bad"]})
    assert told.has_failed
    assert told.facts == (("Plan", "epochs 2, milestones 0.5/0.75"),)
    assert told.alarms == ("bad",)


def store_images(path: Path, **arrays: object) -> Path:
    np.savez_compressed(path, about=np.array("{}"), digest=np.array(""), **arrays)  # type: ignore[arg-type]
    return path


def test_stored_images_are_shown_beside_clean_ones_and_their_difference(tmp_path: Path):
    codes = np.zeros((10, 1, 2, 2), np.int8)
    codes[:, 0, 0, 0] = 127
    ids = np.arange(10)[::-1] * 3
    path = store_images(tmp_path / "a.npz", int8_ids=ids, int8_codes=codes, int8_units=np.full(10, 0.2 / 127))
    clean = CleanImages(np.full((MAX_IMAGES, 1, 2, 2), 51, np.uint8), tuple(f"class {i}" for i in range(MAX_IMAGES)))
    asked = []

    def images(dataset: str, chosen: object) -> CleanImages:
        asked.append((dataset, chosen))
        return clean

    found = read_images(path, "digits", 0.2, SiteSources(test_images=images))
    assert asked == [("digits", [0, 3, 6, 9, 12, 15, 18, 21])]
    assert (found.total, found.magnified, len(found.examples)) == (10, 2.5, MAX_IMAGES)
    example = found.examples[1]
    assert (example.place, example.true_class, example.largest) == (3, "class 1", pytest.approx(0.2))
    assert example.attacked is not None
    assert example.attacked.ravel().tolist() == [102, 51, 51, 51]
    assert example.difference is not None
    assert example.difference.ravel().tolist() == [255, 128, 128, 128]
    alone = read_images(path, "digits", 0.2, NO_SOURCES).examples[0]
    assert (alone.clean, alone.attacked) == (None, None)
    assert alone.difference is not None


def test_stored_images_say_whether_the_clean_image_was_recognised(tmp_path: Path):
    measure(tmp_path, "", "0111", key="clean")
    measure(tmp_path, "PGD-20", "0011", key="abc")
    codes = np.full((2, 1, 2, 2), 127, np.int8)
    folder = next(tmp_path.rglob("results.csv")).parent
    arrays = {"int8_ids": np.arange(2), "int8_codes": codes, "int8_units": np.full(2, 0.2 / 127)}
    store_images(folder / "adversarial-abc.npz", **arrays)
    html = page(SiteData(tmp_path), "PGD-AT")
    assert re.findall(r"original: (?:not )?recognised; perturbed: not recognised", html) == [
        "original: not recognised; perturbed: not recognised",
        "original: recognised; perturbed: not recognised",
    ]


def test_stored_images_say_what_the_model_predicts_for_them(tmp_path: Path):
    codes, ids = np.full((2, 1, 2, 2), 127, np.int8), np.array([1, 0])
    arrays = {"int8_ids": ids, "int8_codes": codes, "int8_units": np.full(2, 0.2 / 127)}
    measure(tmp_path, "", "0111", key="clean")
    measure(tmp_path, "PGD-20", "0011", key="abc")
    folder = next(tmp_path.rglob("results.csv")).parent
    path = store_images(folder / "adversarial-abc.npz", **arrays, int8_predicted=np.array([2, 0], np.int32))
    html = page(SiteData(tmp_path), "PGD-AT")
    assert "original: not recognised; perturbed: predicted as class 0<" in html
    assert "original: recognised; perturbed: predicted as class 2<" in html
    assert "is not stored" not in html
    clean = CleanImages(np.zeros((2, 1, 2, 2), np.uint8), ("cat", "dog"), ("cat", "dog", "<b>"))
    found = read_images(path, "digits", 0.2, SiteSources(test_images=lambda name, chosen: clean))
    assert [one.predicted for one in found.examples] == ["cat", "<b>"]


def test_images_that_are_stored_whole_and_files_that_are_damaged(tmp_path: Path):
    whole = np.full((1, 1, 2, 2), 0.5, np.float32)
    path = store_images(tmp_path / "a.npz", raw_ids=np.array([4]), raw_codes=whole, raw_units=np.zeros(1))
    (example,) = read_images(path, "digits", np.inf, NO_SOURCES).examples
    assert example.attacked is not None
    assert example.attacked.ravel().tolist() == [128] * 4
    assert example.difference is None
    (tmp_path / "b.npz").write_bytes(path.read_bytes()[:200])
    assert "b.npz cannot be read" in read_images(tmp_path / "b.npz", "digits", 0.2, NO_SOURCES).fault
    odd = store_images(tmp_path / "c.npz", int8_ids=np.arange(3), int8_codes=whole, int8_units=np.zeros(1))
    assert "do not belong together" in read_images(odd, "digits", 0.2, NO_SOURCES).fault


def test_a_page_has_the_recipes_own_words_as_text():
    text = RecipeText(
        (Passage("methods/x.py", f"{HOSTILE}\n\nmore"),),
        (Passage("X", HOSTILE),),
        (Setting("beta", HOSTILE, HOSTILE),),
        (Passage("methods/x.py:1", f"def loss(): return '{HOSTILE}'"),),
    )
    html = page(SiteData(PUBLISHED / "digits-quick", SiteSources(recipe_text=lambda name: text)), "M2AT")
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(") >= 6
    words = re.sub(r"<[^>]+>", "", html)
    assert "bench run --methods M2AT --dataset digits --model cnn --budget quick --epochs 20" in words
    for head in ("Results", "Training", "Settings", "Printed numbers"):
        assert f">{head}</h2>" in html


def test_a_model_from_outside_has_a_page_that_says_so(tmp_path: Path):
    run = "digits/external/net-abc"
    measure(tmp_path, "FGSM", "1100000000", recipe="net", model="external", run=run)
    (tmp_path / run / "job.json").write_text(json.dumps({"run": run, "spec": "net.py:build", "source": "digits"}))
    html = page(SiteData(tmp_path), "net")
    assert "A model that was not trained here" in html
    assert "bench eval --model net.py:build --dataset digits" in re.sub(r"<[^>]+>", "", html)
