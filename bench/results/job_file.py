"""Types of the fields of job.json. All of them are optional, as external models have no training."""

from collections.abc import Callable, Mapping
from typing import Any

from bench.core.files import is_finite, is_folder, is_run
from bench.core.parsing import LARGEST_SEED, printable


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_SEED  # sizes are smaller than seeds may be


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_passes(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_finite, value.values()))


def _is_fingerprints(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else [None]
    return all(isinstance(views, dict) and all(map(_is_text, views.values())) for views in inner)


FIELDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = (
    {"status": ("a text", _is_text)}
    | dict.fromkeys(
        ("name", "recipe", "data", "budget", "precision", "source", "spec", "identity", "extra", "extra_file"),
        ("one line", _is_line),
    )
    | dict.fromkeys(("dataset", "model"), ("the name of a folder", is_folder))
    | dict.fromkeys(
        ("seed", "images", "extra_images", "classes", "best_epoch", "best_epoch_ema", "threads"),
        ("a whole number", _is_count),
    )
    | dict.fromkeys(("seconds", "peak_mib", "eps", "extra_share"), ("a number", is_finite))
    | dict.fromkeys(("settings", "alarms", "choices"), ("a list of texts", _is_texts))
    | {name: ("an object", lambda value: isinstance(value, dict)) for name in ("plan", "environment")}
    | {
        "run": ("the name of a run folder", is_run),
        "start": ("the name of a run folder, or null", lambda value: value is None or is_run(value)),
        "train_eps": ("a number, or null", lambda value: value is None or is_finite(value)),
        "passes_per_image": ("an object of numbers", _is_passes),
        "start_weights": ("one line", _is_line),
        "weights": ("fingerprints by epoch and view", _is_fingerprints),
    }
)


def check_job(job: object) -> dict[str, object]:
    """Return the parsed job.json unchanged; ValueError if it is no object, or a field has a wrong type."""
    if not isinstance(job, dict):
        raise ValueError(f"a {type(job).__name__}, not a JSON object")
    for name, (what, fits) in FIELDS.items():
        if name in job and not fits(job[name]):
            raise ValueError(f"{name} is {printable(repr(job[name]), 60)}, where {what} belongs")
    return job
