"""READMEs: commands parse, quick ones are run, links lead to files, and every column is explained."""

import ast
import inspect
import json
import re
import shlex
import shutil
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from outside_models import MEANS
from PIL import Image

from bench import ATTACKS, CORRUPTIONS, DATASETS, MODELS, RECIPES, benchmark, parse_attack
from bench.cli import cli
from bench.commands.compare.comparison import is_spec
from bench.commands.speed.parts import PARTS
from bench.core.errors import BadInput
from bench.core.foreign import plugins
from bench.core.version import RELEASED, __version__
from bench.data.published_sets import datasets_with
from bench.data.sets.cifar import CLASSES
from bench.evaluation.external.spec import parse_spec
from bench.report.studies.study import STUDIES
from bench.results.job_file import FIELDS
from bench.results.row import COLUMNS
from bench.runner.prices import cost, pace
from bench.training.trainer import CURVE_COLUMNS, EMA_CURVE_COLUMNS

ROOT = Path(__file__).parents[1]
READMES = sorted(
    [ROOT / "README.md", ROOT / "results/README.md"]
    + [path for folder in ("bench", "methods", "tests") for path in (ROOT / folder).rglob("README.md")]
    + [*(ROOT / "results/published").glob("*/README.md")]
)
PAGES = [*READMES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PLAIN = {
    "pip": ["install", "uv"],
    "rm": ["-rf", "tests/baseline/digits"],
    "uv": ["pip", "install", "."],
}  # commands that are not the bench's
STANDS_FOR = {  # what a reader puts in the place of a word
    "DIR": "data", "PATH": "mine", "SPEC": "means.py:nearest", "D": "digits", "NAME": "AVmixup", "FILE": "half.py",
    "BASELINE": "tests/baseline", "CURRENT": "current",
}  # fmt: skip


CALIBRATION = {
    "identity": "0" * 16,
    "shape": [1, 8, 8],
    "ranges": {"rotation": {"ends": [{"amount": 10.0}, {"amount": 60.0}]}},
}
LINEAR = "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))\n"
MOST = {"--limit": 16, "--limit-train": 200}  # images that a plan is made for


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str, *languages: str) -> list[str]:
    """What stands between fences of these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.M)
    return [body for language, body in found if language in languages]


def shell_lines(block: str) -> list[list[str]]:
    """The commands of a block of shell, as words, with its variables put in."""
    commands, variables = [], dict[str, str]()
    for line in block.replace("\\\n", " ").splitlines():
        for key, value in variables.items():
            line = line.replace(f"${key}", value)
        words = shlex.split(line, comments=True)
        if len(words) == 1 and (given := re.fullmatch(r"([A-Z]+)=(.*)", words[0])):
            variables[given[1]] = given[2]
            continue
        while "&&" in words:
            commands.append(words[: words.index("&&")])
            words = words[words.index("&&") + 1 :]
        commands += [words] if words else []
    return commands


def commands_of(path: Path) -> list[list[str]]:
    """Every command of a README: of its blocks of shell, of workflows, and those in its sentences."""
    text = path.read_text(encoding="utf-8")
    workflows = [line for block in blocks(text, "yaml") for line in re.findall(r"run: (.*(?:bench|pip) .*)", block)]
    sentences = re.findall(r"`((?:uv run )?bench [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.M))
    found = [words for block in blocks(text, "bash", "sh", "") for words in shell_lines(block)]
    found = [words for words in found if not words[0].startswith("results/")]  # a tree of folders
    return found + [shlex.split(" ".join(line.split())) for line in [*workflows, *sentences]]


DEFAULTS = (" --dry-run", " --seeds 0")  # which make no other plan
STARTER = "^(uv run )?(torchrun .* --no-python )?"  # what starts the bench
COMMANDS = sorted(
    {
        re.sub(f"({'|'.join(DEFAULTS)})(?= |$)", "", re.sub(STARTER, "", shlex.join(words)))
        for path in [*READMES, ROOT / "CONTRIBUTING.md"]
        for words in commands_of(path)
    }
)
OF_THE_BENCH = [command for command in COMMANDS if command.startswith("bench ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working directory with the files that READMEs name: their two Python files, data and weights."""
    folder = tmp_path_factory.mktemp("reader")
    (half,) = [block for block in blocks((ROOT / "README.md").read_text(encoding="utf-8"), "python") if "Half" in block]
    (folder / "half.py").write_text(half, encoding="utf-8")
    (folder / "means.py").write_text(MEANS, encoding="utf-8")
    (folder / "net.py").write_text(LINEAR, encoding="utf-8")
    torch.save(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10)).state_dict(), folder / "net.pt")
    rng = np.random.default_rng(0)
    for data, size in (("data/cifar10", 32), ("mine", 16)):
        for split, count in (("train", 26), ("test", 2)):
            for label in CLASSES:
                home = folder / data / split / label
                home.mkdir(parents=True)
                for i in range(count):
                    Image.fromarray(rng.integers(256, size=(size, size, 3), dtype=np.uint8)).save(home / f"{i}.png")
    np.save(folder / "data/cifar10.1_v6_data.npy", rng.integers(256, size=(20, 32, 32, 3), dtype=np.uint8))
    np.save(folder / "data/cifar10.1_v6_labels.npy", np.arange(20) % 10)
    np.savez(folder / "1m.npz", image=np.zeros((20, 32, 32, 3), np.uint8), label=np.arange(20) % 10)
    baseline, finished = ROOT / "tests/baseline", folder / "results/cifar10/resnet8/PGD-AT"
    (folder / "tests").mkdir()
    (folder / "tests/baseline").symlink_to(baseline)
    shutil.copytree(baseline, folder / "current")
    shutil.copytree(baseline / "digits/cnn/PGD-AT/s0-6bee601e", finished / "s0-1a2b3c4d")
    (finished / "s0-1a2b3c4d/results.csv").unlink()  # rows of another run
    record = (finished / "s0-1a2b3c4d/job.json").read_text(encoding="utf-8")
    moved = record.replace("digits/cnn/PGD-AT/s0-6bee601e", "cifar10/resnet8/PGD-AT/s0-1a2b3c4d")
    (finished / "s0-1a2b3c4d/job.json").write_text(moved, encoding="utf-8")
    (folder / "results/published").symlink_to(ROOT / "results/published")
    (folder / "calibration.json").write_text(json.dumps(CALIBRATION))
    return folder


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch):
    """Unregister after each test what half.py registered."""
    plugins.load_plugins()
    for registry in (RECIPES, ATTACKS, MODELS, DATASETS):
        monkeypatch.setattr(registry, "_items", dict(registry._items))
    monkeypatch.setattr(plugins, "_inside", set(plugins._inside))
    monkeypatch.setattr(plugins, "_outside", [])


