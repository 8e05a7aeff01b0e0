"""Threat models: the set of images that an adversary may show instead of x. Pixel values lie in [0, 1]."""

from bench.core.threats.l1 import L1
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf

Threat = Linf | L2 | L1  # every function that takes a threat model takes any of them
NORMS: dict[str, type[Linf] | type[L2] | type[L1]] = {"Linf": Linf, "L2": L2, "L1": L1}  # in the order of pages
