"""Recipes from outside: a file, a module or an installed package that registers them, and `bench check` on a file."""

import json
import re
from pathlib import Path

import pytest
import torch

from bench import ATTACKS, DATASETS, MODELS, RECIPES
from bench.core.foreign import plugins
from bench.results.load import load_results

SMALL = ["--limit-train", "64", "--epochs", "1", "--limit", "20"]

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
(HALF,) = re.findall(r"```python\n(from dataclasses.*?)```", README, re.DOTALL)

WRONG = """\
from dataclasses import dataclass
from bench import RECIPES, Recipe, cross_entropy

@dataclass(frozen=True)
class Wrong(Recipe):
    def loss(self, model, x, q):
        return {loss}

RECIPES.add("Wrong", Wrong())
"""

NETS = """\
from torch import nn
from bench import MODELS

def features(channels):
    return [nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]

MODELS.add("normless", lambda k, channels: nn.Sequential(*features(channels), nn.Flatten(), nn.Linear(16, k)))
MODELS.add("all-conv", lambda k, channels: nn.Sequential(*features(channels), nn.Conv2d(16, k, 1), nn.Flatten()))
"""


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch):
    """Unregister after each test what it registered."""
    plugins.load_plugins()
    for registry in (RECIPES, ATTACKS, MODELS, DATASETS):
        len(registry)  # a registry loads its folder once, and what the test puts back has to be whole
        monkeypatch.setattr(registry, "_items", dict(registry._items))
        monkeypatch.setattr(registry, "_lazy", dict(registry._lazy))
    monkeypatch.setattr(plugins, "_inside", set(plugins._inside))
    monkeypatch.setattr(plugins, "_outside", [])


