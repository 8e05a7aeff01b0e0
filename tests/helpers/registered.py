"""A registered item that stands for a test only."""

import pytest

from bench.core.registry import Registry


def register_for_test(patch: pytest.MonkeyPatch, registry: Registry, name: str, item: object) -> None:
    """Register an item until the test ends, also under a name that is taken."""
    patch.setitem(registry._items, name, item)
    patch.setitem(registry._homes._modules, name, __name__)
