"""`bench exam`: attacks against questions whose answers have been proved."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS, AttackSpec
from bench.attacks.suites import attacks_of
from bench.commands.start import start
from bench.core.errors import BadInput
from bench.core.files import write_csv
from bench.core.parsing import format_count
from bench.core.progress import Event, Progress
from bench.core.threats.linf import Linf
from bench.core.threats.threat import NORMS
from bench.evaluation.exam.examine import Answer, Answers, check_attack, examine
from bench.evaluation.exam.instances import load_instances
from bench.evaluation.exam.nets import MEANINGS
from bench.evaluation.exam.questions import QuestionGroup, digest_of_exam, load_groups
from bench.evaluation.exam.scores import COLUMNS, Score, score
from bench.report.table_formats import table_text as plain

LEFT_OUT = ("AutoAttack+", "AutoAttack-rand", "AutoAttack.screened")  # of the default list: longer, or for other models
STEPS = (20, 100)  # of families such as PGD-k in the default list
ANSWER_COLUMNS = ["attack", "params", *Answer.__dataclass_fields__]


@dataclass(frozen=True)
class ExamOptions:
    """What `bench exam` is told.

    onnx, vnnlib, answer: questions of the user's, and what a verifier says of them.
    scores, out, markdown: files to write.
    """

    norm: str = "Linf"
    quick: bool = False
    seeds: tuple[int, ...] = (0,)
    onnx: Path | None = None
    vnnlib: tuple[Path, ...] = ()
    answer: str = "unknown"
    out: Path | None = None
    scores: Path | None = None
    markdown: Path | None = None


def default_attacks() -> list[AttackSpec]:
    """Every registered attack for Linf, families at some numbers of steps; without variants that take very long."""
    names = list[str]()
    for name in ATTACKS.all_names():
        names += [name] if name in ATTACKS else [f"{name.removesuffix('k')}{steps}" for steps in STEPS]
    specs = [parse_attack(name) for name in names if name not in LEFT_OUT]
    return [spec for spec in specs if is_examined(spec)]


def is_examined(attack: AttackSpec) -> bool:
    """Whether the exam has answers for an attack: those that measure distances themselves do so in some norm."""
    return not attack.minimal or isinstance(attack.space, Linf)


def take_exam(names: Sequence[str], options: ExamOptions) -> int:
    """Examine attacks and print the table. Returns 1 if one broke what cannot be broken, or failed, otherwise 0.

    Args:
        names: attacks and suites; none for all attacks.

    Raises:
        BadInput: an attack is unknown, the exam has no answers for it or for the norm, or a file cannot be written.
    """
    start("cpu")
    torch.set_num_threads(1)  # the networks are too small for more
    attacks = attacks_of(names) if names else default_attacks()
    for attack in attacks:
        check_attack(attack, NORMS[options.norm])
    for path in filter(None, (options.out, options.scores, options.markdown)):
        if not path.parent.is_dir():
            raise BadInput(f"{path} cannot be written, {path.parent} is no folder; name another file")
    if options.onnx:
        groups, exam = load_instances(options.onnx, options.vnnlib, options.answer), options.onnx.name
    else:
        groups, exam = load_groups(options.quick), f"{digest_of_exam()}{' quick' if options.quick else ''}"
    found = ask_all(attacks, groups, options.seeds)
    results = [score(answers, exam) for answers in found]
    _write(found, results, options)
    show(results)
    return 0 if all(result.is_valid for result in results) else 1


def ask_all(attacks: Sequence[AttackSpec], groups: Sequence[QuestionGroup], seeds: tuple[int, ...]) -> list[Answers]:
    """Put all questions to each attack, with progress on stderr."""
    found, units = list[Answers](), len(groups) * len(seeds)
    weights = [attack.passes for attack in attacks]
    with Progress(sum(weights)) as tell:
        for attack, weight in zip(attacks, weights, strict=True):
            found.append(_examine(tell, attack, groups, seeds, units, weight))
    return found


def _examine(
    tell: Progress,
    attack: AttackSpec,
    groups: Sequence[QuestionGroup],
    seeds: tuple[int, ...],
    units: int,
    weight: float,
) -> Answers:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if done < units:
            tell(Event(attack.name, done, units, weight, scope="cell"))

    answers = examine(attack, groups, seeds, tick)
    result = score(answers, "")
    tell(Event(attack.name, units, units, weight, f"found {result.found} of {result.exist}", "cell"))
    return answers


def table(results: Sequence[Score]) -> pd.DataFrame:
    """The scores as a table of text."""
    return pd.DataFrame(
        {
            "Attack": result.attack,
            "Found": f"{result.found} of {result.exist}",
            **{net: f"{found} of {exist}" for net, (found, exist) in result.by_net.items()},
            "Broke proved": f"{result.broken} of {result.proved}",
            "Radius": f"{result.radius:.3f}" if isfinite(result.radius) else plain.MISSING,
            "Forward": f"{result.forwards:,.0f}",
            "Backward": f"{result.backwards:,.0f}",
            "Seconds": f"{result.seconds:.1f}",
            "Verdict": result.verdict.partition(":")[0],
        }
        for result in results
    )


def show(results: Sequence[Score]) -> None:
    """Print the table, what its columns are, and what is wrong."""
    console = Console()
    plain.print_table(console, table(results), ("Attack", "Verdict"), "Errors found of those that exist")
    asked = dict.fromkeys(net for result in results for net in result.by_net)
    plain.print_lines(console, [f"{name}: {meaning}" for name, meaning in MEANINGS.items() if name in asked])
    plain.print_notes(
        console,
        [
            "Broke proved: questions without an error in the ball that the attack has broken all the same.",
            "Radius: median distance of found errors, as a multiple of the distance of the nearest one.",
            "Forward, Backward: passes for one question.",
        ],
    )
    wrong = [f"{result.attack} is {result.verdict}" for result in results if not result.is_valid]
    for line in wrong:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    valid = len(results) - len(wrong)
    console.print(f"{valid} of {format_count(len(results), 'attack')} broke nothing that is proved", highlight=False)


def _write(found: Sequence[Answers], results: Sequence[Score], options: ExamOptions) -> None:
    """Write the files that were asked for."""
    if options.out:
        rows = [
            {"attack": answers.attack.name, "params": answers.attack.params} | asdict(answer)
            for answers in found
            for answer in answers.answers
        ]
        write_csv(options.out, ANSWER_COLUMNS, rows)
    if options.scores:
        write_csv(options.scores, COLUMNS, [result.row() for result in results])
    if options.markdown:
        options.markdown.write_text(plain.markdown(table(results), ("Attack", "Verdict")), encoding="utf-8")
