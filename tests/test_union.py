"""Attacks on corrupted images: what they equal, what they may not depend on, and what they say on the command line."""

import pytest
import torch

from bench.attacks import parse_attack
from bench.conditions import Attacked, Clean, Corrupted, Minimised
from bench.data import Images
from bench.exam import Exam
from bench.inspected import Diagnosed, Probed
from bench.sweeps import Swept
from bench.threat import L2, Linf

BALL = Linf(0.2)
FOG = Corrupted("fog", 3, '{"made": "generated"}', lambda x, ids: x)

# keys

KEYS = {
    "9ae6be6892dbc578": Clean(),
    "ae4e3b28093830d6": Attacked(parse_attack("PGD-20"), BALL),
    "739809f922703fa9": Attacked(parse_attack("CW-L2"), L2(0.5)),
    "3370cd1d91a4213a": Minimised(parse_attack("CW-L2"), "mean distance"),
    "76470a54c19cf49e": FOG,
    "070ca89399852ec5": Diagnosed("gradient", "mean", "all"),
    "1fac2e038186a7ba": Probed("planted", BALL, parse_attack("PGD-20")),
    "7c5275036e428e7f": Swept(parse_attack("FGSM"), BALL, (0.0, 0.1, 0.2), "median radius"),
}


@pytest.mark.parametrize("key", KEYS)
def test_stored_numbers_are_found_under_the_keys_that_they_had(key):
    test = Images(torch.zeros(300, 1, 8, 8, dtype=torch.uint8), torch.zeros(300, dtype=torch.int64))
    exam = Exam(test, 200, (KEYS[key],), torch.device("cpu"), "fp32", 128)
    assert exam.key("identity", KEYS[key]) == key
