"""What the site asks of recipes, attacks and data sets, which reports import none of."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.recipe_facts import recall_recipe, registered_radius, write_attack
from bench.core.errors import BadInput
from bench.report.site.sources import CleanImages, SiteSources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.dataset import Dataset, Source


def site_sources(data_dir: Path) -> SiteSources:
    """Functions that the site calls for texts and images; torch is imported at the first call that needs it.

    data_dir: where data sets are read from; none is downloaded.
    """

    @cache
    def read(name: str) -> "tuple[Dataset, Source, NDArray[np.int64]] | None":
        return _read_test_split(name, data_dir)

    def test_images(name: str, ids: Sequence[int]) -> CleanImages | None:
        found = read(name)
        if found is None or not all(0 <= place < len(found[2]) for place in ids):
            return None
        data, split, order = found
        chosen = order[list(ids)]
        names = tuple(data.classes[label] for label in split.y[chosen])
        return CleanImages(split.pixels(chosen), names, tuple(data.classes))

    return SiteSources(recall_recipe, write_attack, test_images, registered_radius)


def _read_test_split(name: str, data_dir: Path) -> "tuple[Dataset, Source, NDArray[np.int64]] | None":
    """A data set, its test split, and the place in the split of each test image; None where it cannot be read."""
    from bench.data.lookup import dataset

    try:
        data = dataset(name, data_dir)
        split = data.source("test", data_dir)
        return data, split, split.order("test")
    except BadInput:
        return None
