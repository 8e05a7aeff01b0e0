"""A cache of images for the requests of one command."""

from dataclasses import dataclass, field
from pathlib import Path

from bench.data.dataset import Dataset, Source, Split
from bench.data.extra import ExtraImages, read_extra
from bench.data.images import Images
from bench.data.memory import DataMemory


@dataclass(frozen=True)
class ImageCache:
    """Keeps images by split and limit, of one data set at a time, as two may not fit into memory.

    The lists of images and labels (`Source`) are kept for every data set.
    """

    data_dir: Path
    memory: DataMemory = field(default_factory=DataMemory)
    _sources: dict[tuple[str, Split], Source] = field(default_factory=dict)
    _images: dict[tuple[str, Split, int | None], Images] = field(default_factory=dict)
    _extra: dict[tuple[str, Path], ExtraImages] = field(default_factory=dict)

    def load(self, data: Dataset, split: Split, limit: int | None = None) -> Images:
        """As `Dataset.load`; images of other data sets are dropped."""
        key = (data.name, split, limit)
        if key not in self._images:
            for other in [known for known in self._images if known[0] != data.name]:
                del self._images[other]
            self._images[key] = data.take(self._source(data, split), split, self.data_dir, limit, self.memory)
        return self._images[key]

    def load_extra(self, data: Dataset, path: Path) -> ExtraImages:
        """As `read_extra`, of which the images of every archive stay in their file or are kept."""
        if (data.name, path) not in self._extra:
            self._extra[data.name, path] = read_extra(path, data, self.memory, self.data_dir)
        return self._extra[data.name, path]

    def size(self, data: Dataset, split: Split) -> int:
        """Number of images of a split."""
        return len(self._source(data, split).y)

    def _source(self, data: Dataset, split: Split) -> Source:
        key = (data.name, split)
        if key not in self._sources:
            self._sources[key] = data.source(split, self.data_dir)
        return self._sources[key]
