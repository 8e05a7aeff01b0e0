"""`--set path=value`: values with one field changed."""

from dataclasses import dataclass

import pytest

from bench import Ascent, Linf
from bench.core.errors import BadInput
from bench.core.overrides import override


@dataclass(frozen=True)
class Settings:
    flag: bool = False
    count: int = 3
    name: str = "a"
    milestones: tuple[float, ...] = (0.5, 0.75)
    ascent: Ascent = Ascent(Linf(8 / 255), 10, 2 / 255)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("flag", "True", Settings(flag=True)),
        ("count", "7", Settings(count=7)),
        ("name", "b", Settings(name="b")),
        ("milestones", "1/2,0.9", Settings(milestones=(0.5, 0.9))),
        ("ascent.steps", "3", Settings(ascent=Ascent(Linf(8 / 255), 3, 2 / 255))),
        ("ascent.step_size", "1/255", Settings(ascent=Ascent(Linf(8 / 255), 10, 1 / 255))),
        ("ascent.threat.eps", "4/255", Settings(ascent=Ascent(Linf(4 / 255), 10, 2 / 255))),
    ],
)
def test_an_override_is_read_as_the_type_that_is_there(path, text, expected):
    assert repr(override(Settings(), path, text)) == repr(expected)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("flag", "yes", "--set flag=yes: 'yes' is not true or false"),
        ("count", "1.5", "'1.5' is not a whole number"),
        ("ascent.step_size", "1/0", "--set ascent.step_size=1/0: '1/0' is not a number"),
        ("ascent.step_size", "fast", "'fast' is not a number"),
        ("milestones", "0.5,x", "'0.5,x' is not a list of numbers such as 0.5,0.75"),
        ("cuont", "3", "Settings has no field 'cuont'; did you mean count"),
        ("ascent.threat.radius", "3", "Linf has no field 'radius'; known: eps"),
        ("count.bits", "3", "int has no field 'bits'; it is a plain value"),
        ("ascent.threat", "L2", r"set one of its fields instead \(eps\)"),
    ],
)
def test_an_override_that_cannot_be_is_one_line_that_says_why(path, text, message):
    with pytest.raises(BadInput, match=message) as error:
        override(Settings(), path, text)
    assert "\n" not in str(error.value)
