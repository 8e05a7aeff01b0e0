"""`bench speed`: loads or trains models, times the parts, and writes the table."""

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from bench.commands.speed.parts import PARTS, PartWithoutModel
from bench.commands.speed.race import Contest, flops, frozen_name, peak, race
from bench.commands.speed.subject import Subject
from bench.commands.speed.table import LEFT_COLUMNS, SpeedLine, compare, display, frame
from bench.commands.start import start
from bench.core.device import describe
from bench.core.errors import BadInput, Failed
from bench.core.parsing import format_count
from bench.core.threats.linf import Linf
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.load import load_external
from bench.evaluation.external.model_checks import model_warnings
from bench.evaluation.external.spec import parse_spec
from bench.report.files import replace_files
from bench.report.readme import write_readme
from bench.report.table_formats import table_text as plain
from bench.results.run_folder import RunFolder
from bench.runner.grid import test_images
from bench.runner.options import CellOptions, RunOptions
from bench.runner.planned_run import make_runner
from bench.runner.request import Request
from bench.runner.run import run_requests
from bench.training.run_folder import failure

# columns that the terminal has no room for
TABLE_ONLY = ("Model", "Seconds", "Theirs", "Range", "Passes", "Floor %", "Note")
NOTE = (
    "Ratio: seconds of theirs / ours, median of paired repeats, all in one process with the same threads and settings "
    "(glibc keeps freed memory, for all alike) and the same images; the evaluation of the images included; peers get "
    "the model as training leaves it, with weights that take gradients; Frozen: the same ratio where they take none. "
    "Imports and a first call are over before the clock starts. Right: images that are right after the attack, ours "
    "under any iterate. Weaker, stronger: images that only theirs, only ours breaks. Passes: gradients per image. "
    "Floor: the least that our passes could take at the peak of a matrix product, as a share of our seconds."
)

Named = tuple[str, torch.nn.Module]


@dataclass(frozen=True)
class SpeedOptions:
    """The options of `bench speed`."""

    dataset: str
    model: str | None
    methods: tuple[str, ...]
    of: tuple[str, ...]  # SPECs of models, instead of methods
    limit: int
    parts: tuple[str, ...]
    repeats: int
    data_dir: Path
    device: str
    batch_size: int
    results: Path
    reports: Path


def measure_speed(options: SpeedOptions) -> int:
    """Measure all parts, print the table and write it to reports/speed. Returns 0.

    BadInput for wrong options, before anything is trained.
    """
    device, parts = start(options.device, options.results, options.reports), PARTS.select(list(options.parts))
    console, lines = Console(file=sys.stderr), list[SpeedLine]()
    for line in measure_all(options, device, parts):
        lines.append(line)
        text = f"{line.ours} on {line.model} against {line.peer}: {line.ratio:.2f}"
        console.print(text, highlight=False, markup=False)
    attacked = any(not isinstance(PARTS[part], PartWithoutModel) for part in parts)
    images = f"{options.dataset}, first {options.limit} test images, " if attacked else ""
    title = f"{images}{options.repeats} repeats, {machine(device)}"
    text = f"# Speed\n\n{title}\n\n{plain.markdown(display(lines), LEFT_COLUMNS)}\n{NOTE}\n"
    rows, folder = plain.csv(frame(lines)), options.reports / "speed"
    replace_files(folder, {"speed.md": text, "speed.csv": rows})
    write_readme(options.reports)
    for model, shown in display(lines).groupby("Model", sort=False):
        plain.print_table(Console(), shown.drop(columns=[*TABLE_ONLY]), LEFT_COLUMNS, f"{model}: {title}")
    print(f"{NOTE}\ntable: {folder / 'speed.md'}")
    return 0


def measure_all(options: SpeedOptions, device: torch.device, parts: list[str]) -> Iterator[SpeedLine]:
    """Measure every part on every model, then the parts without a model."""
    raced, others = dict[str, Callable[[Subject], Contest]](), list[PartWithoutModel]()
    for name in parts:
        part = PARTS[name]
        if isinstance(part, PartWithoutModel):
            others.append(part)
        else:
            raced[name] = part
    for subject in subjects(options, device) if raced else ():
        for set_up in raced.values():
            yield from run_contest(subject, set_up(subject), options.repeats, device)
    for part in others:
        yield from part.lines(options.repeats, device)


def run_contest(subject: Subject, contest: Contest, repeats: int, device: torch.device) -> list[SpeedLine]:
    """Measure one part on one model: a line for each pair; none if the part is not measured on this device."""
    if not contest.pairs:
        return []
    runs = race(contest.runners, repeats, device)
    images = to_float(subject.test.x[: min(subject.n, subject.batch_size)])
    rate = peak(device, contest.precision) / flops(subject.model, images)
    return [
        compare((ours, peer), subject.name, subject.n, runs[ours], runs.get(peer), rate, runs.get(frozen_name(peer)))
        for ours, peer in contest.pairs
    ]


def subjects(options: SpeedOptions, device: torch.device) -> Iterator[Subject]:
    """The models to attack; those of methods are trained at the quick budget unless the results folder has them.

    BadInput where the data set or a model does not suit the peers.
    """
    data = dataset(options.dataset, options.data_dir)
    if not isinstance(data.threat, Linf):
        raise BadInput(f"peers are compared in Linf, and {data.name} has {data.threat}; name another --dataset")
    request = Request(options.methods, options.dataset, options.model, budget="quick", attacks=(), limit=options.limit)
    test, n = test_images(request, data, data.quick, ImageCache(options.data_dir))
    test = test.to(device)
    for name, net in load_nets(options, data, test) if options.of else train_net(request, options, device):
        if wrong := model_warnings(net, data, test, attacked=True):
            raise BadInput(f"{name}: {'; '.join(wrong)}")
        yield Subject(name, net, test, n, data.threat, options.batch_size, data.num_classes, data.pad, data.flip)


def load_nets(options: SpeedOptions, data: Dataset, test: Images) -> list[Named]:
    """The models of --of, on the device of the test images."""
    sources, access = [parse_spec(spec) for spec in dict.fromkeys(options.of)], Access(options.data_dir)
    return [(source.name, load_external(source, data, test, access, attacked=None).net) for source in sources]


def train_net(request: Request, options: SpeedOptions, device: torch.device) -> list[Named]:
    """Train the models of --methods unless the results folder has them; Failed if a training has failed."""
    to_train = RunOptions(
        data_dir=options.data_dir,
        results=options.results,
        reports=options.reports,
        device=device,
        cells=CellOptions(options.batch_size),
    )
    (work,), _ = run_requests([request], to_train)
    runner, found = make_runner(work, to_train), list[Named]()
    for job in work.jobs:
        if reason := failure(options.results / job.run):
            raise Failed(f"there is no {job.name} to attack, its training failed: {reason}")
        found.append(
            (f"{job.name} {job.model}", runner.load(job, RunFolder(options.results / job.run))["last", "main"])
        )
    return found


def machine(device: torch.device) -> str:
    """Describe the machine that times were measured on."""
    where = platform.machine() if device.type == "cpu" else describe(device)
    return f"{where}, {format_count(torch.get_num_threads(), 'thread')}, torch {torch.__version__}"
