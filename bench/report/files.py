"""Files of a report: written whole, in the place of an earlier report's."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from bench.results import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Content: TypeAlias = Union[str, "Figure"]
GENERATED = (".md", ".csv", ".tex", ".png", ".pdf")


def replace_files(folder: Path, files: Mapping[str, Content]) -> list[Path]:
    """Texts and figures by name, a figure as PNG or PDF; what an earlier report left in the folder goes first."""
    for old in folder.iterdir() if folder.exists() else ():
        if old.suffix in GENERATED:
            old.unlink()
    return write_files(folder, files)


def write_files(folder: Path, files: Mapping[str, Content]) -> list[Path]:
    """The same beside what is there."""
    for name, content in files.items():
        _write(folder / name, content)
    return [folder / name for name in files]


def _write(path: Path, content: Content) -> None:
    from bench.report.style import save

    if isinstance(content, str):
        encoded = content.encode()
        write_atomically(path, lambda file: file.write(encoded))
    else:
        write_atomically(path, lambda file: save(content, file, path.suffix.removeprefix(".")))
