"""Which package may import which; recipes import nothing about devices or files."""

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from import_graph import file_graph, imported_names, nodes_on_cycles

import bench

ROOT = Path(__file__).parents[1]
PACKAGES = [  # a file imports from its own package and from those above it in this list
    *("core", "results", "data", "models", "attacks", "corruptions", "training", "evaluation", "report", "runner"),
    *("commands", "cli"),
]
ONLY = {  # and some from fewer
    "results": {"core"},
    "report": {"core", "results"},
    "corruptions": {"core", "data"},
    "attacks": {"core", "models"},
}
MOST = 20  # files in a folder
SOURCES = sorted(path for path in (ROOT / "bench").rglob("*.py") if path != ROOT / "bench/__init__.py")
METHODS = sorted((ROOT / "methods").glob("*.py"))


def package(path: Path) -> str:
    """The package of bench that a file belongs to."""
    return path.relative_to(ROOT / "bench").parts[0]


def packages(path: Path) -> set[str]:
    """Packages of bench that a file imports from."""
    return {name.split(".")[1] for name in imported_names(path) if name.startswith("bench.")}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_point_one_way():
    wrong = [
        f"{identify(path)} imports {name}"
        for path in SOURCES
        for name in packages(path) - {package(path)}
        if PACKAGES.index(name) > PACKAGES.index(package(path)) or name not in ONLY.get(package(path), {*PACKAGES})
    ]
    assert not wrong, "\n".join(wrong)


def test_bench_imports_a_name_from_its_home():
    wrong = [identify(path) for path in SOURCES if "bench" in imported_names(path) or not packages(path) <= {*PACKAGES}]
    assert not wrong, "\n".join(wrong)


def test_the_root_and_every_folder_stay_small():
    assert {path.name for path in (ROOT / "bench").iterdir() if path.name != "__pycache__"} == {
        "__init__.py",
        "py.typed",
        *PACKAGES,
    }
    folders = {path.parent for path in SOURCES}
    assert not [identify(folder) for folder in folders if len([*folder.glob("*.py")]) > MOST]


def test_files_of_tests_have_names_of_their_own():
    """Folders of tests are no packages, so pytest tells their files apart by name alone."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


def test_the_face_of_a_package_is_a_docstring():
    faces = [path for path in SOURCES if path.name == "__init__.py" and package(path) != "cli"]
    assert not [identify(path) for path in faces if len(ast.parse(path.read_text(encoding="utf-8")).body) > 1]


def test_no_file_imports_in_a_circle():
    """Imports for type checkers alone count too."""
    found = nodes_on_cycles(file_graph(ROOT))
    assert not found, f"a circle goes through some of {', '.join(sorted(found))}"


@pytest.mark.parametrize("path", METHODS, ids=identify)
def test_recipes_name_no_machine_and_no_seed(path):
    text = path.read_text(encoding="utf-8").lower()
    assert not {word for word in ("cuda", "device", "dtype", "seed") if word in text}


@pytest.mark.parametrize("path", METHODS, ids=identify)
def test_recipes_speak_the_vocabulary_of_bench(path):
    ours = {name for name in imported_names(path) if name.split(".")[0] not in {*sys.stdlib_module_names, "torch"}}
    words = {name for name in ours if name.startswith("bench.")}
    assert {name.removeprefix("bench.") for name in words} <= set(bench.__all__)
    assert all(name.startswith("methods.") for name in ours - words)


def test_our_recipes_enter_as_a_plugin_does():
    assert "methods" in {entry.value for entry in entry_points(group="bench.plugins")}
    assert not {path for path in SOURCES if any(name.split(".")[0] == "methods" for name in imported_names(path))}


@pytest.mark.parametrize("name", bench.__all__)
def test_each_word_is_what_type_checkers_take_it_for(name):
    tree = ast.parse((ROOT / "bench/__init__.py").read_text(encoding="utf-8"))
    imports = [(node.module, a) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names]
    (module,) = [module for module, a in imports if name == a.name == a.asname]
    assert getattr(bench, name) is getattr(sys.modules[module], name)


def python(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "module",
    [
        "bench",
        "bench.cli",
        "bench.results.store",
        "bench.report.audit.audit",
        "bench.report.write",
        "bench.report.studies.page",
        "bench.report.studies.printed",
    ],
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


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_versions_and_help_come_at_once_without_torch_and_pandas(words):
    code = f"import sys; from bench.cli import cli; cli({words}, standalone_mode=False); print(sorted(sys.modules))"
    assert not {"'torch'", "'pandas'"} & {*python(code).splitlines()[-1].strip("[]").split(", ")}


def test_an_unknown_word_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bench.nonsense  # noqa: B018
