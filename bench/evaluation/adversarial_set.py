"""The adversarial images of a cell, each in the smallest number format in which it still fools the model."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.core.threats.lengths import tolerance
from bench.core.threats.linf import Linf
from bench.core.threats.threat import Threat

QUANTISATION_STEPS = {"int8": 127, "int16": 32767}  # quantisation steps from the clean image to the border of the ball
UNKNOWN_CLASS = -1  # stands for a prediction that is not in the file, as in files of earlier versions
RAW_FORM = "raw"  # unrounded pixels, for images that fool the model only with every digit


@dataclass(frozen=True)
class EncodedImages:
    """M adversarial images in one number format: perturbations in whole steps, or (raw) the pixels themselves."""

    ids: NDArray[np.int64]  # (M,) places in the test set
    codes: NDArray[Any]  # (M, C, H, W)
    units: NDArray[np.float32]  # (M,) length of a step, pixels being in [0, 1]; unused where raw
    predicted: NDArray[np.int32]  # (M,) class that the model predicts for the decoded image, or UNKNOWN_CLASS

    def decode(self, x: Tensor) -> Tensor:
        """Restore the adversarial images (M, C, H, W), given the clean images x with the same ids."""
        codes = torch.from_numpy(self.codes).to(x)
        if np.issubdtype(self.codes.dtype, np.floating):
            return codes
        return (x + codes * torch.from_numpy(self.units).to(x).view(-1, 1, 1, 1)).clamp(0, 1)

    def select(self, chosen: NDArray[np.bool_]) -> "EncodedImages":
        return EncodedImages(self.ids[chosen], self.codes[chosen], self.units[chosen], self.predicted[chosen])


@dataclass
class AdversarialSet:
    """The adversarial images of one cell (a model under a condition), by number format."""

    stored: dict[str, EncodedImages] = field(default_factory=dict)
    reached: int = 0  # all images with smaller ids have been attacked

    def __len__(self) -> int:
        return sum(len(part.ids) for part in self.stored.values())

    def add(
        self,
        ids: Sequence[int],
        x: Tensor,
        x_adv: Tensor,
        y: Tensor,
        threat: Threat,
        predict: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        """Store each image in the smallest format in which it decodes to an image of the ball that fools the model.

        An image that does not fool the model even unrounded, as can happen with a stochastic model, is left out.

        ids:   of the B images.
        x, x_adv: (B, C, H, W) in [0, 1], clean and adversarial.
        y:     true classes (B,).
        predict: from images (M, C, H, W) and their rows (M,) in x to the classes that the model predicts, (M,).
        """
        rows = torch.arange(len(x), device=x.device)
        for form, level in {**QUANTISATION_STEPS, RAW_FORM: 0}.items():
            if not len(rows):
                return
            codes, units = (
                round_perturbations(x_adv[rows], x[rows], threat, level) if level else (x_adv[rows], rows.float())
            )
            numbers = codes.cpu().numpy().astype(form) if level else codes.cpu().numpy()
            names = np.array([ids[row] for row in rows.tolist()], np.int64)
            tried = EncodedImages(
                names, numbers, units.cpu().numpy().astype(np.float32), np.full(len(names), UNKNOWN_CLASS, np.int32)
            )
            images = tried.decode(x[rows])
            far, predicted = threat.distance(images, x[rows]), predict(images, rows)
            good = (predicted != y[rows]) & ((far <= threat.eps + tolerance(threat.eps)) | (level == 0))
            tried = replace(tried, predicted=predicted.cpu().numpy().astype(np.int32))
            if good.any():
                self.stored[form] = _join([*self._in_format(form), tried.select(good.cpu().numpy())])
            rows = rows[~good]

    def _in_format(self, form: str) -> list[EncodedImages]:
        return [self.stored[form]] if form in self.stored else []

    def truncate(self, limit: int) -> "AdversarialSet":
        """A set of the stored images with ids below the limit."""
        parts = {form: part.select(part.ids < limit) for form, part in self.stored.items()}
        return AdversarialSet({form: part for form, part in parts.items() if len(part.ids)}, limit)

    def decode(self, clean: Tensor, device: torch.device) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
        """Yield ids, clean images and adversarial images of each format. clean: the first N images, (N, C, H, W)."""
        for part in self.stored.values():
            x = clean[torch.from_numpy(part.ids).to(clean.device)].to(device)
            yield part.ids, x, part.decode(x)


def round_perturbations(x_adv: Tensor, x: Tensor, threat: Threat, level: int) -> tuple[Tensor, Tensor]:
    """Round perturbations to whole steps (B, C, H, W) of lengths (B,), so that the result stays in the ball.

    The steps of minimum-norm attacks, whose ball has no border, are shares of each image's own largest change.
    """
    change = x_adv - x
    if isinstance(threat, Linf) and math.isfinite(threat.eps):
        units = x.new_full((len(x),), threat.eps / level)
    else:
        units = change.flatten(1).abs().amax(1).clamp_min(1e-12) / level
    steps = (change / units.view(-1, 1, 1, 1)).round().clamp(-level, level)
    if isinstance(threat, Linf):
        return steps, units
    far = threat.distance(steps, torch.zeros_like(steps)) * units
    return steps, units * (threat.eps / far).clamp_max(1)  # rounding may lengthen a perturbation in L2 or L1


def join(adversarial_sets: Sequence[AdversarialSet]) -> AdversarialSet:
    """Concatenate sets of consecutive images into one."""
    forms = dict.fromkeys(form for adversarial_set in adversarial_sets for form in adversarial_set.stored)
    return AdversarialSet(
        {form: _join([p for a in adversarial_sets for p in a._in_format(form)]) for form in forms},
        adversarial_sets[-1].reached,
    )


def _join(parts: Sequence[EncodedImages]) -> EncodedImages:
    names = [column.name for column in fields(EncodedImages)]
    return EncodedImages(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
