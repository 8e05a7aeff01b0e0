"""Mixed-integer linear programs, built a variable and a row at a time and solved by HiGHS (in scipy)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Array = NDArray[np.float64]
Row = Mapping[int, float]  # coefficients by variable
SOLVE_ERROR = 4  # HiGHS's status where it fails, as sometimes in its presolve


@dataclass
class Solution:
    """What HiGHS has found: values of the variables (None if it has none), and a lower bound of the objective."""

    values: Array | None
    bound: float
    is_infeasible: bool
    is_finished: bool  # False where a limit ended it
    nodes: int


@dataclass
class Program:
    """A minimisation over variables, some of them 0 or 1, and rows low <= sum of coefficients x variables <= high."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    binary: list[bool] = field(default_factory=list)
    rows: list[tuple[Row, float, float]] = field(default_factory=list)

    def variable(self, low: float, high: float) -> int:
        """Add a continuous variable; returns its number."""
        return self._add(low, high, False)

    def switch(self) -> int:
        """Add a variable that is 0 or 1; returns its number."""
        return self._add(0.0, 1.0, True)

    def _add(self, low: float, high: float, is_binary: bool) -> int:
        self.low.append(low)
        self.high.append(high)
        self.binary.append(is_binary)
        return len(self.low) - 1

    def row(self, coefficients: Row, low: float, high: float) -> None:
        """Add a row."""
        self.rows.append((coefficients, low, high))

    def minimise(self, objective: int, node_limit: int, seconds: float) -> Solution:
        """Minimise a variable, without a gap between the best value and its bound."""
        goal = np.zeros(len(self.low))
        goal[objective] = 1.0
        ends = np.cumsum([0, *(len(row) for row, _, _ in self.rows)])
        places = np.array([place for row, _, _ in self.rows for place in row])
        numbers = np.array([number for row, _, _ in self.rows for number in row.values()])
        matrix = csr_array((numbers, places, ends), shape=(len(self.rows), len(self.low)))
        rows = LinearConstraint(matrix, [low for _, low, _ in self.rows], [high for *_, high in self.rows])
        for presolve in (True, False):
            found = milp(
                goal,
                integrality=np.array(self.binary, int),
                bounds=Bounds(np.array(self.low), np.array(self.high)),
                constraints=rows,
                options={"node_limit": node_limit, "mip_rel_gap": 0.0, "time_limit": seconds, "presolve": presolve},
            )
            if found.status != SOLVE_ERROR:
                break
        bound = found.mip_dual_bound
        return Solution(
            found.x,
            -np.inf if bound is None else float(bound),
            found.status == 2,
            found.status in (0, 2),
            int(found.mip_node_count or 0),
        )
