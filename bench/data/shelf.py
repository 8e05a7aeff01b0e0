"""What several requests read of data sets, read once."""

from dataclasses import dataclass, field
from pathlib import Path

from bench.data.dataset import Dataset, Images, Split


@dataclass(frozen=True)
class Shelf:
    """Images by data set, split and limit, for as long as a command takes."""

    data_dir: Path
    _images: dict[tuple[str, Split, int | None], Images] = field(default_factory=dict)
    _sizes: dict[tuple[str, Split], int] = field(default_factory=dict)

    def load(self, data: Dataset, split: Split, limit: int | None = None) -> Images:
        """As `Dataset.load`."""
        key = (data.name, split, limit)
        if key not in self._images:
            self._images[key] = data.load(split, self.data_dir, limit)
        return self._images[key]

    def size(self, data: Dataset, split: Split) -> int:
        """As `Dataset.size`."""
        key = (data.name, split)
        if key not in self._sizes:
            self._sizes[key] = data.size(split, self.data_dir)
        return self._sizes[key]
