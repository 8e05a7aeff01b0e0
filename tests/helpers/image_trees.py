"""Made-up image folders."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.core.rng import seed_of


def write_tree(root: Path, *, train: int, test: int, size: int = 12, classes: int = 2) -> Path:
    """An image folder of noise: so many training and test images of each class, whose colours differ by class."""
    for split, count in (("train", train), ("test", test)):
        for label in range(classes):
            folder = root / split / f"class{label}"
            folder.mkdir(parents=True)
            for i in range(count):
                rng = np.random.RandomState(seed_of(split, label, i) % 2**32)
                pixels = rng.randint(0, 120, (size, size, 3))
                pixels[..., label % 3] += 120
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:03}.png")
    return root
