"""What the site asks of recipes, attacks and data sets, which reports import none of."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands.data_radius import registered_radius
from bench.core.errors import BadInput
from bench.report.site.sources import CleanImages, RecipeText, SiteSources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.dataset import Dataset, Source


def site_sources(data_dir: Path) -> SiteSources:
    """data_dir: where data sets are read from, of which none is fetched. torch is imported once somebody asks."""

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

    return SiteSources(_describe_recipe, write_attack, test_images, registered_radius)


def _describe_recipe(name: str) -> RecipeText | None:
    from bench.commands.show.recipe_text import describe_recipe
    from bench.core.foreign.plugins import load_plugins

    load_plugins()
    return describe_recipe(name)


def write_attack(name: str, params: dict[str, Any]) -> str:
    """An attack as --attacks takes it, from the name and the params of a row: settings that are the default are left
    out, and so are all where the attack is not known here."""
    from bench.attacks.spec import parse_attack

    try:
        usual = dict(parse_attack(name).settings)
    except BadInput:
        return name
    own = [f"{key}={value}" for key, value in params.items() if key in usual and usual[key] != value]
    return f"{name}[{','.join(own)}]" if own else name


def _read_test_split(name: str, data_dir: Path) -> "tuple[Dataset, Source, NDArray[np.int64]] | None":
    """A data set, its test split, and the place in the split of each test image; None where it cannot be read."""
    from bench.data.lookup import dataset

    try:
        data = dataset(name, data_dir)
        split = data.source("test", data_dir)
        return data, split, split.order("test")
    except BadInput:
        return None
