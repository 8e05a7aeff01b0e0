"""The imports inside bench/: `python tests/helpers/import_graph.py [ROOT]` prints levels, imports and cycles.

An entry is a package or a module at the root of bench/. Its level is 0 where it imports no other entry, otherwise one
more than the highest that it imports. Imports inside functions and for type checkers count too.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def imported_names(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever in the file; `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def file_graph(root: Path) -> dict[str, set[str]]:
    """Which modules of bench each module imports, by dotted names; without `bench/*.py`, the public interface."""
    files = [path for path in (root / "bench").rglob("*.py") if path.parent != root / "bench"]
    homes = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}
    return {
        name: {target for found in imported_names(path) for target in (found, found.rpartition(".")[0])}
        & homes.keys() - {name}
        for name, path in homes.items()
    }


def nodes_on_cycles(graph: Mapping[str, set[str]]) -> set[str]:
    """The nodes that lie on a cycle, or on a path between two cycles."""
    left = {name: set(targets) for name, targets in graph.items()}
    while ends := [n for n in left if not left[n] & left.keys() or not any(n in left[other] for other in left)]:
        left = {name: targets for name, targets in left.items() if name not in ends}
    return set(left)


def entry_graph(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which entries at the root of bench/ each entry imports, from the imports of modules."""

    def entry(name: str) -> str:
        return name.split(".")[1]

    found: dict[str, set[str]] = {entry(name): set() for name in graph}
    for name, targets in graph.items():
        found[entry(name)] |= {entry(target) for target in targets} - {entry(name)}
    return found


def levels(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """The level of each entry that lies on no cycle and imports none that does."""
    found: dict[str, int] = {}
    while ready := [name for name, targets in graph.items() if name not in found and targets <= found.keys()]:
        found |= {name: max((found[target] + 1 for target in graph[name]), default=0) for name in ready}
    return found


def report(root: Path) -> Iterable[str]:
    """The lines that this module prints about a tree."""
    files = file_graph(root)
    entries = entry_graph(files)
    level = levels(entries)
    yield f"{len(files)} files, {sum(map(len, files.values()))} imports of one by another"
    yield f"{len(entries)} entries on {len({*level.values()})} levels, {sum(map(len, entries.values()))} arrows"
    yield f"files on cycles: {', '.join(sorted(nodes_on_cycles(files))) or 'none'}"
    for number in sorted({*level.values()}):
        yield f"{number}: {', '.join(sorted(name for name, at in level.items() if at == number))}"


if __name__ == "__main__":
    print("\n".join(report(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2])))
