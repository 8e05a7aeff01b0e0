"""Imports point one way, from names to numbers to tables, and recipes know nothing of the machine they run on."""

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import bench

ROOT = Path(__file__).parents[1]
LAYERS = [  # a module imports from the lines above its own only
    {
        "errors",
        "interrupt",
        "process_state",
        "numbers",
        "modes",
        "seeding",
        "passes",
        "labels",
        "losses",
        "mixing",
        "stats",
        "augment",
        "options",
        "schedules",
        "toy",
        "workers",
        "version",
        "registrable",
    },
    {"disk", "progress"},
    {"consistency", "jobfile"},
    {
        "guard",
        "registry",
        "plan",
        "threat",
        "device",
        "precision",
        "results",
        "shards",
        "branches",
        "papers",
        "course",
        "filetype",
    },
    {"blame", "averaging", "plans", "folding", "tuning", "audit", "adversarial", "corruptions", "caption"},
    {"overrides", "plugins", "snapshot", "recipe", "inner", "checkpoint", "data"},  # names and values
    {"adversary", "rehearsal", "search", "job", "models", "diagnostics"},  # jobs
    {"attacks", "contract", "watch", "exhibits"},
    {"sweeps", "inspected"},
    {"conditions", "suites"},
    {"ranges"},
    {"damage"},
    {"asked"},
    {"budgets"},
    {"holdout"},
    {"judge", "train", "work", "together"},  # cells
    {"planted", "bisection", "arguments", "identity"},
    {"unfinished"},
    {"probes"},
    {"evaluate", "price"},
    {"pace"},
    {"transfer"},
    {"rows", "runfolder", "report"},  # rows and tables
    {"parts", "studies"},
    {"known"},
    {"fit", "exam", "gallery", "outside", "merge", "foreign", "claim", "model_info"},
    {"runner", "robustbench", "matrix"},
    {"pool", "entrants", "reference", "estimates"},
    {"campaign", "commands", "compare", "show", "verify"},
    {"calibrate", "external", "replication", "speed"},
    {"cli"},
]
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}
SOURCES = sorted(path for path in (ROOT / "bench").rglob("*.py") if path != ROOT / "bench/__init__.py")
METHODS = sorted((ROOT / "methods").glob("*.py"))


def unit(path: Path) -> str:
    """The module or subpackage of bench that a file belongs to."""
    return path.relative_to(ROOT / "bench").parts[0].removesuffix(".py")


def modules(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever in the file; `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def units(path: Path) -> set[str]:
    """Modules and subpackages of bench that a file imports from."""
    return {name.split(".")[1] for name in modules(path) if name.startswith("bench.")}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_module_has_its_layer():
    assert {unit(path) for path in SOURCES} == set(LEVEL)
    assert len(LEVEL) == sum(map(len, LAYERS))


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_imports_point_one_way(path):
    here = unit(path)
    below = {name for name in units(path) - {here, "__version__"} if LEVEL[name] >= LEVEL[here]}
    assert not below, f"{here} imports {below}, which do not stand above it"


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_bench_imports_a_name_from_its_home(path):
    assert "bench" not in modules(path)
    assert units(path) <= {*LEVEL, "__version__"}  # `from bench import x` only where x is a module


def test_tables_are_made_from_stored_rows_alone():
    imported = set().union(*(units(path) for path in SOURCES if unit(path) in ("report", "studies")))
    assert imported - {"report", "studies"} <= {
        "audit",
        "disk",
        "errors",
        "numbers",
        "papers",
        "plans",
        "registrable",
        "registry",
        "results",
        "stats",
        "toy",
        "workers",
    }


@pytest.mark.parametrize("path", METHODS, ids=identify)
def test_recipes_name_no_machine_and_no_seed(path):
    text = path.read_text(encoding="utf-8").lower()
    assert not {word for word in ("cuda", "device", "dtype", "seed") if word in text}


@pytest.mark.parametrize("path", METHODS, ids=identify)
def test_recipes_speak_the_vocabulary_of_bench(path):
    ours = {name for name in modules(path) if name.split(".")[0] not in {*sys.stdlib_module_names, "torch"}}
    words = {name for name in ours if name.startswith("bench.")}
    assert {name.removeprefix("bench.") for name in words} <= set(bench.__all__)
    assert all(name.startswith("methods.") for name in ours - words)


def test_our_recipes_enter_as_a_plugin_does():
    assert "methods" in {entry.value for entry in entry_points(group="bench.plugins")}
    assert not {path for path in SOURCES if any(name.split(".")[0] == "methods" for name in modules(path))}


@pytest.mark.parametrize("name", bench.__all__)
def test_each_word_is_what_type_checkers_take_it_for(name):
    tree = ast.parse((ROOT / "bench/__init__.py").read_text(encoding="utf-8"))
    imports = [(node.module, a) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names]
    ((module, original),) = [(module, a.name) for module, a in imports if name == (a.asname or a.name)]
    assert getattr(bench, name) is getattr(sys.modules[module], original)


def python(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "module",
    ["bench", "bench.cli", "bench.results", "bench.audit", "bench.report", "bench.studies.pages", "bench.papers"],
)
def test_light_modules_import_no_torch(module):
    assert python(f"import sys, {module}; print('torch' in sys.modules)") == "False\n"


def test_help_needs_no_torch_and_names_the_commands():
    code = (
        "import sys; from bench.cli import cli; cli(['--help'], standalone_mode=False); print('torch' in sys.modules)"
    )
    *text, heavy = python(code).splitlines()
    assert heavy == "False"
    assert {"run", "report", "list", "show"} <= {line.split()[0] for line in text if line.startswith("  ")}


def test_an_unknown_word_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bench.nonsense  # noqa: B018
