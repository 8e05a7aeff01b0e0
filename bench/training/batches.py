"""The batches of a training: images of the data set, or a fixed share of extra ones beside them.

Carmon et al. 2019, arXiv:1905.13736 (half of each batch); Rebuffi et al. 2021, arXiv:2103.01946; Gowal et al. 2021,
arXiv:2110.09468, who call it the original-to-generated ratio; Wang et al. 2023, arXiv:2302.04638 (0.7 of each batch).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.core.errors import BadInput
from bench.data.dataset import Dataset
from bench.data.extra import ExtraImages
from bench.data.images import Images
from bench.data.loader import crop_and_flip, epoch_batches, to_float
from bench.training.job import Job


def training_batches(
    images: Images, extra: ExtraImages | None, data: Dataset, job: Job, rows: Tensor | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of a job in a new random order: x float32 (B, C, H, W) in [0, 1], q (B, classes) distributions.

    Args:
        images: of the data set `data`.
        extra: of which each batch takes `job.extra_share`; None: no such images.
        rows: as of `epoch_batches`, where processes share each batch.
    """
    plan = job.plan
    pad, flip = data.pad if plan.pad is None else plan.pad, data.flip if plan.flip is None else plan.flip
    size = min(plan.batch_size, len(images))
    if extra is not None:
        yield from extra_batches(images, extra, size, job.extra_share, pad=pad, flip=flip, rows=rows)
        return
    for x, y in epoch_batches(images, size, pad=pad, flip=flip, rows=rows):
        yield x, F.one_hot(y, data.num_classes).float()


def count_extra(batch_size: int, share: float) -> int:
    """How many images of a batch are extra ones: share * batch_size, rounded; BadInput if none or all would be."""
    count = round(share * batch_size)
    if not count:
        raise BadInput(
            f"--extra-share {share:g} leaves no extra image in a batch of {batch_size}; give {1 / batch_size:.2g} "
            "or more"
        )
    if count >= batch_size:
        raise BadInput(
            f"--extra-share {share:g} leaves no image of the data set in a batch of {batch_size}; give "
            f"{1 - 1 / batch_size:.6g} or less"
        )
    return count


def extra_rows(batch_size: int, count: int) -> Tensor:
    """Which rows of a batch are extra images, (batch_size,) bool: `count` of them, at equal distances.

    So each of the parts that a batch is cut into, or shared out by, has its share of them.
    """
    before = torch.arange(batch_size + 1) * count // batch_size
    return before[1:] > before[:-1]


def extra_batches(
    images: Images,
    extra: ExtraImages,
    batch_size: int,
    share: float,
    *,
    pad: int,
    flip: bool,
    rows: Tensor | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in a new random order: x float32 (B, C, H, W) in [0, 1], q (B, classes) distributions.

    An epoch has as many batches as one of `images` alone (see `epoch_batches`), so it passes over a part of these.
    No image comes twice in it, unless there are fewer extra images than it takes. Random numbers are drawn on the CPU
    before the first batch, in the same way whichever rows are asked for.

    Args:
        share: of each batch that are extra images; see `count_extra`.
        pad, flip, rows: as of `epoch_batches`.
    """
    size = min(batch_size, len(images))
    steps, is_extra = len(images) // size, extra_rows(size, count_extra(size, share))
    needed, passes = steps * int(is_extra.sum()), -(-steps * int(is_extra.sum()) // len(extra))
    places = torch.empty(steps, size, dtype=torch.int64)  # of each row, in `images` or in `extra`
    places[:, ~is_extra] = torch.randperm(len(images))[: steps * size - needed].view(steps, -1)
    places[:, is_extra] = torch.cat([torch.randperm(len(extra)) for _ in range(passes)])[:needed].view(steps, -1)
    corner = torch.randint(2 * pad + 1, (steps, 2, size))
    mirror = torch.rand(steps, size) < 0.5
    if rows is not None:
        places, corner, mirror, is_extra = places[:, rows], corner[..., rows], mirror[:, rows], is_extra[rows]
    device = images.x.device
    originals = images.batches([step[~is_extra] for step in places])
    for step, x in enumerate(originals):
        own, (more, q_more) = places[step, ~is_extra], extra.batch(places[step, is_extra])
        q = F.one_hot(images.y[own.to(device)], extra.classes).float()
        more = to_float(more).to(x.dtype) if x.is_floating_point() else more
        x, q = _interleave(x, more.to(device), is_extra), _interleave(q, q_more.to(device), is_extra)
        yield crop_and_flip(x, corner[step].to(device), mirror[step].to(device), pad=pad, flip=flip), q


def _interleave(x: Tensor, more: Tensor, is_extra: Tensor) -> Tensor:
    """A batch of the rows of `more` where is_extra (B,) holds, and of those of x elsewhere."""
    where, whole = is_extra.to(x.device), x.new_empty(len(is_extra), *x.shape[1:])
    whole[where], whole[~where] = more, x
    return whole
