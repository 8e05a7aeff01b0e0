"""Contact sheets of corrupted images, with a column for each severity."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from bench.core.files import write_atomically, write_bytes
from bench.core.foreign.plugins import load_plugins
from bench.corruptions.apply import corrupted, members
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.data.published_corruptions import SEVERITIES
from bench.evaluation.corruption_conditions import corruption_conditions, resolve_names

MAX_IMAGES = 6  # most images of a sheet of one corruption
MIN_TILE, MARGIN, HEADER = 96, 120, 16  # pixels: least size of a tile, space for names at the left and above
PHOTO_SIDE = 224  # pixels of the side of the photograph, as in ImageNet-C
Line = tuple[str, Tensor]  # its name, and its images (6, C, H, W) uint8: clean, severities 1 to 5


def show_corruption(name: str, dataset_name: str, data_dir: Path, reports: Path) -> list[Path]:
    """Write the sheet of a corruption on the first test images, as models are evaluated on; or, for `all`, a page.

    The page has every corruption of one test image, and of a photograph at 224 pixels. Returns the paths written.
    """
    load_plugins()
    data = dataset(dataset_name, data_dir)
    test, folder = data.load("test", data_dir), reports / "corruptions/sheets"
    if name != "all":
        lines = [
            (f"image {i}", tiles) for i, tiles in enumerate(corrupt_images(name, data, test, data_dir, MAX_IMAGES))
        ]
        return [_write(folder / f"{name}-{data.name}.png", contact_sheet(lines))]
    small = [(one, corrupt_images(one, data, test, data_dir, 1)[0]) for one in resolve_names(["all"], data)]
    large = [(one, _all_severities(photograph(), one, data_dir)) for one in members("all")]
    sheets = {f"all-{data.name}.png": small, f"all-{PHOTO_SIDE}.png": large}
    text = "# Corruptions, severity across\n\n" + "".join(f"![{file}]({file})\n\n" for file in sheets)
    write_bytes(folder / f"all-{data.name}.md", text.encode())
    pictures = [_write(folder / file, contact_sheet(lines)) for file, lines in sheets.items()]
    return [folder / f"all-{data.name}.md", *pictures]


def corrupt_images(name: str, data: Dataset, test: Images, data_dir: Path, count: int) -> list[Tensor]:
    """For each of the first `count` test images, clean and corrupted at severities 1 to 5, (6, C, H, W) uint8."""
    conditions = corruption_conditions([name], SEVERITIES, data, test, data_dir)
    images = test.x[:count]
    corrupted_images = [
        (condition.images(images, range(count), count) * 255).round().byte() for condition in conditions
    ]
    return [torch.stack(tiles) for tiles in zip(images, *corrupted_images, strict=True)]


def photograph() -> Tensor:
    """The middle of scikit-learn's photograph of a temple, (1, 3, 224, 224) uint8."""
    from sklearn.datasets import load_sample_image

    picture = Image.fromarray(load_sample_image("china.jpg"))
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.resize((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]


def _all_severities(x: Tensor, name: str, data_dir: Path) -> Tensor:
    return torch.cat([x, *(corrupted(x, name, severity, [0], data_dir) for severity in SEVERITIES)])


def contact_sheet(lines: Sequence[Line]) -> Image.Image:
    """Draw lines of tiles with their names; small tiles are enlarged without smoothing."""
    height, width = lines[0][1].shape[2:]
    times = -(-MIN_TILE // height)
    across, down = width * times + 2, height * times + 2
    sheet = Image.new("RGB", (MARGIN + across * (1 + len(SEVERITIES)), HEADER + down * len(lines)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, head in enumerate(["clean", *map(str, SEVERITIES)]):
        pen.text((MARGIN + across * column + 2, 2), head, "black")
    for row, (name, tiles) in enumerate(lines):
        pen.text((4, HEADER + down * row + 4), name, "black")
        for column, tile in enumerate(tiles):
            pixels = tile.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
            picture = Image.fromarray(pixels).resize((width * times, height * times), Image.Resampling.NEAREST)
            sheet.paste(picture, (MARGIN + across * column, HEADER + down * row))
    return sheet


def _write(path: Path, sheet: Image.Image) -> Path:
    write_atomically(path, lambda file: sheet.save(file, "PNG"))
    return path