_passes = dict[tuple[str, str], tuple[float, float]]()


@pytest.fixture(autouse=True)
def _no_time_lost(monkeypatch):
    """No figures, which tests of reports look at; a recipe's passes are counted once, for all commands that name it."""
    count = cost.step_passes

    def counted(recipe, dataset, batch):
        key = repr(recipe), dataset.name
        if key not in _passes:
            _passes[key] = count(recipe, dataset, batch)
        return _passes[key]

    monkeypatch.setattr(cost, "step_passes", counted)
    monkeypatch.setattr("bench.report.files.draw_all", lambda figures, processes=1: None)


def test_the_main_readme_is_short_and_names_the_others():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^)h][^)]*)\)", text)}
    folders = [path for path in READMES if "published" not in path.parts and path.parent.name != "baseline"]
    assert linked >= {path for path in folders if path != ROOT / "README.md"}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        target, _, part = link.partition("#")
        to = (path.parent / target) if target else path
        assert to.exists(), f"{name(path)} links {link}"
        if part:
            headings = re.findall(r"^#+ (.*)$", to.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert part in slugs, f"{name(path)} links {link}"


def test_every_command_is_of_the_bench_or_known():
    for command in COMMANDS:
        tool, *rest = shlex.split(command)
        if tool == "pytest":
            assert all((ROOT / word).exists() for word in rest if "/" in word), command
        elif tool == "find":
            assert (ROOT / rest[0]).is_dir(), command
        elif tool != "bench":
            assert PLAIN[tool] == rest, command


@pytest.mark.parametrize("command", OF_THE_BENCH)
def test_a_command_is_understood(command, place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("BENCH_DATA", "data")
    _, verb, *words = [STANDS_FOR.get(word, word) for word in shlex.split(command)]
    words = [re.sub(r"^(folder:)PATH$", r"\1mine", word) for word in words]
    if not words or "--help" in words:
        assert verb in [*cli.commands, "--version"]
        return
    words = fill(verb, words)
    context = cli.commands[verb].make_context(verb, list(words))
    CHECKS[verb](context, [verb, *words], tmp_path, monkeypatch)


def fill(verb: str, words: list[str]) -> list[str]:
    """Add the arguments that a sentence leaves out, such as the model in `bench eval --model-info FILE`."""
    needed = {"--model": ["--model", "means.py:nearest"]} if verb in ("eval", "calibrate") else {}
    return [*words, *(word for option, given in needed.items() if option not in words for word in given)]


def invoke(words: list[str], code: int = 0) -> str:
    result = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    assert (result.return_value or 0) == code, result.output
    return result.output


def plan(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole request is planned and priced, for few images and where nothing is there yet; nothing is trained."""
    for option in ("--results", "--reports"):
        if option in words:
            del words[words.index(option) : words.index(option) + 2]
    for option, most in MOST.items():
        if option in words:
            words[words.index(option) + 1] = str(min(most, context.params[option.strip("-").replace("-", "_")]))
    monkeypatch.setattr(pace, "_measure", lambda *_: pace.Pace(1e-4, 1e-4))
    words += ["--dry-run", "--results", str(folder)]
    if context.params["shard"].count > 1:
        with pytest.raises(BadInput, match="train first"):
            invoke(words)
    else:
        assert " to do" in invoke(words)


def evaluate(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On sixteen images, by FGSM where the command names no attacks; AutoAttack takes longer."""
    if "AutoAttack" in (context.params["attacks"] or ()):
        return
    if "--results" in words:
        del words[words.index("--results") : words.index("--results") + 2]
    has_budget = any(context.params[name] is not None for name in ("within", "passes"))
    attacks = [] if context.params["attacks"] or has_budget else ["--attacks", "FGSM"]
    where = ["--results", str(folder / "results"), "--reports", str(folder / "reports"), "--limit", "16"]
    assert ("StagedMargin" if has_budget else "FGSM") in invoke([*words, *attacks, *where])


def report(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study and the rows are there; of a board of few rows all that is asked for is written, without figures."""
    study, results = context.params["study"], context.params["results"]
    assert study in (None, "leaderboard", "all", *STUDIES)
    assert results.is_dir()
    if results.name != "digits-quick":
        return
    for name in context.params["exports"]:
        words[words.index(str(name))] = str(folder / name)
    told = invoke([*words, "--reports", str(folder / "reports")])
    if context.params["exports"]:
        assert all(f"{folder / name}: 25 measurements" in told for name in context.params["exports"])
    elif context.params["cards"]:
        assert len([*folder.glob("reports/cards/*/cite.bib")]) == 5
    elif context.params["site_only"]:
        assert (folder / "reports/index.html").exists()
    else:
        assert "PGD-AT" in told


def look_up(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = context.params.get("names", ())
    if names[:1] == ("corruption",):
        assert names[1] == "all" or names[1] in CORRUPTIONS or datasets_with(names[1])
        assert context.params["dataset"] in DATASETS
    else:
        assert invoke(words)


def check(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/core/test_plugins.py runs it."""
    assert context.params["file"].is_file() or context.params["file"].name == "FILE.py"


def compare(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --level, which trains or attacks."""
    baseline, current = context.params["baseline"], context.params["current"]
    if is_spec(current):  # tests/commands/test_compare_spec.py measures one
        assert parse_spec(str(current))
        return
    assert baseline.is_dir()
    if current.is_dir():
        assert invoke(words)


def verify(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert context.params["spec"] is None or parse_spec(context.params["spec"])


def merge(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert context.params["folders"]


def speed(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PARTS.select(list(context.params["parts"]))
    assert context.params["dataset"] in DATASETS
    assert all(parse_spec(spec) for spec in context.params["of"])


def calibrate(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_spec(context.params["spec"])
    assert context.params["dataset"] in (None, *DATASETS)


def examine(context: click.Context, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/commands/test_exam.py takes it."""
    assert all(parse_attack(name) for names in context.params["attacks"] for name in names)


CHECKS = {
    "run": plan, "eval": evaluate, "report": report, "list": look_up, "show": look_up, "check": check,
    "compare": compare, "verify": verify, "merge": merge, "speed": speed, "calibrate": calibrate,
    "exam": examine,
}  # fmt: skip


def test_the_readme_of_results_explains_every_column():
    text = (ROOT / "results/README.md").read_text(encoding="utf-8")
    explained = [word for line in re.findall(r"^\| (`.*?) \|", text, re.M) for word in re.findall(r"`(\w+)`", line)]
    assert not {*COLUMNS, *CURVE_COLUMNS, *EMA_CURVE_COLUMNS, *FIELDS} - {*explained}


def test_the_citation_is_that_of_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    said = dict(line.split(": ", 1) for line in lines if re.match(r"[a-z-]+: ", line))
    assert (said["cff-version"], said["title"], said["license"]) == ("1.2.0", "Robust-recipe bench", "MIT")
    assert (said["version"], said["date-released"]) == (__version__, RELEASED)
    assert "  - name: Robust-recipe bench maintainers" in lines
    heading = f"## [{__version__}] - {said['date-released']}"
    assert heading in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_python_of_the_evaluations_readme_gives_an_outcome_and_a_table(place, monkeypatch):
    monkeypatch.chdir(place)
    names = {"model": torch.nn.Flatten(), "x": torch.rand(3, 1, 1, 4), "y": torch.tensor([0, 1, 2])}
    (block,) = blocks((ROOT / "bench/evaluation/README.md").read_text(encoding="utf-8"), "python")
    exec(block, names)
    assert names["right"].shape == (3,)
    assert [*names["rows"]][:2] == COLUMNS[:2]


def test_python_of_the_results_readme_prints_a_table(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (block,) = blocks((ROOT / "results/README.md").read_text(encoding="utf-8"), "python")
    exec(block.replace('Path("results")', 'Path("results/published/digits-quick")'), {})
    assert "AutoAttack" in capsys.readouterr().out


def test_benchmark_is_called_as_the_readme_calls_it():
    (block,) = blocks((ROOT / "bench/commands/README.md").read_text(encoding="utf-8"), "python")
    call = next(node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call))
    assert inspect.signature(benchmark).bind(*call.args, **{keyword.arg: keyword.value for keyword in call.keywords})
