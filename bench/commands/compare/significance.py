"""From the cells of two results folders to which of them got worse."""

from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from bench.commands.compare.cells import Cell, Cells, labels
from bench.core.errors import BadInput
from bench.core.parsing import format_count, printable
from bench.core.stats import binomial_exceeds, fisher_fewer, holm, mcnemar, t_test_lower

ALPHA = 0.01  # chance of one false alarm in a whole comparison
FLIP_SHARE = 0.005  # share of images that other fp32 kernels may flip: the protocol's own allowance
MIN_SEEDS = 3  # trainings on each side from which their spread can be estimated

TEST_TEXTS = {
    "flips": "flips: the same weights. The outcomes of more images changed, in either direction, than a share of "
    f"{FLIP_SHARE:.1%} does by chance (exact binomial test). Fewer broken images mean a weaker attack, more mean that "
    "the accuracies of the baseline were too high.",
    "seeds": f"seeds: new weights, {MIN_SEEDS} or more seeds on each side. Accuracy fell, both over the shared images "
    "(exact McNemar test) and over the seeds (t-test).",
    "images": f"images: new weights, fewer than {MIN_SEEDS} seeds on a side, too few to measure how much trainings "
    "differ by chance. Accuracy fell so far that it is significant even without pairing the images (exact McNemar and "
    "Fisher tests), which allows trainings to differ by 2.9 points at 300 images and by 0.5 at 10,000.",
}


@dataclass(frozen=True)
class Flips:
    """Test images that changed sides, in one seed."""

    seed: int
    lost: tuple[int, ...]  # right in the baseline alone
    gained: tuple[int, ...]  # right in the current results alone


@dataclass(frozen=True)
class CellFinding:
    """One cell of the baseline, or of several of its seeds, compared with the same cell of the current results."""

    model: str
    condition: str
    before: float  # accuracies; means over seeds
    after: float | None  # None: the current results have no such cell, or it failed
    flips: tuple[Flips, ...] = ()
    test: str = ""  # of TEST_TEXTS
    p: float | None = None  # Holm-corrected over all findings
    seconds: float = 0.0  # that the current measurements took
    problem: str = ""  # why this is a regression; empty if it is none

    @property
    def lost_images(self) -> int:
        return sum(len(f.lost) for f in self.flips)

    @property
    def gained_images(self) -> int:
        return sum(len(f.gained) for f in self.flips)


def find_regressions(before: Cells, after: Cells) -> list[CellFinding]:
    """A finding for every cell of the baseline that is a number, in its order. New cells of `after` are ignored.

    Equal keys mean the same weights and images, so any flip is the evaluation's, and is tested as such. Else the
    trainings differ, and the seeds of one configuration are tested together on whether accuracy fell.

    Two trainings do not show how much trainings vary, so no test of one seed against one is exact. Below three seeds a
    fall must therefore be significant in the unpaired test as well, which allows for as much variation as drawing all
    images anew would cause; accuracies of several seeds have been seen to vary by about as much.

    BadInput where each of these cells failed, or the two were measured otherwise.
    """
    _comparable(before, after)
    found: list[CellFinding] = []
    retrained: dict[tuple[object, ...], list[tuple[str, Cell, Cell]]] = defaultdict(list)
    numbers = {where: cell for where, cell in before.items() if not cell.has_failed}
    if not numbers:
        raise BadInput(f"each cell of the baseline failed, {len(before)} in all; remake it")
    for (where, old), label in zip(numbers.items(), labels(list(numbers.values())), strict=True):
        new, model = after.get(where), f"{old.model} s{old.row.seed}"
        if new is None or new.has_failed:
            problem = printable(new.row.status) if new else "missing: the current results have no such cell"
            found.append(CellFinding(model, label, float(old.bits.mean()), None, problem=problem))
        elif new.row.key == old.row.key:
            found.append(_make_finding(model, label, [(old, new)], "flips"))
        else:
            retrained[old.configuration].append((label, old, new))
    for same in retrained.values():
        pairs = [(old, new) for _, old, new in same]
        label, model = same[0][0], pairs[0][0].model + " s" + ",".join(str(old.row.seed) for old, _ in pairs)
        found.append(_make_finding(model, label, pairs, "seeds" if len(pairs) >= MIN_SEEDS else "images"))
    return _correct(found)


def _comparable(before: Cells, after: Cells) -> None:
    old, new = ({cell.row.protocol for cell in cells.values()} for cells in (before, after))
    if len(old | new) > 1:
        names = [" and ".join(map(str, sorted(protocols))) for protocols in (old, new)]
        raise BadInput(f"the baseline has protocol {names[0]}, the current results {names[1]}; remake the older one")
    for where in before.keys() & after.keys():
        params = before[where].row.params, after[where].row.params
        if params[0] != params[1]:  # the settings agree, so it is the package
            raise BadInput(f"{before[where]}: measured with {params[0]}, now with {params[1]}; remake the baseline")


def _make_finding(model: str, label: str, pairs: list[tuple[Cell, Cell]], test: str) -> CellFinding:
    flips = tuple(Flips(old.row.seed, _where(old.bits & ~new.bits), _where(new.bits & ~old.bits)) for old, new in pairs)
    before, after = ([float(cell.bits.mean()) for cell in side] for side in zip(*pairs, strict=True))
    n = sum(len(old.bits) for old, _ in pairs)
    lost, gained = sum(len(f.lost) for f in flips), sum(len(f.gained) for f in flips)
    if test == "flips":
        p = binomial_exceeds(lost + gained, n, FLIP_SHARE)
    else:
        right = [sum(int(cell.bits.sum()) for cell in side) for side in zip(*pairs, strict=True)]
        unpaired = t_test_lower(before, after) if test == "seeds" else fisher_fewer(right[0], right[1], n)
        p = max(mcnemar(lost, gained, "greater"), unpaired)
    seconds = sum(new.row.seconds or 0.0 for _, new in pairs)
    return CellFinding(model, label, fmean(before), fmean(after), flips, test, p, seconds)


def _where(bits: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, ...]:
    return tuple(int(i) for i in bits.nonzero()[0])


def _correct(found: list[CellFinding]) -> list[CellFinding]:
    """With p-values of the family, and the problem where they are small."""
    adjusted = iter(holm([f.p for f in found if f.p is not None]))
    return [f if f.p is None else _decide(replace(f, p=next(adjusted))) for f in found]


def _decide(f: CellFinding) -> CellFinding:
    assert f.p is not None
    assert f.after is not None
    if f.p >= ALPHA:
        return f
    fall = f"{f.before:.1%} to {f.after:.1%}"
    flipped = format_count(f.lost_images + f.gained_images, "image")
    change = f"{flipped} flipped, {fall}" if f.test == "flips" else f"accuracy fell, {fall}"
    return replace(f, problem=f"{change} (p = {f.p:.1g})")
