"""Settings that several attacks share are one list of keywords."""

from functools import partial

import pytest
import torch

from bench import Linf
from bench.attacks.pgd import pgd
from bench.attacks.search_settings import SearchSettings, takes_search_settings
from bench.attacks.settings import defaults
from bench.attacks.targeted import targeted
from bench.core.errors import BadInput


def test_an_attack_has_its_own_settings_and_the_shared_ones_with_its_own_defaults():
    shared = {"step": "0.25eps", "restarts": 1, "start": "random", "last": False, "eot": 1}
    assert defaults(partial(pgd, steps=7)) == {"steps": 7, "loss": "ce", **shared}
    assert defaults(partial(targeted, aim="LL")) == {"aim": "LL", "steps": 10, **shared}


def test_a_plug_in_with_annotations_as_text_has_them_too():
    def attack(model, x, y, threat, *, scale: "float" = 2.0, **settings: "object"):
        return scale * SearchSettings(steps=1, **settings).restarts

    assert takes_search_settings(attack)(None, None, None, None, restarts=3) == 6
    assert list(defaults(attack)) == ["scale", "steps", "step", "restarts", "start", "last", "eot"]


def test_searches_with_impossible_settings_are_refused():
    x, y = torch.full((1, 1, 1, 2), 0.5), torch.tensor([0])
    with pytest.raises(BadInput, match="restarts=0 is below 1"):
        targeted(torch.nn.Flatten(), x, y, Linf(0.1), aim="MC", restarts=0)
    with pytest.raises(TypeError, match="restart"):
        pgd(torch.nn.Flatten(), x, y, Linf(0.1), steps=1, restart=2)
