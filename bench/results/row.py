"""One row of results.csv: the model, the condition it was evaluated under, and the result. Imports no torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from bench.core.parsing import printable
from bench.results.row_checks import check_row

CellId = tuple[str, str, str]  # key, epoch, view
EXTERNAL = "external"  # in the place of an architecture, where a model was not trained here


@dataclass(frozen=True)
class Row:
    """One measurement; the fields are the columns of results.csv, in their order."""

    # what was evaluated
    run: str  # the run's folder below the results folder
    recipe: str
    dataset: str
    model: str
    seed: int
    view: str  # which of the recipe's finished models; "main" unless it makes several
    epoch: str  # last | best
    # under which condition
    kind: str  # clean | attack | corruption | union | sweep | diagnostic; x-... of a plug-in
    name: str  # attack, corruption or corruption+attack; empty when clean
    norm: str  # Linf | L2 | L1; empty when not an attack
    eps: float | None  # radius in [0, 1] pixel units
    severity: int | None  # 1..5, of a corruption
    source: str  # `model_id` of the model that the images were crafted on; empty when white-box
    params: str  # the attack's own settings as sorted JSON
    # the result
    metric: str  # accuracy, unless the row says otherwise
    value: float | None  # a fraction, never a percentage; None when the cell failed
    n: int  # test images
    ci_low: float | None  # 95 % Wilson interval of value
    ci_high: float | None
    forwards: float | None  # passes of the attack per image
    backwards: float | None
    seconds: float | None
    verdict: str  # ok | suspect: reasons | invalid: reasons
    status: str  # ok | failed: reason
    # how it was computed
    partial: bool  # only the first n images of the test set
    device: str
    precision: str  # fp32 | bf16, of the search; correctness is always computed in fp32
    version: str  # of bench
    protocol: int  # raised whenever a number could change
    key: str  # hash of weights, images and n, condition, precision and protocol: equal keys are the same measurement

    @property
    def cell(self) -> CellId:
        """Identifies a row in its run folder, which has at most one row of each cell."""
        return self.key, self.epoch, self.view


COLUMNS = [f.name for f in fields(Row)]
TEXT = [f.name for f in fields(Row) if f.type is str]
TRAINING = ["budget", "data", "classes"]  # columns of load() that come from job.json
FLOATS = ["eps", "value", "ci_low", "ci_high", "forwards", "backwards", "seconds"]


def model_id(run: str, epoch: str, view: str) -> str:
    """Name of a model as source of a transfer attack: run, then @epoch unless it is last, @view unless it is main."""
    return "@".join([run, *([epoch] if epoch != "last" else []), *([view] if view != "main" else [])])


def to_row(cells: Mapping[str, str]) -> Row:
    """Parse a row from the text of each column; ValueError if a text is wrong, or `check_row` fails."""
    values: dict[str, object] = dict(cells)
    for name in FLOATS:
        values[name] = float(cells[name]) if cells[name] else None
    for name in ("seed", "n", "protocol"):
        values[name] = _parse_whole_number(name, cells[name])
    values["severity"] = _parse_whole_number("severity", cells["severity"]) if cells["severity"] else None
    if cells["partial"] not in ("True", "False"):
        raise ValueError(f"partial is {cells['partial']!r}, neither True nor False")
    values["partial"] = cells["partial"] == "True"
    row = Row(**values)  # type: ignore[arg-type]  # converted field by field above
    check_row(row)
    return row


def to_texts(row: Row) -> dict[str, str]:
    """The text of each column of a row, as `to_row` parses it; None and NaN become empty."""
    return {name: "" if value is None or value != value else str(value) for name, value in vars(row).items()}


def _parse_whole_number(name: str, text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise ValueError(f"{name} is {printable(text, 40)!r}, not a whole number")
    return int(text)
