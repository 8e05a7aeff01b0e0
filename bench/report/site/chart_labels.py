"""Where the names of marks are written, so that none covers another."""

from collections.abc import Sequence
from typing import NamedTuple

LETTER = 6.4  # units of the picture, of a name's letter
REACH = 5  # of a mark
BESIDE = ((9, -6, "start"), (-9, -6, "end"), (9, 14, "start"), (-9, 14, "end"), (0, -12, "middle"))


class Label(NamedTuple):
    """Where a name is written."""

    x: float
    y: float
    anchor: str  # start, middle or end: which part of the name is there


class Box(NamedTuple):
    """A part of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        apart = self.right < other.left or other.right < self.left or self.bottom < other.top or other.bottom < self.top
        return not apart


def place_labels(
    marks: Sequence[tuple[float, float, str]], left: float, top: float, right: float
) -> list[Label | None]:
    """A place beside each mark, given as x, y and name, or None where there is no room.

    left, top, right: edges of the chart; below it a name may reach.
    """
    taken = [Box(x - REACH, y - REACH, x + REACH, y + REACH) for x, y, _ in marks]
    labels: list[Label | None] = []
    for x, y, name in marks:
        places = [(Label(x + dx, y + dy, anchor), _box(x + dx, y + dy, anchor, name)) for dx, dy, anchor in BESIDE]
        free = [
            (label, box)
            for label, box in places
            if left < box.left and box.right < right and top < box.top and not any(map(box.meets, taken))
        ]
        labels.append(free[0][0] if free else None)
        taken += [box for _, box in free[:1]]
    return labels


def _box(x: float, y: float, anchor: str, name: str) -> Box:
    width = LETTER * len(name)
    start = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return Box(start, y - 10, start + width, y + 3)
