"""Files added-NUMBER.json: cells stored since results.csv and outcomes.npz of a run folder were last written.

A file has a row together with the outcomes of its images and is renamed into place, so that a killed process leaves
a whole cell or nothing. Numbers increase; a later file replaces the same cell of an earlier one.
"""

import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import BadInput
from bench.core.files import Bits, read_json, write_json
from bench.core.parsing import format_count, printable
from bench.results.row import COLUMNS, Row, to_row, to_texts
from bench.results.row_checks import LARGEST_COUNT

NUMBER_DIGITS = 20
FILE_PATTERN = f"added-{'[0-9]' * NUMBER_DIGITS}.json"
REMEDY = "delete that file and run again: its cell alone is computed anew"


def added_files(folder: Path) -> list[Path]:
    """The files of added cells of a run folder, the oldest first."""
    return sorted(folder.glob(FILE_PATTERN))


def next_number(folder: Path) -> int:
    """A number for the next file: the clock in ns, so that it is above those of deleted files, or the last one + 1."""
    numbers = [int(path.stem.removeprefix("added-")) for path in added_files(folder)]
    return max(time.time_ns(), *(number + 1 for number in numbers)) if numbers else time.time_ns()


def write_added(folder: Path, number: int, rows: Sequence[Row], bits: Bits | None) -> None:
    """Write one file with rows that have the same key, and the outcomes that they share.

    bits: (n,) bool, True where the model is correct; None if there are none, or they are stored already.
    """
    record: dict[str, object] = {"rows": [to_texts(row) for row in rows], "outcomes": None}
    if bits is not None:
        record["outcomes"] = {"images": len(bits), "right": b64encode(np.packbits(bits).tobytes()).decode()}
    write_json(folder / f"added-{number:0{NUMBER_DIGITS}}.json", record)


def read_added(path: Path) -> tuple[list[Row], Bits | None]:
    """Read the rows of a file, which have the same key, and the outcomes (n,) bool that they share, if it has them.

    Raises:
        BadInput: the file is damaged.
        FileNotFoundError: another process has merged and deleted it meanwhile.
    """
    try:
        record = read_json(path)
        rows, outcomes = [_parse_row(texts) for texts in record["rows"]], record["outcomes"]
        if len({row.key for row in rows}) != 1:
            raise ValueError("its rows do not have one key")
        return rows, None if outcomes is None else _unpack_bits(**outcomes)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise BadInput(f"{path} cannot be read ({printable(error, 200)}); {REMEDY}") from error


def _parse_row(texts: Any) -> Row:
    if not isinstance(texts, dict) or [*texts] != COLUMNS or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("its row does not have the columns of protocol-1 results")
    return to_row(texts)


def _unpack_bits(images: Any, right: Any) -> Bits:
    """Decode outcomes packed eight to a byte; ValueError if the number of bytes does not fit the number of images."""
    packed = np.frombuffer(b64decode(right, validate=True), np.uint8)
    if type(images) is not int or not 0 <= images <= LARGEST_COUNT or len(packed) != -(-images // 8):
        raise ValueError(
            f"{format_count(len(packed), 'byte')} of outcomes where those of "
            f"{printable(repr(images), 40)} images belong"
        )
    return np.unpackbits(packed, count=images).astype(bool)
