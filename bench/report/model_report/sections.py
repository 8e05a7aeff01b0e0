"""Builds the sections of a model report below its verdict."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.core.parsing import format_radius
from bench.report.audit.thresholds import INDICATORS
from bench.report.model_report.content import (
    Block,
    CaptionedTable,
    Code,
    Facts,
    Items,
    Picture,
    PictureRows,
    Pixels,
    Section,
    Text,
)
from bench.report.model_report.measured import ModelMeasurements, settings_of
from bench.report.model_report.measurement import MeasuredCondition
from bench.report.model_report.numbers import corruptions, curves, numbers
from bench.report.model_report.untried import list_untried
from bench.report.model_report.words import PROBE_TEXTS, attack_words, join_words, sentence
from bench.report.table_formats.table_text import MISSING
from bench.results.kinds import ATTACK, CORRUPTION, SWEEP
from bench.results.report_file import Example


def sections(measured: ModelMeasurements) -> tuple[Section, ...]:
    """All sections with any content, in order."""
    found = [
        Section("The numbers", tuple(numbers(measured))),
        Section("Accuracy over the radius", tuple(curves(measured))),
        Section("Corruptions", tuple(corruptions(measured))),
        Section("The most fragile images", tuple(_pictures(measured))),
        Section("What was tried", tuple(_attacks_and_probes(measured))),
        Section("What was not tried", (Items(list_untried(measured)),)),
        Section("What was run, and how to verify it", tuple(_run(measured))),
    ]
    return tuple(section for section in found if section.blocks)


def _pictures(measured: ModelMeasurements) -> Iterator[Block]:
    facts = measured.facts
    if facts.without:
        yield Text(sentence(f"No images were kept: {facts.without}"))
        return
    pictures = []
    for example, clean, change in zip(facts.examples, measured.pictures.clean, measured.pictures.change, strict=True):
        x = (clean / 255).astype(np.float32)
        largest = max(float(np.abs(change).max()), 1e-12)
        texts = (
            f"{example.label}, {_describe_prediction(example)} (no. {example.image})",
            f"taken for {example.after}, within {facts.norm} {format_radius(example.eps)}",
            f"{_describe_magnification(0.5 / largest)}; broken in {example.broken_by} of {example.measurements} "
            "measurements",
        )
        magnified = 0.5 + change * np.float32(0.5 / largest)
        pictures.append(Picture(texts, _pixels(x), _pixels(x + change), _pixels(magnified)))
    caption = (
        f"Of the images that most measurements broke, those that {facts.attack} breaks within the smallest radius; it "
        "was run once more for these pictures, and no number comes from them. Grey in the difference is no change."
    )
    yield PictureRows(caption, ("Clean image", "Changed image", "Difference"), tuple(pictures))


def _describe_prediction(example: Example) -> str:
    return "recognised" if example.before == example.label else f"taken for {example.before}"


def _describe_magnification(times: float) -> str:
    return f"magnified {times:.0f} times" if times >= 1.5 else "as it is"


def _pixels(image: NDArray[np.float32]) -> Pixels:
    """An image (1 or 3, H, W) in [0, 1] as 8-bit (H, W, 3)."""
    rgb = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    pixels: Pixels = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)
    return pixels


def _attacks_and_probes(measured: ModelMeasurements) -> Iterator[Block]:
    found: dict[tuple[str, str], list[MeasuredCondition]] = {}
    for one in measured.of(ATTACK, SWEEP):
        found.setdefault((one.name, settings_of(one.params)), []).append(one)
    meanings = measured.facts.meanings
    lines = [
        (name, attack_words(name, meanings), settings or MISSING, _balls(own))
        for (name, settings), own in found.items()
    ]
    if lines:
        caption = "Attacks know the model and follow its gradients, unless it says otherwise. eps is the radius."
        yield CaptionedTable(caption, ("Attack", "What it does", "Settings", "Radii"), tuple(lines))
    if corrupted := measured.of(CORRUPTION):
        names = list(dict.fromkeys(one.name.replace("_", " ") for one in corrupted))
        yield Text(f"Corruptions, which no attacker chooses: {join_words(names)}.")
    if probes := measured.probes:
        columns = ("Probe", "What it asks", "Images", "Of", "Expected below")
        yield CaptionedTable(
            "Probes of the model (--audit) for signs that attacks fail for another reason than robustness, and how "
            "many images show each.",
            columns,
            tuple(_probe(probe, len({(probe["norm"], probe["eps"]) for probe in probes}) > 1) for probe in probes),
            frozenset(columns[2:]),
        )


def _balls(own: list[MeasuredCondition]) -> str:
    """The radii of one attack's measurements as text, by norm."""
    norms = dict.fromkeys(one.ball.norm for one in own if one.ball)
    texts = []
    for norm in norms:
        radii = sorted({one.ball.eps for one in own if one.ball and one.ball.norm == norm})
        texts.append(f"{norm} " + ", ".join(format_radius(eps) if np.isfinite(eps) else "any" for eps in radii))
    return "; ".join(texts)


