"""Files that all pages share: DataTables, styles and scripts."""

import re
from importlib.util import find_spec
from pathlib import Path

STATIC_FOLDER = Path(__file__).parent / "static"
EXPORTS = re.compile(r"export\{([^}]*)\};?")  # in an ES module, which a page opened from the disk cannot import


def assets() -> dict[str, str]:
    """The shared files: contents by path below reports/."""
    ours = {f"assets/{path.name}": path.read_text(encoding="utf-8") for path in sorted(STATIC_FOLDER.iterdir())}
    return {"assets/datatables.js": _datatables(), **ours}


def _datatables() -> str:
    """The bundle of the `itables` package as a plain script that defines `DataTable`."""
    spec = find_spec("itables")  # found without importing it, which would take a second
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the package itables, of which DataTables is taken, is not installed")
    module = (Path(spec.origin).parent / "html/dt_bundle.js").read_text(encoding="utf-8")
    return "(() => {\n" + EXPORTS.sub(f"window.DataTable = {_default_export(module)};", module) + "\n})();\n"


def _default_export(module: str) -> str:
    """The name of the default export inside the module."""
    found: list[str] = EXPORTS.findall(module)
    names = {name: ours for ours, _, name in (export.partition(" as ") for export in ",".join(found).split(","))}
    if len(found) != 1 or "default" not in names:
        raise ValueError("the bundle of this version of itables is no module with one list of exports")
    return names["default"]