@pytest.fixture
def write(tmp_path):
    """A file in the working directory, by its name and text."""

    def to(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return to


@pytest.mark.slow
def test_a_recipe_of_thirteen_lines_from_check_to_board(bench, write, tmp_path):
    file = write("half.py", HALF)
    assert len(HALF.splitlines()) == 13

    code, out, err = bench("check", file)
    assert (code, err) == (0, "")
    assert "FAILED" not in out
    assert out.endswith("1 of 1 methods keep the contract\n")

    asked = ["run", "--plugin", file, "--methods", "Half,Standard", "--attacks", "PGD-5", *SMALL, "--workers", "2"]
    code, out, err = bench(*asked)
    assert code == 0, err
    rows = load_results(tmp_path / "results")
    assert set(rows["recipe"]) == {"Half", "Standard"}
    assert (rows["status"] == "ok").all()

    assert bench(*asked)[0] == 0
    assert "0 trainings, 0 of 4" in bench(*asked, "--dry-run")[1]
    assert "Half" in bench("list", "methods", "--plugin", file)[1].split()


def test_a_baseline_of_theirs_is_evaluated_anew(bench, write):
    file = write("half.py", HALF)
    assert bench("run", "--plugin", file, "--methods", "Half", "--attacks", "none", *SMALL, "--workers", "1")[0] == 0
    asked = ["compare", "results", "current", "--level", "1"]
    code, _, err = bench(*asked, "--plugin", file)
    assert (code, err.count("\n")) == (0, 1), err


def test_a_module_is_found_where_python_finds_it(bench, write, tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    write("theirs/half.py", HALF.replace('"Half"', '"Half.module"'))
    monkeypatch.syspath_prepend(tmp_path)
    assert "Half.module" in bench("list", "methods", "--plugin", "theirs.half")[1].split()


def installed(tmp_path, package: str, text: str) -> None:
    """An installed package with an entry point of the bench, as pip would write it."""
    (tmp_path / f"{package}.py").write_text(text, encoding="utf-8")
    about = tmp_path / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[bench.plugins]\nextra = {package}\n")


def test_an_installed_package_comes_in_by_itself(bench, tmp_path, monkeypatch):
    installed(tmp_path, "half_good", HALF.replace('"Half"', '"Half.package"'))
    monkeypatch.syspath_prepend(tmp_path)
    assert "Half.package" in bench("list", "methods")[1].split()


def test_an_installed_package_that_cannot_be_imported_is_named(bench, tmp_path, monkeypatch):
    installed(tmp_path, "half_bad", "import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    code, out, err = bench("list", "methods")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the installed package half_bad (entry point extra = half_bad) cannot be imported" in err
    assert re.search(r"No module named 'nowhere_to_be_found' \(\S+half_bad\.py:1\)", err)


BAD_FILES = {
    "nothere.py": (None, r"nothere\.py is not there; name a Python file"),
    "nothere": (None, r"plug-in nothere cannot be imported, ModuleNotFoundError: No module named 'nothere'$"),
    "no/such/file": (None, "plug-in no/such/file is not there"),
    ".": (None, r"plug-in \. is a folder; name a Python file"),
    "json": (None, "plug-in json registers nothing"),
    "syntax.py": ("x = = 1\n", r"syntax\.py is not Python: invalid syntax \(\S+syntax\.py:1\)"),
    "binary.py": ("\0\0\0", r"binary\.py (is not Python|cannot be imported, ValueError): source code .* null bytes"),
    "raises.py": ("a = 1\n\nb = a / 0\n", r"imported, ZeroDivisionError: division by zero \(\S+raises\.py:3\)"),
    "exits.py": ("import sys\nsys.exit('bye')\n", r"imported, SystemExit: bye \(\S+exits\.py:2\)"),
    "radius.py": (
        "from bench import Ascent, Linf\n\nAscent(Linf(0.1), -1, 0.1)\n",
        r"imported, steps=-1, .* \(\S+radius\.py:3\)",
    ),
    "nothing.py": ("import bench\n", r"nothing\.py registers nothing; it is to end in a line such as RECIPES\.add"),
    "taken.py": (
        HALF.replace('"Half"', '"PGD-AT"'),
        r"method 'PGD-AT' is already registered by methods\.pgd_at; choose another name \(\S+taken\.py:13\)",
    ),
    "folder.py": (
        HALF.replace('"Half"', '"a b/../../x"'),
        r"method name 'a b/\.\./\.\./x': up to 100 letters, digits, .* begins it \(\S+folder\.py:13\)",
    ),
    "hidden.py": (HALF.replace('"Half"', '"TRADES-1+AWP"'), r"method 'TRADES-1\+AWP' is already registered"),
    "one_class.py": (
        "from dataclasses import replace\nfrom bench import DATASETS\n"
        'DATASETS.add("ones", replace(DATASETS["digits"], name="ones", classes=("1",)))\n',
        "data set ones has 1 class; at least 2 are needed",
    ),
    "evil.py": (
        "from dataclasses import replace\nfrom bench import DATASETS\n"
        'DATASETS.add("evil", replace(DATASETS["digits"], name="../../evil"))\n',
        r"data set name '\.\./\.\./evil': up to 100 letters, digits, .* \(\S+evil\.py:3\)",
    ),
    "other_name.py": (
        "from dataclasses import replace\nfrom bench import DATASETS\n"
        'DATASETS.add("mine", replace(DATASETS["digits"], name="yours"))\n',
        "data set 'mine' calls itself 'yours'; give it the name that it is registered by",
    ),
    "statistics.py": (
        "from dataclasses import replace\nfrom bench import DATASETS\n"
        'DATASETS.add("mine", replace(DATASETS["digits"], name="mine", std=(0.0,)))\n',
        "data set mine has mean=.* and std=.* for 1 channel; each has a mean, and a std above 0",
    ),
    "number.py": (
        'from bench import ATTACKS\nATTACKS.add("Zed", 7)\n',
        r"attack 'Zed' is 7, a int; it is to be a function \(model, x, y, threat\) \(\S+number\.py:2\)",
    ),
    "few.py": (
        'from bench import ATTACKS\nATTACKS.add("Zed", lambda model, x: x)\n',
        r"attack 'Zed' cannot be called with \(model, x, y, threat\): too many positional arguments",
    ),
    "required.py": (
        'from bench import ATTACKS\nATTACKS.add("Zed", lambda model, x, y, threat, *, steps: x)\n',
        "attack 'Zed' cannot be called .*: missing a required .*'steps'",
    ),
    "setting.py": (
        'from bench import ATTACKS\nATTACKS.add("Zed", lambda model, x, y, threat, *, steps=[3]: x)\n',
        r"attack 'Zed' has the setting steps=\[3\]; settings are numbers, texts, true or false",
    ),
    "last.py": ('from bench import ATTACKS\nATTACKS.add("Zed.last", lambda m, x, y, t: x)\n', r"ends in \.last"),
    "class.py": (HALF.replace("Half())", "Half)"), r"method 'Half' is the class Half itself; .*, such as Half\(\)"),
    "text.py": (
        'from bench import RECIPES\nRECIPES.add("A", "b")\n',
        "method 'A' is 'b', a str; a method is a value of",
    ),
    "all.py": (HALF.replace('"Half"', '"all"'), "method name 'all': all and none stand for every name and for no name"),
    "long.py": (HALF.replace('"Half"', f'"{"a" * 101}"'), "method name 'a+': up to 100 letters"),
    "model.py": (
        'from bench import MODELS\nMODELS.add("net", "cnn")\n',
        "model 'net' is 'cnn', a str; it is to be a function",
    ),
    "suite.py": (
        'from bench.attacks.suites import SUITES, Suite\nSUITES.add("mine", Suite("two", ("FGSM")))\n',
        "suite 'mine' holds 'FGSM'; a suite holds a tuple of attacks' names",
    ),
    "corruption.py": (
        "from bench.corruptions.corruption import CORRUPTIONS, Corruption\n"
        'CORRUPTIONS.add("dark", Corruption(lambda x, a: x * a, {32: ((1,),)}))\n',
        "corruption 'dark' has other tables than those for images of 32, 64, 224 pixels",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_plugin_is_one_line_and_nothing_is_written(bench, write, tmp_path, name):
    text, message = BAD_FILES[name]
    if text is not None:
        write(name, text)
    before = set(tmp_path.iterdir())
    code, out, err = bench("run", "--plugin", name, "--methods", "Standard", *SMALL)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(message, err), err
    assert {path for path in tmp_path.iterdir() if path.name != "__pycache__"} == before


@pytest.mark.parametrize("name", ["nothere.py", "syntax.py", "nothing.py"])
def test_check_refuses_what_run_refuses(bench, write, name):
    text, message = BAD_FILES[name]
    if text is not None:
        write(name, text)
    code, out, err = bench("check", name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(message, err), err


def test_check_is_for_methods(bench, write):
    code, out, err = bench("check", write("nets.py", NETS))
    assert (code, out) == (2, "")
    assert "nets.py registers no method" in err


def test_check_says_which_test_failed_and_what_it_saw(bench, write):
    text = (
        WRONG.format(loss="cross_entropy(model(x + 0.1), q).mean()") + 'RECIPES.add("Wrong2", Wrong(decay="kernels"))\n'
    )
    code, out, err = bench("check", write("wrong.py", text))
    assert (code, err) == (1, "")
    failed = [line for line in out.splitlines() if line.startswith("  FAILED")]
    assert failed[0] == failed[1], "each recipe is reported by itself"
    assert re.fullmatch(
        r"  FAILED  training images are in range: saw it train on pixels in \[0\.100, 1\.100\].*", failed[0]
    )
    assert len(failed) == 2
    assert out.endswith("0 of 2 methods keep the contract\n")


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            "cross_entropy(model(x), q)",
            r"method Wrong on digits: saw shape \(8,\); a loss is one number, the mean over the images",
        ),
        (
            "cross_entropy(model(x.mul_(0.5)), q).mean()",
            "method Wrong on digits: saw \\d+ numbers of the batch's x changed in place; work on a copy",
        ),
        (
            "model.head(x)",
            r"raised AttributeError: .* has no attribute 'head' \(\S+wrong\.py:7\); `bench check FILE\.py`",
        ),
    ],
)
def test_a_plugin_without_a_loss_is_one_line_before_anything_is_trained(bench, write, tmp_path, loss, message):
    file = write("wrong.py", WRONG.format(loss=loss))
    code, out, err = bench("run", "--plugin", file, "--methods", "Standard,Wrong", *SMALL)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(message, err), err
    assert not (tmp_path / "results").exists()


UNPLANNED = {
    "finish raises": (
        "def finish(self, model):\n        return model.gone",
        r"method Wrong on model cnn raised Attr.*py:10\)",
    ),
    "finish has no main": (
        "def finish(self, model):\n        return {'adv': model}",
        "saw the views adv; finish returns",
    ),
    "a view that is no folder": (
        "def finish(self, model):\n        return {'main': model, '../../x': model}",
        r"method Wrong on model cnn: view name '\.\./\.\./x': up to 100 letters, digits",
    ),
    "a circle": (
        "def start(self):\n        return 'Wrong'",
        r"method Wrong: saw start\(\) goes in a circle, Wrong from W",
    ),
    "a lambda": ("f: object = lambda z: z", "method Wrong: saw .*<lambda>.*; fields hold numbers, strings, tuples"),
    "an address": ("f: object = object()", "method Wrong: saw another value after deepcopy"),
    "a list": ("f: object = field(default_factory=list)", "method Wrong: saw unhashable type: 'list'; fields hold"),
}


@pytest.mark.parametrize("hook", UNPLANNED)
def test_what_cannot_be_planned_with_is_one_line_and_nothing_is_written(bench, write, tmp_path, hook):
    text, message = UNPLANNED[hook]
    text = WRONG.format(loss=f"cross_entropy(model(x), q).mean()\n\n    {text}")
    file = write("wrong.py", text.replace("import dataclass", "import dataclass, field"))
    code, out, err = bench("run", "--plugin", file, "--methods", "Wrong", "--workers", "2", "--seeds", "0,1", *SMALL)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(message, err), err
    assert not (tmp_path / "results").exists()


def test_a_loss_that_raises_in_the_middle_is_a_failed_training_and_leaves_the_others_alone(bench, write, tmp_path):
    """It raises only for batches larger than the one on which passes are counted."""
    loss = "cross_entropy(model(x), q).mean() if len(x) <= 16 else {}['gone']"
    file = write("wrong.py", WRONG.format(loss=loss))
    asked = ["run", "--plugin", file, "--methods", "Wrong,Standard", "--attacks", "none", *SMALL]
    code, _, err = bench(*asked, "--workers", "1")
    assert code == 1
    assert re.search(r"failed: the loss raised KeyError: 'gone' \(\S+wrong\.py:7\); mend it and run again", err), err
    assert "Traceback" not in err
    status = load_results(tmp_path / "results").set_index("recipe")["status"]
    assert status["Standard"] == "ok"
    assert status["Wrong"].startswith("failed: the loss raised KeyError")
    (job,) = (tmp_path / "results").glob("*/*/Wrong/*/job.json")
    assert json.loads(job.read_text())["status"] == status["Wrong"]


def test_a_finish_that_raises_once_trained_is_one_line_and_goes_on_when_mended(bench, write, tmp_path):
    """`finish` knows from the batch norms' step counters that the model has been trained."""
    last = "if model.net[1].num_batches_tracked > 3:\n            raise OSError('late')\n        return {'main': model}"
    text = WRONG.format(loss=f"cross_entropy(model(x), q).mean()\n\n    def finish(self, model):\n        {last}")
    asked = ["run", "--plugin", write("wrong.py", text), "--methods", "Wrong", "--attacks", "none", *SMALL]
    asked += ["--workers", "1", "--set", "plan.batch_size=8"]
    code, _, err = bench(*asked)
    assert code == 1
    assert re.search(
        r"Wrong s0: failed: method Wrong, once trained, raised OSError: late \(\S+wrong\.py:11\); `bench check", err
    )
    plugins._outside.clear()
    del RECIPES._items["Wrong"]
    write("wrong.py", text.replace("> 3", "< 0"))
    code, _, err = bench(*asked)
    assert code == 0, err
    assert "hold-out" not in err, "no epoch is trained again"


@pytest.mark.parametrize("method", ["AdvProp", "RobMask", "PGD-AT,AdvProp+AWP"])
def test_a_method_that_needs_batch_norm_refuses_a_model_without_before_anything_is_trained(
    bench, write, tmp_path, method
):
    asked = ["run", "--plugin", write("nets.py", NETS), "--model", "normless", "--methods", method, *SMALL]
    code, out, err = bench(*asked)
    assert (code, out) == (2, "")
    name = method.split(",")[-1]
    assert err == (
        f"bench: method {name} on model normless: it keeps batch norms apart, and there is no BatchNorm2d layer; "
        "choose another model\n"
    )
    assert not (tmp_path / "results").exists()


def test_a_method_that_cannot_attack_a_model_fails_with_the_reason_and_leaves_the_others_alone(bench, write, tmp_path):
    asked = ["run", "--plugin", write("nets.py", NETS), "--model", "all-conv", "--attacks", "none", *SMALL]
    code, _, err = bench(*asked, "--methods", "MOSA,Standard", "--workers", "1")
    assert code == 1
    assert "failed: MOSA needs a model that ends in nn.Linear with 10 outputs" in err
    status = load_results(tmp_path / "results").set_index("recipe")["status"]
    assert status["Standard"] == "ok"
    assert status["MOSA"].startswith("failed: MOSA needs")


LAZY_NET = """
from torch import nn
from bench import MODELS
MODELS.add("lazy-net", lambda classes, channels: nn.Sequential(nn.Flatten(), nn.LazyLinear(classes)))
MODELS.add("lazy-broken", lambda classes, channels: nn.Sequential(nn.LazyConv2d(16, 3), nn.Unflatten(1, (3, 5))))
"""


def test_lazy_layers_of_a_registered_model_have_weights_before_anything_is_planned(bench, write):
    file = write("lazy_nets.py", LAZY_NET)
    asked = ["run", "--plugin", file, "--methods", "Standard", "--attacks", "none", *SMALL]
    assert bench(*asked, "--model", "lazy-net", "--dry-run")[0] == 0
    assert bench(*asked, "--model", "lazy-net", "--workers", "1")[0] == 0
    code, out, err = bench(*asked, "--model", "lazy-broken", "--dry-run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("bench: model lazy-broken raised RuntimeError: unflatten")
    (line,) = [line for line in bench("list", "models", "--plugin", file)[1].splitlines() if "lazy-net" in line]
    assert "lazy-net" in line.split()


# resuming with what belongs to another job


def test_weights_of_another_job_are_refused(bench, tmp_path):
    asked = ["run", "--methods", "Standard,LS0.9", "--attacks", "none", *SMALL, "--workers", "1"]
    bench(*asked)
    mine, theirs = sorted((tmp_path / "results").rglob("weights.safetensors"))
    mine.write_bytes(theirs.read_bytes())
    code, out, err = bench(*asked)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{mine.relative_to(tmp_path)} holds the weights of job digits/cnn/Standard/" in err


def test_progress_of_another_job_is_refused(bench, tmp_path):
    asked = ["run", "--methods", "Standard", "--attacks", "none", *SMALL, "--workers", "1"]
    bench(*asked)
    (weights,) = (tmp_path / "results").rglob("weights.safetensors")
    weights.unlink()
    progress = weights.with_name("progress.pt")
    for content in ({"job": "digits/cnn/Standard/s0-0"}, {}, [1]):
        torch.save(content, progress)
        code, _, err = bench(*asked)
        assert code == 1
        assert re.search(r"^Standard s0: failed: .*progress.pt belongs to job", err, re.M)
        assert "delete it and run again" in err
    progress.unlink()
    assert bench(*asked)[0] == 0
