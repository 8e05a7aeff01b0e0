"""model_info/<data set>/<threat>/NAME.json, from which RobustBench makes its leaderboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BadInput
from bench.core.files import parse_json
from bench.core.parsing import format_radius, parse_number, parse_whole_number

KEYS = (
    "link", "name", "authors", "additional_data", "number_forward_passes", "dataset", "venue", "architecture", "eps",
    "clean_acc", "reported", "autoattack_acc", "corruptions_acc", "footnote", "unreliable",
)  # fmt: skip
UNSAID = {"link": "", "authors": "", "venue": "N/A"}  # as in RobustBench's file of its own Standard model
TEXTS, FLAG, COUNT, PERCENT = (
    ("link", "name", "authors", "venue"),
    "additional_data",
    "number_forward_passes",
    "reported",
)
FACTS = (*TEXTS, FLAG, COUNT, PERCENT)  # that only people know, as --info takes them


@dataclass(frozen=True)
class Measured:
    """What an evaluation says of a model."""

    name: str  # of the model, which stands in the place of a paper's title until somebody writes that
    architecture: str
    dataset: str
    eps: float | None  # None under corruptions
    clean: float  # accuracies are fractions
    robust: float  # under AutoAttack, or over all corruptions
    n: int  # first test images
    partial: bool  # whether there are more of them
    verdict: str  # ok | suspect: reasons | invalid: reasons
    trained_here: bool = False  # on no other data than the data set's, with one forward pass a prediction


def read_model_info(path: Path) -> dict[str, object]:
    """What a model_info file says already; nothing where there is none."""
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
    """FIELD=VALUE, of FACTS each once, as the file has them. BadInput where a field or its value is none."""
    facts: dict[str, object] = {}
    for text in given:
        field, equals, value = text.partition("=")
        if not equals or field not in FACTS:
            raise BadInput(f"--info {text}: the form is FIELD=VALUE, with one of {', '.join(FACTS)}")
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
    """What nobody has said of a model, and how to say it."""
    unknown = [field for field in FACTS if field not in entry or entry[field] in (None, *UNSAID.values())]
    return f" (unknown: {', '.join(unknown)}; give each by --info FIELD=VALUE)" if unknown else ""


def model_info(measured: Measured, known: Mapping[str, object]) -> dict[str, object]:
    """The file's content. Accuracies are text, in percent with two digits, as there.

    known: keeps what only people can say, such as title, authors and venue. What nobody has said is what RobustBench
    writes then, or null where that is no text on its board: additional_data, number_forward_passes, reported.
    """
    said = [f"First {measured.n} test images only."] if measured.partial else []
    said += [f"Evaluation {measured.verdict}."] if measured.verdict != "ok" else []
    robust = "autoattack_acc" if measured.eps is not None else "corruptions_acc"
    facts = {"additional_data": False, "number_forward_passes": 1} if measured.trained_here else {}
    found: dict[str, object] = {
        "name": measured.name,
        "architecture": measured.architecture,
        **UNSAID,
        **facts,
        **{key: value for key, value in known.items() if value is not None},
        "dataset": measured.dataset,
        "eps": format_radius(measured.eps) if measured.eps is not None else None,
        "clean_acc": f"{100 * measured.clean:.2f}",
        robust: f"{100 * measured.robust:.2f}",
        "unreliable": measured.verdict != "ok",
    }
    if said:
        found["footnote"] = " ".join(said)
    always = set(KEYS) - {"footnote", "autoattack_acc", "corruptions_acc"}  # RobustBench shows a null footnote as None
    ordered = {key: found.get(key) for key in KEYS if key in found or key in always}
    return ordered | {key: value for key, value in found.items() if key not in ordered}
