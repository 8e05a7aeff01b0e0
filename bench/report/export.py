"""All measurements of a results folder as one table, for other programs: CSV or Parquet."""

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from bench.core.errors import BadInput
from bench.core.files import write_bytes
from bench.report import cache as stored
from bench.report.table_formats import table_text as plain

PARQUET_ENGINE = "fastparquet"  # a tenth of pyarrow's 165 MB; called directly, as pandas deprecates its own call of it


def check_export(results: Path, path: Path) -> None:
    """BadInput if a file cannot be exported to; called before anything is read."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise BadInput(f"--export {path}: the name is to end with .csv or .parquet")
    if path.resolve().is_relative_to(results.resolve()):
        raise BadInput(f"--export {path} lies in the results folder {results}; name a file outside")
    if path.suffix.lower() == ".parquet" and importlib.util.find_spec(PARQUET_ENGINE) is None:
        raise BadInput(
            f"--export {path} needs the package {PARQUET_ENGINE}: `pip install 'robust-recipe-bench[parquet]'`; "
            ".csv needs none"
        )


def export(results: Path, path: Path) -> int:
    """Write a line for each measurement, with the columns of `load_results`; returns the number of lines.

    Parquet is exact. In CSV a text that a spreadsheet would compute begins with an apostrophe.

    Raises:
        BadInput: as `check_export`, or there are no measurements.
    """
    check_export(results, path)
    rows = stored.rows(results)
    if rows.empty:
        raise BadInput(f"no results under {results}; run `bench run` first, or name another folder with --results")
    rows = rows.assign(severity=rows["severity"].astype("Int64"))
    data = plain.csv(rows).encode() if path.suffix.lower() == ".csv" else to_parquet(rows)
    write_bytes(path, data)
    return len(rows)


def to_parquet(rows: pd.DataFrame) -> bytes:
    """The bytes of a Parquet file; missing texts are empty, missing numbers null or NaN."""
    import fastparquet

    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        fastparquet.write(str(path), rows, write_index=False)
        return path.read_bytes()
