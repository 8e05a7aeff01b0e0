"""How fast attacks and training are beside other packages, as ratios within one interleaved run."""

from bench.speed import served  # fills the registry
from bench.speed.command import Terms, measure_speed
from bench.speed.parts import PARTS

__all__ = ["PARTS", "Terms", "measure_speed", "served"]
