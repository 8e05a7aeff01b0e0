"""Describes attacks, probes and threat models for readers who do not know them."""

import re
from collections.abc import Mapping, Sequence

from bench.core.parsing import format_radius, split_last
from bench.report.model_report.measurement import Ball, Share

ATTACK_TEXTS = (  # patterns of names, and what the attack does
    (r"FGSM", "one step along the gradient (in Linf along its sign)"),
    (r"R-FGSM", "one step along the gradient (in Linf along its sign), from a random start"),
    (r"MI-FGSM", "steps along the gradient, with momentum"),
    (r"PGD-(\d+)", r"\1 small steps along the gradient of the loss"),
    (r"CW-(\d+)", r"\1 small steps that close the margin to the strongest wrong class"),
    (r"CW-L2.*|FMN-.*|DDN", "looks for the nearest image that the model gets wrong"),
    (
        r"AutoAttack(\+|-rand|\.screened)?",
        "four strong attacks in turn without settings to choose; the usual reference",
    ),
    (r"APGD-DLR", "steps along the gradient that adapt their length, on a ratio of outputs"),
    (r"APGD-CE|APGD-T", "steps along the gradient that adapt their length; a part of AutoAttack"),
    (r"FAB-T", "looks for the nearest decision boundary; a part of AutoAttack"),
    (r"Square", "changes random squares and looks at the outputs only, not at gradients"),
    (r"(R-|PGD-)?MC.*", "towards the strongest wrong class"),
    (r"(R-|PGD-)?LL.*", "towards the least likely class"),
    (r"MultiTarget", "a search towards each wrong class"),
)
PROBE_TEXTS = {
    "changing": "the same image twice: do the outputs agree?",
    "probabilities": "are the outputs probabilities, on which attacks stall?",
    "zero-gradient": "is the gradient exactly zero?",
    "flat": "does the loss rise along its own gradient?",
    "unbounded": "does an image survive if it may be changed at will? None should",
    "squashed": "is it weaker without what stands behind its last linear layer?",
    "noise": "does it get images right only exactly as they are stored?",
    "planted": "does the attack find an error that was planted?",
}


def attack_words(name: str, meanings: Mapping[str, str]) -> str:
    """What an attack does, as a clause; of one that is not in ATTACK_TEXTS, the line that it was registered with.

    meanings: these lines by name, or by pattern such as PGD-k; see `ReportFacts`.
    """
    plain, is_last = split_last(name)
    found = next((re.sub(pattern, text, plain) for pattern, text in ATTACK_TEXTS if re.fullmatch(pattern, plain)), "")
    last = "; scored on its last step alone" if is_last else ""
    own = meanings.get(plain) or meanings.get(re.sub(r"\d+", "k", plain))
    return (found or own or "an attack that does not say what it is") + last


def ball_words(ball: Ball) -> str:
    """What a threat model allows, as a clause."""
    if ball.norm == "Linf":
        share = f"{100 * ball.eps:.1f}".removesuffix(".0")
        return f"every pixel may change by up to {format_radius(ball.eps)} ({share} % of the range from black to white)"
    if ball.norm == "L1":
        return f"the changes of all pixels may sum up (L1) to {format_radius(ball.eps)}"
    return f"the change of all pixels together may have a length (L2) of up to {format_radius(ball.eps)}"


def change_words(ball: Ball) -> str:
    """What a threat model allows, as the beginning of a sentence."""
    if ball.norm == "Linf":
        return f"When every pixel may change by up to {format_radius(ball.eps)} (Linf)"
    if ball.norm == "L1":
        return f"When the changes of all pixels may sum up to {format_radius(ball.eps)} (L1)"
    return f"When images may change by a length of up to {format_radius(ball.eps)} (L2)"


def share_words(share: Share) -> str:
    """A share with its interval, such as 294 (98.0 %, 95 % interval 95.7 to 99.1)."""
    low, high = share.interval
    return f"{share.right:,} ({share.percent:.1f} %, 95 % interval {low:.1f} to {high:.1f})"


def join_words(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def sentence(text: str) -> str:
    """The text on one line, with a full stop."""
    plain = " ".join(text.split())
    return plain if plain.endswith((".", "!", "?")) else f"{plain}."
