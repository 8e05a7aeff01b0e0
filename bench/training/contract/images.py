"""Checks of the batch that a recipe is given and of the images that it trains on."""

import torch
from torch import Tensor

from bench.core.parsing import format_count
from bench.training.contract.probe import Broken, Probe
from bench.training.recipe import Recipe, scaled


def images_and_labels_stay(recipe: Recipe) -> None:
    """The loss does not change the batch in place."""
    probe = Probe(recipe)
    before = probe.x.clone(), probe.q.clone()
    probe.loss()
    check_batch_is_unchanged((probe.x, probe.q), before)


def check_batch_is_unchanged(batch: tuple[Tensor, Tensor], before: tuple[Tensor, Tensor]) -> None:
    """Broken if images or labels differ from what they were before the loss."""
    for name, now, then in zip("xq", batch, before, strict=True):
        if not torch.equal(now, then):
            raise Broken(
                f"saw {format_count(int((now != then).sum()), 'number')} of the batch's "
                f"{name} changed in place; work on a copy"
            )


def training_images_are_in_range(recipe: Recipe) -> None:
    """Images that the model is trained on lie in [0, 1]; the model normalises them itself."""
    probe = Probe(recipe)
    probe.loss()
    if not probe.seen:
        raise Broken("saw no image shown to the model in train mode; call model(x)")
    for seen in probe.seen:
        if not (seen.min() >= 0 and seen.max() <= 1):  # so that NaN is seen too
            raise Broken(f"saw it train on pixels in [{seen.min():.3f}, {seen.max():.3f}]; they belong in [0, 1]")


def its_radii_scale(recipe: Recipe) -> None:
    """With half the radii an attack moves images half as far, so all radii are annotated `Pixels` or in an Ascent."""
    probes = {share: Probe(scaled(recipe, share)) for share in (0.0, 0.5, 1.0)}
    for probe in probes.values():
        probe.loss()
    if not probes[1.0].attacked:
        return
    still, half, full = (torch.cat(probe.seen) for probe in probes.values())
    if not still.shape == half.shape == full.shape:
        raise Broken(f"saw {len(still)}, {len(half)} and {len(full)} images shown at none, half and all of the radii")
    near, far = (float((moved - still).abs().max()) for moved in (half, full))
    if not 0.3 * far < near < 0.7 * far:
        raise Broken(
            f"saw images move by up to {far:.4f}, and by {near:.4f} with all radii halved; "
            "annotate the fields that are radii or steps as Pixels"
        )
