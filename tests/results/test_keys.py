"""Row keys never change by accident: rows of other versions are found again by them."""

import math
from pathlib import Path

import pytest
import torch

from bench.attacks.parse import parse_attack
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.conditions.corrupted_attack import Union
from bench.evaluation.conditions.corruption import Corrupted
from bench.evaluation.conditions.diagnostic import Diagnosed
from bench.evaluation.conditions.minimum_norm import Minimised
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.conditions.sweep import sweep_conditions
from bench.runner.cells import CellPlan
from bench.runner.options import CellOptions

FOG = Corrupted("fog", 3, '{"made": "generated"}', print)  # print: any function, which is no part of the key
KEYS: dict[str, Condition] = {
    "2b37fcca931241e4": Clean(),
    "539f73b51d11e731": Attacked(parse_attack("PGD-20"), Linf(0.2)),
    "1ce87f76a938bc5b": Attacked(parse_attack("AutoAttack"), Linf(0.2)),
    "1cd32fc3caba0b7e": Attacked(parse_attack("CW-L2[steps=40,kappa=50]"), L2(math.inf)),
    "e00121e17dfd38b1": Minimised(parse_attack("CW-L2[steps=40,kappa=50]"), "success rate"),
    "f98762f833b458d7": FOG,
    "f23cf284853f1f89": Union(FOG, Attacked(parse_attack("FGSM"), Linf(0.2))),
    "ced8580dc7887b86": sweep_conditions(parse_attack("PGD-5"), [Linf(0.1), Linf(0.2)])[1],
    "2698887552ba1c60": Diagnosed("gradient", "mean", "all"),
    "114efc9f5b15d17f": Probed("flat", Linf(0.2)),
    "14b24aa75b4960eb": Probed("planted", Linf(0.2), parse_attack("PGD-20")),
}


@pytest.mark.parametrize(("key", "condition"), KEYS.items())
def test_the_key_of_a_condition_stays(key, condition):
    test = dataset("digits", Path()).load("test", Path())
    cells = CellPlan(test, 64, (condition,), torch.device("cpu"), "fp32", CellOptions(64))
    assert cells.key("0" * 32, condition) == key
