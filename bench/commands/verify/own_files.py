"""Checks a file of adversarial images of this bench."""

import torch
from torch import nn

from bench.commands.verify.claim import Claim
from bench.commands.verify.predictions import OtherClass, describe_other_classes, find_other_classes
from bench.commands.verify.reference import Reference, find_misplaced
from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.threats.threat import NORMS, Threat
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.arguments import cast_for_model
from bench.evaluation.identity import is_same_model

MAX_TIES = 0.001  # share of images whose prediction may depend on their batch, as the largest logits are nearly equal
DRAWS = 10  # predictions of each image by a model with random logits; an image fools it if one of them is wrong


def check_adversarial_set(claim: Claim, against: Reference) -> tuple[list[str], str]:
    """Check a file of this bench: faults, and a summary for when there are none."""
    about, spec = claim.about, against.spec or claim.model_spec()
    data, test = against.test(against.dataset or str(claim.job.get("source", about["dataset"])))
    try:
        net, identity, is_stochastic = against.model(spec, data, test)
    except BadInput as error:
        if against.spec:  # the model that the user named, not that of the folder
            raise
        return [str(error)], ""
    n, threat, whose = about["n"], NORMS[about["norm"]](about["eps"]), f" of shard {claim.shard}"
    faults = ["it was made for another model"] if not is_same_model(identity, about["identity"]) else []
    if n > len(test) or test.first(n).fingerprint() != about["images"] or not claim.covers_shard:
        return [*faults, f"it is not of the first {n} test images of {data.name}"], ""
    if shapes := {part.codes.shape[1:] for part in claim.adversarial_set.stored.values()} - {data.shape}:
        return [*faults, f"its images are of {shapes.pop()}, and those of {data.name} of {data.shape}"], ""
    wrong, others, missed, far = check_images(claim, against, net, test, threat, DRAWS if is_stochastic else 1)
    faults += [*wrong, *claim.list_contradictions()]
    missing, notes = count_missing(claim, against, net, test), ""
    if missed and is_stochastic and missed <= len(claim.image_ids) / 2:
        notes += f"; {missed} of them in none of {DRAWS} tries, as the model draws"
    elif missed:
        faults.append(f"{missed} of {format_count(len(claim.image_ids), 'image')} do not fool the model")
    doubts = {
        describe_other_classes(others, len(claim.image_ids)): len(others),
        f"it lacks {format_count(missing, 'image')} that outcomes.npz has as broken": missing,
    }
    for text, images in doubts.items():
        if images > MAX_TIES * n and not is_stochastic:
            faults.append(text)
        elif images:
            notes += f"; {text}, {'as the model draws' if is_stochastic else 'at a tie'}"
    shown = (
        f"{len(claim.image_ids)} of {format_count(len(claim.ids), 'image')}{whose if claim.shard.count > 1 else ''} "
        "fool"
    )
    what = f"{about['attack']} {about['norm']} {about['eps']:.4g}"
    return faults, f"{shown} {about['run']} under {what}, the farthest at {far:.5f}{notes}"


def check_images(
    claim: Claim, against: Reference, net: nn.Module, test: Images, threat: Threat, draws: int
) -> tuple[list[str], list[OtherClass], int, float]:
    """Check each image of a file: faults, images of which the model predicts another class than the file has, the
    number that fool it in none of some draws, and the largest distance from a clean image."""
    faults, others, missed, far = list[str](), list[OtherClass](), 0, 0.0
    decoded = claim.adversarial_set.decode(cast_for_model(net, test.x[: claim.about["n"]]), against.device)
    for part, (names, x, x_adv) in zip(claim.adversarial_set.stored.values(), decoded, strict=True):
        faults += find_misplaced(x_adv, x, threat)
        drawn = torch.stack([against.predict(net, x_adv).cpu() for _ in range(draws)])
        predicted = drawn[0]
        missed += int((drawn == test.y[torch.from_numpy(names)]).all(0).sum())
        others += find_other_classes(part, predicted.numpy())
        far = max(far, float(threat.distance(x_adv, x).max()))
    return faults, others, missed, far


def count_missing(claim: Claim, against: Reference, net: nn.Module, test: Images) -> int:
    """Number of images that are broken by the outcomes, correct when clean, and not in the file.

    If only the last iterate is scored, images that are misclassified when clean are counted too.
    """
    rows = torch.from_numpy(claim.missing_images())
    if claim.scores_last_iterate or not len(rows):
        return len(rows)
    return int((~against.find_misclassified(net, to_float(test.x[rows]).to(against.device), test.y[rows])).sum())
