"""Which test images are judged, and what with."""

from dataclasses import dataclass

from bench.data.dataset import Images
from bench.evaluation.arguments import check_range


@dataclass(frozen=True)
class EvalSettings:
    """Settings of an evaluation. Of those, the precision and the seed alone change what is found of an image."""

    n: int | None = None  # the first of the test set; None: all
    start: int = 0  # the first of these to judge: a border of blocks, where the attack has any
    precision: str = "fp32"  # fp32, bf16, or auto for whichever the device computes faster; of the search alone
    batch_size: int = 128  # images worked on at a time
    seed: int = 0

    def resolve_n(self, images: Images) -> int:
        """How many images `n` stands for. BadInput where there are not so many, or none from `start` on."""
        n = len(images) if self.n is None else self.n
        check_range(images, self.start, n)
        return n
