"""Lists what a model report does not answer, each with the option of `bench eval` that would."""

import re
from collections.abc import Iterator

from bench.core.parsing import format_radius, split_last
from bench.report.labels import is_autoattack
from bench.report.model_report.measured import ModelMeasurements
from bench.report.model_report.words import join_words
from bench.results.kinds import ATTACK, CORRUPTION, SWEEP, UNION

AUTOATTACK_PARTS = ("APGD-CE", "APGD-T", "FAB-T", "Square")  # of AutoAttack
NORM_TEXTS = {
    "Linf": "Changes that are limited pixel by pixel (Linf): --norm Linf --eps RADIUS.",
    "L2": "Changes that are limited in their length over all pixels (L2): --norm L2 --eps RADIUS.",
    "L1": "Changes of few pixels, limited in their sum over all (L1): --norm L1 --eps RADIUS.",
}
MAX_NAMES = 8  # names in a list


def list_untried(measured: ModelMeasurements) -> tuple[str, ...]:
    """Sentences on attacks, threats, corruptions and checks that were not run on a model."""
    return tuple(_find_untried(measured))


def _find_untried(measured: ModelMeasurements) -> Iterator[str]:
    tried = {split_last(one.name)[0] for one in measured.of(ATTACK, SWEEP) if one.share and not one.source}
    if not any(map(is_autoattack, tried)):
        yield (
            "AutoAttack, without which no number here compares with published ones such as RobustBench's: "
            "--attacks AutoAttack."
        )
    if others := _other_attacks(tried, measured.facts.attacks):
        yield f"Other attacks that the bench has: {_some(others)} (bench list attacks)."
    norms = {ball.norm for ball in measured.balls}
    yield from (text for norm, text in NORM_TEXTS.items() if norm not in norms)
    radii = {(ball.norm, ball.eps) for ball in measured.balls}
    if len(radii) == 1:
        ((norm, eps),) = radii
        yield f"Other radii than {norm} {format_radius(eps)}; a curve over the radius takes --sweep."
    yield from _corruptions(measured)
    if tried and not measured.probes:
        yield "Probes of the model for signs that its gradients mislead attacks: --audit."
    if not measured.of(UNION):
        yield "Attacks on images that are corrupted already: --attack-corrupted."
    if not any(one.source for one in measured.all):
        yield "Images that were made on other models, as an attacker without access would: --source SPEC."
    if measured.is_partial:
        total = f" of {measured.facts.test_images:,}" if measured.facts.test_images > measured.n else ""
        yield f"All test images: the first {measured.n:,}{total} were used (--limit)."
    yield "Other random numbers, and other trainings of this model: everything is of one seed and one set of weights."
    yield (
        "Whatever is no small change of a test image: patches, large rotations or translations as attacks, printed or "
        "photographed images, poisoned training data, images of another origin. This bench does not measure these."
    )


def _other_attacks(tried: set[str], known: tuple[str, ...]) -> list[str]:
    """Registered attacks that were not run; of a family (PGD-k) any number of steps counts as run."""
    through = set(AUTOATTACK_PARTS) if any(map(is_autoattack, tried)) else set()
    families = {re.sub(r"\d+", "k", name) for name in tried}
    return [name for name in known if name not in tried | families | through and not is_autoattack(name)]


def _corruptions(measured: ModelMeasurements) -> Iterator[str]:
    known, used = measured.facts.corruptions, {one.name for one in measured.of(CORRUPTION)}
    if not used:
        yield f"Corruptions such as noise, blur and fog: none of the bench's {len(known)} (--corruptions)."
    elif left := [name for name in known if name not in used]:
        yield f"{len(left)} of the bench's {len(known)} corruptions: {_some(left)} (--corruptions)."
    severities = {one.severity for one in measured.of(CORRUPTION)}
    if used and severities < {1, 2, 3, 4, 5}:
        yield f"Other severities of corruptions than {join_words([*map(str, sorted(severities))])}: --severities."


def _some(names: list[str]) -> str:
    words = [name.replace("_", " ") for name in names]
    return ", ".join(words[:MAX_NAMES]) + (f" and {len(words) - MAX_NAMES} more" if len(words) > MAX_NAMES else "")
