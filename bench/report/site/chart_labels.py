"""Places the labels of marks so that none covers another."""

from collections.abc import Sequence
from typing import NamedTuple

LETTER_WIDTH = 6.4  # width of a character in units of the picture
MARK_RADIUS = 5  # half the size of a mark
LABEL_OFFSETS = ((9, -6, "start"), (-9, -6, "end"), (9, 14, "start"), (-9, 14, "end"), (0, -12, "middle"))


class Label(NamedTuple):
    """The position of a label."""

    x: float
    y: float
    anchor: str  # start, middle or end: the part of the text that is at x


class Box(NamedTuple):
    """A rectangle of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether two rectangles overlap."""
        apart = self.right < other.left or other.right < self.left or self.bottom < other.top or other.bottom < self.top
        return not apart


def place_labels(
    marks: Sequence[tuple[float, float, str]], left: float, top: float, right: float
) -> list[Label | None]:
    """A position beside each mark (x, y, name), or None if there is no room.

    left, top, right: edges of the chart, which labels do not cross.
    """
    taken = [Box(x - MARK_RADIUS, y - MARK_RADIUS, x + MARK_RADIUS, y + MARK_RADIUS) for x, y, _ in marks]
    labels: list[Label | None] = []
    for x, y, name in marks:
        places = [
            (Label(x + dx, y + dy, anchor), _box(x + dx, y + dy, anchor, name)) for dx, dy, anchor in LABEL_OFFSETS
        ]
        free = [
            (label, box)
            for label, box in places
            if left < box.left and box.right < right and top < box.top and not any(map(box.meets, taken))
        ]
        labels.append(free[0][0] if free else None)
        taken += [box for _, box in free[:1]]
    return labels


def _box(x: float, y: float, anchor: str, name: str) -> Box:
    width = LETTER_WIDTH * len(name)
    start = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return Box(start, y - 10, start + width, y + 3)
