"""Shards of the test images, so that several machines can evaluate one model."""

from dataclasses import dataclass

from bench.core.errors import BadInput
from bench.core.parsing import format_count

MAX_SHARDS = 100_000
SHARD_BLOCK = 128  # images; shards are cut between blocks, as some attacks draw random numbers for a whole block


@dataclass(frozen=True)
class Shard:
    """The index-th of count shards, 1 <= index <= count <= MAX_SHARDS; BadInput for other values."""

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if self.count > MAX_SHARDS:
            raise BadInput(f"--shard: at most {MAX_SHARDS} shares, each of a block of images")
        if self.count < 1:
            raise BadInput(f"--shard {self}: there is at least one share; the form is i/n, such as 1/3")
        if not 1 <= self.index <= self.count:
            raise BadInput(f"--shard {self} is none of the shares 1/{self.count} to {self.count}/{self.count}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def suffix(self) -> str:
        """Suffix of the names of its files, such as -1of3; empty if there is one shard."""
        return f"-{self.index}of{self.count}" if self.count > 1 else ""

    def ids(self, n: int, block: int | None) -> range:
        """Ids of its images out of the first n. Cuts lie between blocks of `block` images, by default SHARD_BLOCK.

        BadInput if there are fewer blocks than shards.
        """
        size = block or SHARD_BLOCK
        blocks = -(-n // size)
        if self.count > blocks > 0:
            raise BadInput(
                f"--shard {self}: {format_count(n, 'image')} are {format_count(blocks, 'block')} of "
                f"{size}, so at most {format_count(blocks, 'shard')}"
            )
        first, last = (blocks * k // self.count * size for k in (self.index - 1, self.index))
        return range(first, min(last, n))


WHOLE_SET = Shard()
