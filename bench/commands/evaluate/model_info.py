"""Read and make model_info/<data set>/<threat>/NAME.json, from which RobustBench makes its leaderboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BadInput
from bench.core.files import parse_json
from bench.core.parsing import format_radius, parse_number, parse_whole_number

KEY_ORDER = (
    "link", "name", "authors", "additional_data", "number_forward_passes", "dataset", "venue", "architecture", "eps",
    "clean_acc", "reported", "autoattack_acc", "corruptions_acc", "footnote", "unreliable",
)  # fmt: skip
UNKNOWN_TEXTS = {"link": "", "authors": "", "venue": "N/A"}  # as in RobustBench's file of its own Standard model
TEXTS, FLAG, COUNT, PERCENT = (
    ("link", "name", "authors", "venue"),
    "additional_data",
    "number_forward_passes",
    "reported",
)
GIVEN_FIELDS = (*TEXTS, FLAG, COUNT, PERCENT)  # that only people know, as --info takes them


@dataclass(frozen=True)
class MeasuredAccuracies:
    """The measured part of a model_info file."""

    name: str  # of the model; RobustBench has the paper's title there, which --info name=... gives
    architecture: str
    dataset: str
    eps: float | None  # None under corruptions
    clean: float  # accuracies are fractions
    robust: float  # under AutoAttack, or over all corruptions
    n: int  # first test images
    partial: bool  # whether there are more of them
    verdict: str  # ok | suspect: reasons | invalid: reasons
    trained_here: bool = False  # if so, a prediction is one forward pass
    extra_images: int = 0  # of a training here, beside those of the data set


def read_model_info(path: Path) -> dict[str, object]:
    """The content of a model_info file; empty if there is no such file. BadInput if it is no JSON object."""
    if not path.exists():
        return {}
    try:
        info = parse_json(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, OSError) as error:
        raise BadInput(f"--model-info {path} cannot be read as JSON ({error}); name another file") from error
    if not isinstance(info, dict):
        raise BadInput(f"--model-info {path} is not a JSON object; name another file")
    return info


def parse_facts(given: Sequence[str]) -> dict[str, object]:
    """Parse the texts FIELD=VALUE of --info to the values that the file has.

    Raises:
        BadInput: a field is not one of `GIVEN_FIELDS` or is given twice, or a value is not of its type.
    """
    facts: dict[str, object] = {}
    for text in given:
        field, equals, value = text.partition("=")
        if not equals or field not in GIVEN_FIELDS:
            raise BadInput(f"--info {text}: the form is FIELD=VALUE, with one of {', '.join(GIVEN_FIELDS)}")
        if field in facts:
            raise BadInput(f"--info {field} is given twice; give it once")
        facts[field] = _fact(field, value.strip(), text)
    return facts


def _fact(field: str, value: str, text: str) -> object:
    try:
        if field == FLAG:
            return {"true": True, "false": False}[value.lower()]
        if field == COUNT:
            return parse_whole_number(value, least=1)
        if field == PERCENT:
            return f"{parse_number(value.removesuffix('%')):.2f}"
    except (KeyError, ValueError) as error:
        wanted = {FLAG: "true or false", COUNT: "a whole number from 1", PERCENT: "an accuracy in percent"}[field]
        raise BadInput(f"--info {text}: {value!r} is not {wanted}") from error
    if not value or not value.isprintable():
        raise BadInput(f"--info {text}: one line of text is to stand after =")
    return value


def unknown_facts(entry: Mapping[str, object]) -> str:
    """Text that names the fields of GIVEN_FIELDS that are unknown, and how to give them; empty if none is."""
    unknown = [field for field in GIVEN_FIELDS if field not in entry or entry[field] in (None, *UNKNOWN_TEXTS.values())]
    return f" (unknown: {', '.join(unknown)}; give each by --info FIELD=VALUE)" if unknown else ""


def model_info(measured: MeasuredAccuracies, known: Mapping[str, object]) -> dict[str, object]:
    """The content of the file. Accuracies are texts in percent with two digits, as in RobustBench's files.

    Args:
        known: fields that only people can give, such as title, authors and venue; they are kept. Unknown ones get the
            value that RobustBench writes then, and null where that would be no text: additional_data,
            number_forward_passes, reported.
    """
    notes = [f"First {measured.n} test images only."] if measured.partial else []
    notes += [f"Evaluation {measured.verdict}."] if measured.verdict != "ok" else []
    robust = "autoattack_acc" if measured.eps is not None else "corruptions_acc"
    if measured.extra_images:
        notes.insert(0, f"It uses {measured.extra_images:,} additional images in training.")
    facts: dict[str, object] = {"number_forward_passes": 1} if measured.trained_here else {}
    if measured.trained_here and not measured.extra_images:  # generated ones are no additional data for RobustBench
        facts["additional_data"] = False
    found: dict[str, object] = {
        "name": measured.name,
        "architecture": measured.architecture,
        **UNKNOWN_TEXTS,
        **facts,
        **{key: value for key, value in known.items() if value is not None},
        "dataset": measured.dataset,
        "eps": format_radius(measured.eps) if measured.eps is not None else None,
        "clean_acc": f"{100 * measured.clean:.2f}",
        robust: f"{100 * measured.robust:.2f}",
        "unreliable": measured.verdict != "ok",
    }
    if notes:
        found["footnote"] = " ".join(notes)
    optional = {"footnote", "autoattack_acc", "corruptions_acc"}  # RobustBench shows a null footnote as None
    ordered = {key: found.get(key) for key in KEY_ORDER if key in found or key not in optional}
    return ordered | {key: value for key, value in found.items() if key not in ordered}