def _probe(probe: dict[str, object], several: bool) -> tuple[str, ...]:
    """A line of the table of probes. several: whether the model was probed with several threats."""
    name, n = str(probe["name"]), int(str(probe["n"]))
    indicator = INDICATORS.get(name)
    attack = re.search(r'"attack": "([^"]+)"', str(probe["params"]))
    limit = f"{100 * indicator.share:.1f} %" if indicator else MISSING
    images = f"{round(float(str(probe['value'])) * n):,}" if n else MISSING
    ball = f"{probe['norm']} {format_radius(float(str(probe['eps'])))}" if several else ""
    details = ", ".join(filter(None, [attack[1] if attack else "", ball]))
    title = f"{name} ({details})" if details else name
    return title, PROBE_TEXTS.get(name, MISSING), images, f"{n:,}" if n else "none", limit


def _run(measured: ModelMeasurements) -> Iterator[Block]:
    job, facts = measured.job, measured.facts
    row = {str(name): value for name, value in measured.rows_shown.iloc[-1].items()}
    environment = job.get("environment")
    machine = {str(k): str(v) for k, v in environment.items()} if isinstance(environment, dict) else {}
    versions = [f"{name} {machine[name]}" for name in ("bench", "torch", "numpy", "python") if name in machine]
    of = f" of {facts.test_images:,}" if facts.test_images > measured.n else ""
    images = f"the first {measured.n:,}{of} test images" if measured.is_partial else f"all {measured.n:,} test images"
    lines = [
        ("Model", str(row["recipe"])),
        ("Given as", str(job.get("spec", ""))),
        ("Fingerprint", str(job.get("identity", ""))),
        ("Data", f"{row['dataset']}, {images}"),
        (
            "Evaluated on",
            f"{row['device']}, search in {row['precision']}, outcomes in fp32; protocol {row['protocol']}",
        ),
        ("Versions", ", ".join(versions)),
        ("Machine", machine.get("system", "")),
        ("Random numbers", "seed 0, the same draws for an image in any order or batch"),
        ("Scored in spite of", "; ".join(measured.alarms)),
        ("Chosen on loading", "; ".join(map(str, _texts(job.get("choices"))))),
        ("Rows", str(row["run"])),
    ]
    yield Facts(tuple((name, text) for name, text in lines if text))
    yield Text("The commands:" if len(facts.commands) > 1 else "The command:")
    yield Code("\n".join(facts.commands))
    yield Text(
        "With another --results each measures everything anew, and bench compare says where two results folders "
        "differ. With --save-adv (not beside --sweep) every image that an attack broke is kept, and bench verify "
        "checks each by one forward pass of the model:"
    )
    yield Code(f"bench verify {facts.results}/{row['run']}")


def _texts(value: object) -> list[object]:
    return value if isinstance(value, list) else []
