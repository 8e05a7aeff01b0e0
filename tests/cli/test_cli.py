"""The command line: work is done once, bad input gives an error of one line, no file is left half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bench.core.progress import Event, Progress
from bench.core.version import PROTOCOL, __version__
from bench.results.load import load_results
from bench.results.store import read_outcomes
from bench.results.survey import run_folders

SMALL = ["--limit-train", "100", "--epochs", "1", "--limit", "20", "--workers", "1"]


def test_a_run_ends_with_the_board_and_is_not_done_twice(bench, tmp_path):
    asked = ["run", "--methods", "Standard,PGD-AT", "--attacks", "FGSM,PGD-5.last", *SMALL]
    code, out, err = bench(*asked, "--dry-run")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()[1:3]] == ["  Standard", "  PGD-AT"]
    assert out.splitlines()[-1].startswith("2 trainings, 6 of 6 cells to do, ")
    assert not (tmp_path / "results").exists()

    code, out, err = bench(*asked)
    assert code == 0
    assert "PGD-AT" in out
    assert (tmp_path / "reports/leaderboard/leaderboard.md").exists()
    assert err.count("training:") == 2
    rows = load_results(tmp_path / "results")
    assert len(rows) == 6
    assert set(rows["name"]) == {"", "FGSM", "PGD-5.last"}
    assert rows["partial"].all()

    files = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.*") if path.name != "bench.log"}
    code, _, err = bench(*asked)
    assert code == 0
    assert err == ""
    assert {path: path.read_bytes() for path in files} == files

    more = bench(*asked[:3], "--attacks", "FGSM,PGD-5.last,CW-5", *SMALL, "--dry-run")[1]
    assert more.splitlines()[-1].startswith("0 trainings, 2 of 8")


def test_a_row_says_what_was_measured(bench, tmp_path):
    bench("run", "--methods", "PGD-AT", "--attacks", "PGD-5[step=2/255]", "--eps", "0.1", "--seeds", "3", *SMALL)
    (folder,) = run_folders(tmp_path / "results")
    assert folder.relative_to(tmp_path / "results").parts[:3] == ("digits", "cnn", "PGD-AT")
    assert folder.name.startswith("s3-")
    rows = pd.read_csv(folder / "results.csv", keep_default_na=False).to_dict("records")
    attack = next(row for row in rows if row["kind"] == "attack")
    assert (attack["name"], attack["norm"], float(attack["eps"]), attack["n"]) == ("PGD-5", "Linf", 0.1, 20)
    assert json.loads(attack["params"])["step"] == repr(2 / 255)
    bits = read_outcomes(folder)[attack["key"]]
    assert len(bits) == 20
    assert float(attack["value"]) == np.mean(bits)
    assert float(attack["ci_low"]) <= float(attack["value"]) <= float(attack["ci_high"])
    assert attack["status"] == "ok"
    job = json.loads((folder / "job.json").read_text())
    assert (job["status"], job["seed"], job["plan"]["epochs"]) == ("trained", 3, 1)
    assert job["passes_per_image"] == {"forwards": 11, "backwards": 11}
    assert job["eps"] == 0.2


def test_a_diverged_training_is_stored_as_failed_and_not_tried_again_unless_asked(bench, tmp_path):
    asked = ["run", "--methods", "Standard", "--attacks", "FGSM", "--set", "plan.lr=1e30", *SMALL]
    code, out, err = bench(*asked)
    assert code == 1
    assert "failed: training diverged" in err
    rows = load_results(tmp_path / "results")
    assert rows["status"].str.startswith("failed: training diverged").all()
    assert rows["value"].isna().all()
    assert len(rows) == 2
    assert "failed" in out

    assert bench(*asked)[::2] == (1, "")
    assert bench(*asked, "--retrain", "--dry-run")[1].splitlines()[-1].startswith("1 training, 2 of 2")
    assert bench(*asked, "--retrain")[0] == 1


@pytest.mark.slow
def test_jobs_side_by_side_give_the_weights_and_numbers_they_give_alone_whatever_the_environment(
    bench, tmp_path, monkeypatch
):
    asked = ["--attacks", "PGD-5", *SMALL[:-2], "--set", "plan.lr=0.05"]
    for name in ("Standard", "LS0.9"):
        bench("run", "--methods", name, *asked, "--workers", "1", "--results", "alone")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of worker processes; this one has read it already
    bench("run", "--methods", "Standard,LS0.9", *asked, "--workers", "2", "--results", "together")
    weights = {path.relative_to(tmp_path / "alone") for path in (tmp_path / "alone").rglob("weights.safetensors")}
    assert len(weights) == 2
    for name in weights:
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "together" / name).read_bytes()
    together, alone = (
        load_results(tmp_path / name).drop(columns="seconds").sort_values(["run", "name"], ignore_index=True)
        for name in ("together", "alone")
    )
    pd.testing.assert_frame_equal(together, alone)


WRONG = {
    "--methods PGDAT": "no method named 'PGDAT'; did you mean PGD-AT",
    "--methods X*": "no method matches 'X*'",
    "--attacks PGD": "no attack or suite named 'PGD'; did you mean PGD-k",
    "--attacks PGD-20[stepp=1]": "has no setting 'stepp' to change; did you mean step",
    "--attacks PGD-20[steps=3]": "has no setting 'steps' to change",
    "--attacks PGD-20[step=0]": "step=0 is not a length above 0, such as 0.25eps or 2/255",
    "--attacks PGD-20[step=-1]": "step=-1 is not a length above 0, such as 0.25eps or 2/255",
    "--attacks PGD-20[restarts=2,restarts=3]": "says restarts twice; say it once",
    "--attacks PGD-20[restarts=0]": "restarts=0 is below 1",
    "--attacks AutoAttack[block=0]": "block=0 is below 1",
    "--attacks ,": "',' names nothing",
    "--eps ,": "',' is not a number",
    "--dataset cifar": "no data set named 'cifar'; did you mean cifar10",
    "--dataset cifar10 --data-dir nowhere": "no cifar10 under nowhere; put there",
    "--model resnet": "no model named 'resnet'; did you mean resnet8",
    "--model vgg16-bn": "model vgg16-bn needs images of 32x32 pixels or more, and digits has 8x8; give --model another",
    "--model cnn.pm2": "no normaliser named 'pm2'; did you mean pm1",
    "--eps 2": "--eps 2 is not a Linf radius on digits: above 0, at most 1",
    "--eps eight": "'eight' is not a number",
    "--eps 0": "--eps 0 is not a Linf radius",
    "--norm L2": "--norm L2 needs --eps",
    "--limit 301": "--limit 301 is more than the 300 test images of digits",
    "--limit 0": "'0' is not a whole number from 1 to 1,000,000,000",
    "--limit-train 9999": "a limit of 9999 does not fit the train split of digits; give 1 to 1497",
    "--limit-train 3": "3 training images are too few: 20 or more are needed",
    "--epochs zero": "'zero' is not a whole number",
    "--seeds -1": "'-1' is not a list of whole numbers",
    "--train-eps 0": "--train-eps 0 is not a radius",
    "--device tpu": "device 'tpu' is none of auto, cpu, cuda, cuda:i",
    "--device cuda:9": "device 'cuda:9' is not there",
    "--set plan.lrr=1": "Plan has no field 'lrr'; did you mean lr",
    "--set plan.lr=fast": "'fast' is not a number",
    "--set plan.milestones=2": "milestones=(2.0,): shares of the run, above 0 and below 1",
    "--set plan.milestones=0.5,x": "'0.5,x' is not a list of numbers",
    "--set plan.lr=-1": "-1 is not a number from 0 up",
    "--set plan.batch_size=1": "batch_size=1: at least 1 and 2",
    "--plugin nothere.py": "plug-in nothere.py is not there",
    "--set lr=1": "the form is plan.FIELD=VALUE, recipe.FIELD=VALUE or plan=long",
    "--methods Standard --set recipe.beta=1": "Standard has no field 'beta'",
    "--methods PGD-AT --set recipe.adversary.stats=bacth": "bacth is none of running, batch, moving",
    "--methods PGD-AT --set recipe.decay=kernel": "kernel is none of all, kernels",
    "--methods PGD-AT --set recipe.adversary.ascent.steps=-3": "-3",
    "--methods PGD-AT --set recipe.keep=5": "5 is not a share, from 0 to 1",
    "--methods M2AT --set recipe.direction=back": "back is none of paper, reversed",
    "--methods RobMask --set recipe.k=1": "method RobMask on model cnn: k=1: at least 2",
    "--methods R-MC-LA9 --set recipe.heaviest=0": "heaviest=0: at least one wrong class",
    "--methods AugMix --set recipe.width=0": "width=0, depth=3: at least one chain",
    "--methods AugMix --set recipe.depth=0": "width=3, depth=0: at least one chain",
    "--methods TLAT --set recipe.per=image --set recipe.inner.steps=3": "method TLAT on digits: Linf, steps=3,",
    "--methods RobMask --set recipe.strength=1.5": "1.5 is not a share, from 0 to 1",
    "--epoch 3": "No such option",
    "--model cnn.": "model 'cnn.': nothing stands after the dot; name one of meanstd, none, pm1, per_image_std",
    "--model .pm1": "no model named ''",
    "--attacks PGD-20[]": "attack 'PGD-20[]' has nothing between its brackets",
    "--attacks PGD-99999999": "of PGD-k, k goes up to 1,000,000",
    "--attacks PGD-2٣": "no attack or suite named 'PGD-2٣'",
    "--attacks PGD-20[restarts=٣]": "restarts=٣ is not a whole number",
    "--attacks FGSM,,PGD-20": "a name is missing beside a comma of 'FGSM,,PGD-20'",
    "--attacks FGSM,PGD-20,FGSM": "FGSM is there twice; give it once",
    "--corruptions fog --severities 5-1": "the range 5-1 runs backwards; write 1-5",
    "--severities 3": "--severities names severities of corruptions, and none is asked for",
    "--corruptions none --severities 3": "--severities names severities of corruptions, and none is asked for",
    "--corruptions fog --calibration x.json": "--calibration is of color_shift, occlusion, rotation, translation, none",
    "--attacks none --eps 0.1": "--eps names radii to attack at, and --attacks none asks for none; drop one",
    "--attacks none --norm L2": "--norm names the norm to attack in, and --attacks none asks for none",
    "--attacks none --audit": "--audit names questions about attacks, and --attacks none",
    "--attacks CW-L2 --audit": "--audit asks about a model in a ball, and CW-L2 searches in none of Linf; add",
    "--attacks FGSM --eps 1e-9": "--eps: 0 and 1e-09 are one radius in tables, which have 7 decimals",
    "--attacks FGSM --eps 0.1,0.10000004": "--eps: 0.1 and 0.10000004 are one radius in tables, which have 7 decimals",
    "--sweep 0,0.1,0.2,0.20000001": "--sweep: 0.2 and 0.20000001 are one radius in tables, which have 7 decimals",
    "--attacks none --save-adv": "--save-adv names images that attacks break, and --attacks none",
    "--attacks none --attack-timeout 5": "--attack-timeout names the seconds that attacks may take, and --attacks none",
    "--attacks none --shard 2/3": "--shard names a share of the images to attack, and --attacks none",
    "--study m2at --attacks none": "--study m2at brings a grid of its own; leave --attacks out",
    "--study all --table 99": "no table 99 in this study",
    "--extra nowhere.npz": "--extra nowhere.npz: there is no such file; name a .npz archive of image uint8",
    "--extra-share 0.5": "--extra-share 0.5 is a share of the images of --extra FILE; give that too",
    "--extra nowhere.npz --extra-share 1": "--extra-share 1 is no share of a batch: above 0, below 1",
    "--extra nowhere.npz --extra-share 0": "--extra-share 0 is no share of a batch: above 0, below 1",
    "--extra nowhere.npz --extra-share half": "'half' is neither a number nor a fraction such as 7/10",
    "--study m2at --extra nowhere.npz": "--study m2at brings a grid of its own; leave --extra out",
    "--methods Standard --train-eps 0.1": "--train-eps is a radius to train at, and Standard trains at none",
    "--eps 0.1 --eps 0.2": "'--eps' is given 2 times; give it once",
    "--eps 0.1,1/10": "1/10 is there twice; give it once",
    "--eps ٣.1": "'٣.1' is not a number",
    "--eps 1_0/255": "'1_0/255' is not a number",
    "--eps nan": "'nan' is not a number",
    "--eps 1e999": "'1e999' is not a number",
    f"--eps 0.{'1' * 5000}": "is not a number, a fraction such as 8/255, or a list of them",
    "--seeds ٣": "'٣' is not a list of whole numbers",
    "--seeds 1,1": "1 is there twice; give it once",
    f"--seeds {'9' * 5000}": "is not a list of whole numbers from 0 to 2^63 - 1",
    "--limit 1_0": "'1_0' is not a whole number",
    "--shard ٣/٤": "'٣/٤' is not of the form i/n, such as 1/3",
    f"--shard 1/{'9' * 60}": "is not of the form i/n, such as 1/3, of two whole numbers",
    "--set plan.lr=1e300": "1e+300 is beyond 3.4e+38, the largest number of single precision",
    "--set plan.epochs=٣": "'٣' is not a whole number",
    "--set plan.lr=0.1 --set plan.lr=0.2": "--set plan.lr is given 2 times; give it once",
    "--set plan.epochs=3 --epochs 2": "--epochs 2 and --set plan.epochs both name the length",
    "--set plan.milestones=": "'' is not a list of numbers",
    "--set plan.schedule=cosine --set plan.milestones=0.5": "Standard trains by schedule=cosine, which has none",
    "--set plan.optimiser=adam --set plan.momentum=0.5": "Standard trains with Adam, which has none of that kind",
    "--dataset folder:~nobody-of-this-name/x": "~nobody-of-this-name/x: there is no such user",
    "--data-dir ~nobody-of-this-name": "there is no such user, whose home folder that would be",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_bad_input_is_one_line_and_writes_nothing(bench, tmp_path, arguments):
    code, out, err = bench("run", *arguments.split())
    assert code == 2
    assert WRONG[arguments] in err
    assert err.count("\n") == 1
    assert out == ""
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--results", "--reports"])
@pytest.mark.parametrize("below", ["", "/sub"])
def test_a_file_where_a_folder_is_to_be_is_named(bench, tmp_path, option, below):
    (tmp_path / "taken").write_text("")
    code, _, err = bench("run", "--methods", "Standard", option, f"taken{below}", *SMALL)
    assert code == 2
    assert "taken is a file, where a folder is to be" in err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("option", ["--model", "--results", "--dataset", "--attacks", "--eps", "--device", "--study"])
def test_an_option_that_is_given_as_nothing_is_named(bench, tmp_path, option):
    code, out, err = bench("run", option, "")
    assert (code, out, err) == (2, "", f"bench: '{option}' is given as nothing; name something, or leave it out\n")
    assert not any(tmp_path.iterdir())


def test_a_message_is_one_printable_line_of_bounded_length(bench):
    code, _, err = bench("show", "\x1b[31mred\nline" + "x" * 5000)
    assert (code, err.count("\n"), err[:-1].isprintable()) == (2, 1, True)
    assert len(err) < 1100


def test_a_terminal_that_lacks_a_sign_gets_a_question_mark(tmp_path):
    code = "import sys; from bench.cli import replace_unprintable as s; s(sys.stdout); print('90 ±2')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stdout) == (0, b"90 ?2\n")


def test_brackets_of_a_name_stay_in_the_lines_of_progress(capsys):
    with Progress(1.0) as progress:
        progress(Event("folder-[bold]-1: PGD-20[restarts=2]", 1, 1, 1.0, "0.5 [link=x]"))
    assert capsys.readouterr().err == "folder-[bold]-1: PGD-20[restarts=2]: 0.5 [link=x]\n"


def test_no_command_shows_the_commonest(bench):
    code, out, err = bench()
    assert (code, out) == (2, "")
    assert err.startswith("bench: say what to do\n")
    shown = [line.split() for line in err.splitlines() if line.startswith("  ")]
    assert [words[:2] for words in shown] == [["bench", "run"], ["bench", "run"], ["bench", "eval"]]
    assert max(map(len, err.splitlines())) <= 100


def test_the_version_is_what_a_bug_report_needs(bench):
    code, out, _ = bench("--version")
    assert code == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert out.startswith(f"bench {__version__}, protocol {PROTOCOL}, torch {torch.__version__}, Python {python} on ")


@pytest.mark.parametrize("shell", ["bash", *(pytest.param(name, marks=pytest.mark.slow) for name in ("zsh", "fish"))])
def test_a_shell_completes_commands_options_and_choices(shell):
    settings = os.environ | {"_BENCH_COMPLETE": f"{shell}_source"}
    bench = str(Path(sys.executable).with_name("bench"))
    script = subprocess.run([bench], env=settings, capture_output=True, text=True)
    assert (script.returncode, script.stderr) == (0, "")
    assert "_BENCH_COMPLETE" in script.stdout
    place = "m" if shell == "fish" else "2"  # the word that is typed, or its number
    typed = {"_BENCH_COMPLETE": f"{shell}_complete", "COMP_WORDS": "bench list m", "COMP_CWORD": place}
    done = subprocess.run([bench], env=os.environ | typed, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"methods", "models"} <= {*done.stdout.replace(",", "\n").split()}


@pytest.fixture
def pets(tmp_path) -> str:
    """A data set of two classes and 20 + 5 images each."""
    rng = np.random.default_rng(0)
    for split, count in {"train": 20, "test": 5}.items():
        for label in ("cat", "dog"):
            (tmp_path / "pets" / split / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (12, 12), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "pets" / split / label / f"{i}.png")
    return "folder:pets"


def test_a_small_folder_needs_no_limit(bench, pets):
    code, out, err = bench("run", "--dataset", pets, "--methods", "PGD-AT", "--attacks", "FGSM", "--epochs", "1")
    assert code == 0, err
    assert "n=10" in out


def test_two_classes_are_enough_for_methods_that_aim_at_a_wrong_one(bench, pets):
    asked = ["run", "--dataset", pets, "--methods", "R-MC-LA9,M-TLAT", "--attacks", "CW-2"]
    code, out, err = bench(*asked, "--epochs", "1", "--workers", "1")
    assert code == 0, err
    assert "failed" not in out


def test_one_image_more_than_a_batch_waits_for_the_next_epoch(bench, tmp_path):
    """A batch of one has no statistics for batch norm to train with."""
    asked = ["run", "--methods", "Standard,FS", "--attacks", "none", "--limit", "20", "--epochs", "1", "--workers", "1"]
    code, _, err = bench(*asked, "--limit-train", "72", "--set", "plan.batch_size=64")  # 7 of them are held out
    assert code == 0, err
    assert (load_results(tmp_path / "results")["status"] == "ok").all()


def test_settings_of_a_recipe_are_on_the_board_and_apart_from_the_plain_one(bench):
    asked = ["run", "--methods", "PGD-AT", "--attacks", "none", *SMALL]
    bench(*asked)
    _, out, _ = bench(*asked, "--set", "recipe.keep=0.5")
    assert "recipe.keep=0.5" in " ".join(out.split())
    _, out, _ = bench("report")
    assert out.count("PGD-AT ") == 2  # in the tables; notes below name it too
    assert out.count("n=20") >= 2


def test_a_failed_attack_is_stored_and_tried_again(bench, tmp_path, monkeypatch):
    from bench.attacks import search_settings

    asked = ["run", "--methods", "Standard", "--attacks", "PGD-5", *SMALL]

    def broken(*arguments, **settings):
        raise IndexError("out of luck")

    monkeypatch.setattr(search_settings, "search", broken)
    code, out, err = bench(*asked)
    assert code == 1
    assert "failed: attack PGD-5 stopped, IndexError: out of luck" in err
    rows = load_results(tmp_path / "results")
    assert rows[rows["name"] == "PGD-5"]["value"].isna().all()
    assert "failed" in out
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, _, err = bench(*asked)
    assert (code, err.count("\n")) == (0, 1)
    rows = load_results(tmp_path / "results")
    assert (rows["status"] == "ok").all()
    assert len(rows) == 2


def test_a_report_of_nothing_says_what_to_run(bench):
    code, _, err = bench("report")
    assert code == 2
    assert "no results under results; run `bench run` first" in err


@pytest.mark.parametrize("name", ["results.csv", "outcomes.npz", "job.json", "weights.safetensors"])
def test_a_truncated_file_is_named_with_the_way_out(bench, tmp_path, name):
    asked = ["run", "--methods", "Standard", "--attacks", "FGSM", *SMALL]
    bench(*asked)
    (path,) = (tmp_path / "results").rglob(name)
    path.write_bytes(path.read_bytes()[:-20])
    code, _, err = bench(*asked)
    assert code == 2
    assert name in err
    assert "delete" in err
    assert err.count("\n") == 1


def test_a_run_folder_in_use_is_left_alone(bench, tmp_path):
    from bench.training.run_folder import lock_folder

    asked = ["run", "--methods", "Standard", "--attacks", "FGSM", *SMALL]
    bench(*asked)
    (folder,) = run_folders(tmp_path / "results")
    with lock_folder(folder):
        code, _, err = bench(*asked, "--retrain")
    assert code == 2
    assert "another process works on" in err


def test_list_knows_every_kind(bench):
    listed = {kind: bench("list", kind)[1].split() for kind in ("methods", "attacks", "datasets", "models")}
    assert {"Standard", "PGD-AT", "TRADES-6", "AVmixup", "M2AT"} <= set(listed["methods"])
    assert {"FGSM", "PGD-k", "CW-k", "AutoAttack"} <= set(listed["attacks"])
    assert {"digits", "cifar10", "imagenet-100", "folder:PATH"} <= set(listed["datasets"])
    assert {"cnn", "resnet8", "wrn-34-10", "densenet121", "resnext50-32x4d"} <= set(listed["models"])


def test_debug_shows_the_traceback(tmp_path):
    command = [str(Path(sys.executable).with_name("bench")), "report", "--debug"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" in done.stderr


def interrupted(*arguments, **settings):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "command", "said"),
    [
        ("bench.runner.planned_run.plan_experiment", ["run"], "the same command goes on from here"),
        (
            "bench.runner.planned_run.plan_experiment",
            ["run", "--retrain"],
            "with --retrain the same command trains all anew, without",
        ),
        (
            "bench.commands.compare.rerun.experiments_of",
            ["compare", str(Path(__file__).parents[1] / "baseline"), "current", "--level", "1"],
            "begin again with a new or an empty folder in the place of current",
        ),
    ],
)
def test_ctrl_c_says_what_is_true(bench, monkeypatch, where, command, said):
    monkeypatch.setattr(where, interrupted)
    code, _, err = bench(*command)
    assert code == 130
    assert f"bench: stopped; {said}" in err


def test_a_reader_that_has_gone_is_no_fault():
    code = (
        "import sys; from rich.console import Console; from bench import cli; "
        "cli.cli.main = lambda **_: Console().print('line\\n' * 100_000); cli.main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # as `head` does
    assert (process.stderr.read(), process.wait()) == (b"", 1)
    process.stderr.close()
