"""The text of a model card: training, accuracies, and the limits of these numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from bench.core.parsing import RADIUS_DECIMALS, format_radius
from bench.report.cards.citations import Citation, bibtex
from bench.report.cards.metadata import metadata, yaml
from bench.report.labels import AUTOATTACK, column_order, columns, is_autoattack
from bench.report.rows import accuracy_rows, clean_and_attack_rows, white_box_rows
from bench.report.table_formats import table_text as plain
from bench.results.row import EXTERNAL

ACCURACY_COLUMNS = ["condition", "norm", "eps", "value", "ci_low", "ci_high", "n", "partial", "verdict", "status"]
PLAN_TITLES = {  # fields of a training plan that a card shows, and their names there
    "epochs": "epochs",
    "batch_size": "batch size",
    "optimiser": "optimiser",
    "lr": "learning rate",
    "weight_decay": "weight decay",
    "schedule": "schedule",
}
BOUND_NOTE = (
    "Accuracy under an attack is an upper bound of robustness: what these attacks did not find, others may find. "
    "Nothing is said of other radii, norms or data."
)
INPUT_TEXT = (
    "The model takes images in [0, 1], channels first, normalises them itself, and returns logits, one a class."
)


@dataclass(frozen=True)
class Model:
    """One model: a run at one epoch and view."""

    run: str
    recipe: str
    dataset: str
    network: str
    seed: int
    epoch: str  # last | best
    view: str
    job: Mapping[str, Any]  # contents of job.json
    rows: pd.DataFrame  # its rows of results.csv
    verdict: str  # over all rows

    @property
    def is_from_outside(self) -> bool:
        """Whether it was evaluated here, but not trained."""
        return self.network == EXTERNAL

    @property
    def title(self) -> str:
        trained = [] if self.is_from_outside else [self.network, f"seed {self.seed}"]
        which = ", ".join([*trained, *_name_variant(self.epoch, self.view)])
        return f"{self.recipe} on {self.dataset}" + (f" ({which})" if which else "")


def _name_variant(epoch: str, view: str) -> list[str]:
    return [*([f"{epoch} epoch"] if epoch != "last" else []), *([f"view {view}"] if view != "main" else [])]


def measurements(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of one model, clean and under attack, in ACCURACY_COLUMNS; the newest of repeated ones, fp32 first."""
    rows = clean_and_attack_rows(white_box_rows(accuracy_rows(rows)))
    rows = rows[(rows["norm"] == "") | rows["eps"].map(math.isfinite)]
    rows = rows.assign(column=columns(rows), eps=rows["eps"].round(RADIUS_DECIMALS))
    rows = rows.sort_values("precision", kind="stable")  # a search in fp32 counts before one in bf16
    rows = rows.drop_duplicates(["column", "norm", "eps", "n"], keep="last")
    lines = [_Line(*line) for line in zip(rows["column"], rows["norm"], rows["eps"], strict=True)]
    rows = rows.assign(condition=[line.text for line in lines])
    places = sorted(range(len(rows)), key=lambda place: lines[place].order)
    return rows.iloc[places][ACCURACY_COLUMNS].reset_index(drop=True)


class _Line(NamedTuple):
    """The images that a line of the table is about."""

    column: str
    norm: str
    eps: float

    @property
    def text(self) -> str:
        return f"{self.column}, {self.norm} {format_radius(self.eps)}" if self.norm else self.column

    @property
    def order(self) -> tuple[Any, ...]:
        """Sort key: clean images first, then by threat."""
        return self.norm, self.eps if self.norm else 0.0, column_order(self.column)


def card(model: Model, papers: Sequence[Citation]) -> str:
    """README.md of a model's repository: YAML for the Hub, Markdown for people."""
    measured = measurements(model.rows)
    head = yaml(metadata(model.title, model.dataset, measured))
    parts = [
        f"# {plain.escape(model.title)}",
        plain.escape(_summary(model)),
        "## Evaluation",
        _table(measured).rstrip(),
        "\n".join(f"- {plain.escape(note)}" for note in _notes(model, measured)),
        *(["## Training", _training_table(model)] if not model.is_from_outside else []),
        "## Citation",
        f"```bibtex\n{bibtex(papers)}```",
    ]
    return f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"


def _summary(model: Model) -> str:
    version = f"robust-recipe bench {model.rows['version'].iloc[-1]}"
    if model.is_from_outside:
        return f"A classifier of {model.dataset}, evaluated under attack by {version}; it was not trained there."
    return (
        f"A {model.network} network trained on {model.dataset} by the recipe {model.recipe}, by {version}. {INPUT_TEXT}"
    )


def _table(measured: pd.DataFrame) -> str:
    lines = []
    for line in measured.to_dict("records"):
        is_there = not math.isnan(line["value"])
        interval = f"{100 * line['ci_low']:.1f} to {100 * line['ci_high']:.1f}" if is_there else plain.MISSING
        lines.append(
            {
                "Images": str(line["condition"]),
                "Accuracy (%)": f"{100 * line['value']:.1f}" if is_there else str(line["status"]),
                "95 % interval": interval,
                "n": str(line["n"]),
            }
        )
    return plain.markdown(pd.DataFrame(lines), ("Images",))


def _notes(model: Model, measured: pd.DataFrame) -> list[str]:
    """Sentences on the limits of the numbers, alarms of the training, and the verdict."""
    partial = measured.loc[measured["partial"], "n"]
    notes = [f"The first {partial.max()} test images only, not all."] if len(partial) else []
    notes += [] if model.is_from_outside else ["One training seed; intervals are over images, not over trainings."]
    attacked = measured.loc[measured["norm"] != "", "condition"]
    if len(attacked) and not any(map(is_autoattack, attacked)):
        notes.append(f"{AUTOATTACK} was not run; it usually finds more than the attacks above.")
    notes += [f"{alarm}." for alarm in model.job.get("alarms", ())]
    notes += [f"Verdict on the evaluation: {model.verdict}."] if model.verdict else []
    return [*notes, BOUND_NOTE]


def _training_table(model: Model) -> str:
    plan = model.job.get("plan", {})
    settings = {"budget": model.job.get("budget", ""), "recipe": model.job.get("recipe", "")}
    settings |= {title: plan[name] for name, title in PLAN_TITLES.items() if plan.get(name) is not None}
    if extra := model.job.get("extra_images"):
        share, digest = 100 * model.job.get("extra_share", 0.0), model.job.get("extra", "")
        settings["extra data"] = f"{share:.4g} % of each batch, of {extra:,} images (fingerprint {digest})"
    settings |= {"precision": model.job.get("precision", ""), "run": model.run}
    return plain.markdown(
        pd.DataFrame([{"Setting": name, "Value": str(value)} for name, value in settings.items() if value != ""]),
        ("Setting", "Value"),
    ).rstrip()
