"""A results folder of a model from outside (`bench eval`), from which its report can be written."""

from pathlib import Path
from typing import Any

import numpy as np
from result_files import measure

from bench.core.files import write_json
from bench.results.report_file import Example, ReportFacts, encode, write_report_file

RUN = "digits/external/net-aaaa"


def row(results: Path, attack: str, right: str | None, **changes: Any) -> None:
    """Store one measurement of the model. right, changes: as for `measure`."""
    measure(results, attack, right, **{"recipe": "net", "model": "external", "run": RUN, "eps": 0.1} | changes)


def store_report(results: Path, name: str) -> None:
    """Store a model with attacks at three radii and one picture; its command, warning and class have the same name."""
    row(results, "", "1" * 900 + "0" * 100, eps=None, recipe=name)
    for eps in (0.05, 0.1, 0.2):
        row(results, "PGD-20", "1" * 600 + "0" * 400, eps=eps, recipe=name)
    known = {"spec": name, "identity": "ab", "source": "digits", "alarms": [name], "environment": {}}
    write_json(results / RUN / "job.json", known)
    x = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    example = Example(7, "five", "five", name, 0.05, 1, 1)
    facts = ReportFacts((name,), "results", 1000, ("FGSM",), ("fog",), "PGD-20", "Linf", "", (example,))
    write_report_file(results / RUN, facts, encode(x, (x + 0.05).clip(0, 1)))
