"""The verdict at the head of a model report, in plain words, from its measurements alone."""

import json
import math
from collections.abc import Iterator
from statistics import fmean

from bench.core.stats import wilson
from bench.report.corruptions.table import other_set
from bench.report.labels import AUTOATTACK, is_autoattack
from bench.report.leaderboard.badges import MIN_IMAGES
from bench.report.model_report.content import Level
from bench.report.model_report.measured import ModelMeasurements
from bench.report.model_report.measurement import Ball, Worst
from bench.report.model_report.words import ball_words, change_words, join_words, sentence, share_words
from bench.results.kinds import ATTACK, CORRUPTION

DOUBT_TEXTS = {"suspect": "In doubt: ", "invalid": "Not valid: "}


def level(measured: ModelMeasurements) -> Level:
    """The level of the verdict."""
    word = measured.verdict.partition(":")[0]
    return "unknown" if not word else "ok" if word == "ok" else "suspect" if word == "suspect" else "invalid"


def headline(measured: ModelMeasurements) -> str:
    """The verdict in one sentence."""
    clean, balls = measured.clean, measured.balls
    if clean is None or clean.share is None:
        return "Nothing was measured, so nothing is known of this model."
    if balls and (worst := measured.worst(balls[0])).share is None:
        failed = join_words([one.column for one in worst.failed]) or "Every attack"
        return f"{failed} failed, so nothing is known of how this model stands up to an attacker."
    if balls:
        doubt = DOUBT_TEXTS.get(level(measured), "")
        found = _describe_broken(clean.share.right, measured.worst(balls[0]), balls[0])
        return doubt + (found[0].lower() + found[1:] if doubt else found)
    accuracy = f"{clean.share.percent:.1f} % of clean images"
    nothing = "nothing was attacked, so nothing is known of how it stands up to an attacker."
    if corrupted := _corruption_texts(measured):
        return f"Right on {accuracy} and, on average, on {join_words(corrupted)}; {nothing}"
    return f"Right on {accuracy}; {nothing}"


def _corruption_texts(measured: ModelMeasurements) -> list[str]:
    """The mean accuracy on corrupted images in words; published sets of other corruptions have means of their own."""
    shares: dict[str, list[float]] = {}
    for one in measured.of(CORRUPTION):
        if one.share:
            shares.setdefault(other_set(json.loads(one.params or "{}")), []).append(one.share.percent)
    return [f"{fmean(of):.1f} % of {f'those of {name}' if name else 'corrupted ones'}" for name, of in shares.items()]


def _describe_broken(right: int, worst: Worst, ball: Ball) -> str:
    """A sentence on the share of correctly classified images that attacks break."""
    assert worst.share is not None
    if not right:
        return "The model gets no clean image right, so there is nothing to attack."
    broken = right - worst.share.right
    low, high = wilson(broken, right)
    if low > 0.95:
        share = "nearly every image"
    elif low > 0.5:
        share = "most images"
    elif high < 0.05:
        share = "hardly any image"
    else:
        share = "fewer than half of the images" if high < 0.5 else "about half of the images"
    return f"{change_words(ball)}, attacks fool the model on {share} that it gets right: {broken:,} of {right:,}."


def paragraphs(measured: ModelMeasurements) -> tuple[str, ...]:
    """The sentences below the headline: accuracies, doubts, and what the verdict does not cover."""
    return tuple(_paragraphs(measured))


def _paragraphs(measured: ModelMeasurements) -> Iterator[str]:
    clean, balls = measured.clean, measured.balls
    if clean is None or clean.share is None:
        return
    dataset = str(measured.rows["dataset"].iloc[0])
    first = f"Of {measured.n:,} test images of {dataset} the model classifies {share_words(clean.share)} correctly."
    worst = measured.worst(balls[0]) if balls else None
    if worst and worst.share:
        tried = join_words(worst.attacks)
        under = f"every attack tried ({tried})" if len(worst.attacks) > 1 else tried
        first += f" When {ball_words(balls[0])}, {share_words(worst.share)} stay correct under {under}."
    yield first
    if worst and worst.failed:
        yield from (sentence(f"{one.column} failed and is not counted: {one.failure}") for one in worst.failed)
    yield from _other_balls(measured)
    if measured.alarms:
        yield sentence(f"The model was evaluated in spite of this: {'; '.join(measured.alarms)}")
    if measured.verdict.partition(":")[0] in DOUBT_TEXTS:
        yield _describe_doubt(measured.verdict)
    if worst and worst.share:
        yield _describe_upper_bound(measured, worst)
        yield (
            f"This holds for changes within {balls[0]} of these images, and for nothing else; what else an attacker "
            "could do, or a camera could see, stands under “What was not tried”."
        )
    if measured.n < MIN_IMAGES:
        wide = max(share.spread for share in (clean.share, worst.share if worst else None) if share)
        yield f"{measured.n:,} images are few: these shares are known to about ±{wide:.0f} points only."


def _other_balls(measured: ModelMeasurements) -> Iterator[str]:
    """A sentence on the accuracy in other balls that were attacked; sweeps have a section of their own."""
    attacked_balls = {one.ball for one in measured.of(ATTACK) if one.counts}
    found = [
        (ball, measured.worst(ball).share)
        for ball in measured.balls[1:]
        if ball in attacked_balls and math.isfinite(ball.eps)
    ]
    shares = [f"{share_words(share)} within {ball}" for ball, share in found if share]
    if shares:
        yield sentence(f"Under other attacks stay correct: {join_words(shares)}")


def _describe_doubt(verdict: str) -> str:
    word, _, reasons = verdict.partition(": ")
    if word == "suspect":
        meaning = "An attack may have failed without the model being any harder to attack, so true numbers may be lower"
    else:
        meaning = "The numbers under attack mean nothing before this is mended"
    return sentence(f"Checks raised this: {reasons.rstrip('.')}. {meaning}")


def _describe_upper_bound(measured: ModelMeasurements, worst: Worst) -> str:
    """Sentences on why accuracy under attack is an upper bound, and how tight it is."""
    assert worst.share is not None
    text = f"{worst.share.percent:.1f} % is an upper bound: an attack that nobody tried here may break more images."
    if any(map(is_autoattack, worst.attacks)):
        text += f" {AUTOATTACK}, the field's usual reference, is among those tried."
    else:
        text += f" {AUTOATTACK}, the field's usual reference, is not among those that count here, "
        text += "and often breaks more."
    if level(measured) == "ok":
        searched = (
            "The audit's probes of the model" if measured.probes else "Comparisons of the attacks with each other"
        )
        text += f" {searched} found nothing that speaks against these numbers."
    return text
