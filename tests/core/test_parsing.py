"""Numbers and their nouns."""

import numpy as np
import pytest

from bench.core.parsing import format_count


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("image",), "0 images"),
        (1, ("image",), "1 image"),
        (1797, ("image",), "1,797 images"),
        (1, ("radius", "radii"), "1 radius"),
        (12, ("radius", "radii"), "12 radii"),
        (np.int64(1), ("stored image",), "1 stored image"),
    ],
)
def test_a_count_and_its_noun_agree(number, words, text):
    assert format_count(number, *words) == text
