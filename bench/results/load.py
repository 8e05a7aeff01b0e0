"""All rows below a results folder, as a table."""

from pathlib import Path

import pandas as pd

from bench.core.errors import BadInput
from bench.results.row import COLUMNS, EXTERNAL, FLOATS, TRAINING, Row
from bench.results.store import Read, read_job, read_run
from bench.results.survey import run_folders


def rows_at_home(results: Path, folder: Path, read: Read = read_run) -> list[Row]:
    """The rows of a run folder; BadInput if job.json or a row names another run than the folder's path."""
    rows, _ = read(folder)
    runs = [str(read_job(folder).get("run", "")), *(row.run for row in rows)]
    away = [run for run in runs if run and results / run != folder]
    if away:
        held = f"holds {'rows of ' if rows else ''}{away[0]}"
        raise BadInput(f"{folder} {held}; name the folder that `bench run --results` wrote, not {results}")
    return rows


def _budget_of_search(row: Row, budget: str) -> dict[str, str]:
    """The budget of a model from outside under a search in bf16, which only its rows tell of: tables keep it apart."""
    return {"budget": f"{budget}, bf16"} if row.model == EXTERNAL and row.precision == "bf16" else {}


def load_results(results: Path, read: Read = read_run) -> pd.DataFrame:
    """Read all rows below a results folder into one table.

    Args:
        results: the folder that `bench run --results` wrote.
        read: returns the rows and outcomes of a run folder; a caller that reads often gives one that remembers.

    Returns:
        One line for each measurement, with the columns of `results.csv` (`results/README.md` explains them) and
        `budget`, `data` and `classes` of the training. Text is empty and numbers are NaN where a column does not apply.

    Raises:
        BadInput: a file is damaged or contradicts another; the message names the file, the line and the way out.

    Example:
        >>> from pathlib import Path
        >>> from bench import load_results
        >>> rows = load_results(Path("results/published/digits-quick"))
        >>> bool(rows["value"].between(0, 1).all()), sorted(rows["recipe"].unique())
        (True, ['AVmixup', 'M2AT', 'PGD-AT', 'Standard', 'TRADES-6'])
    """
    records = [
        vars(row) | training | _budget_of_search(row, training["budget"])
        for folder in run_folders(results)
        for training in [{name: str(read_job(folder).get(name, "")) for name in TRAINING}]
        for row in rows_at_home(results, folder, read)
    ]
    frame = pd.DataFrame(records, columns=[*COLUMNS, *TRAINING])
    return frame.astype(dict.fromkeys([*FLOATS, "severity"], float))
