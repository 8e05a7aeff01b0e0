"""Settings of an evaluation."""

from dataclasses import dataclass

from bench.data.images import Images
from bench.evaluation.arguments import check_range


@dataclass(frozen=True)
class EvalSettings:
    """Which images are evaluated and how. Only `precision` and `seed` can change the outcome of an image."""

    n: int | None = None  # the first n of the test set; None: all
    start: int = 0  # the first image evaluated: a multiple of the attack's block, if it has one
    precision: str = "fp32"  # of the attack's search: fp32, bf16, or auto for whichever is faster
    batch_size: int = 128  # images in a forward pass
    seed: int = 0  # of the attack's draws

    def resolve_n(self, images: Images) -> int:
        """`n` as a number. BadInput where there are fewer images, or none from `start` on."""
        n = len(images) if self.n is None else self.n
        check_range(images, self.start, n)
        return n
