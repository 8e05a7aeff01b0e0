"""How recipes get into the registry: every installed `bench.plugins` entry point is imported, our own among them."""

from importlib.metadata import entry_points


def load_plugins() -> None:
    for entry in entry_points(group="bench.plugins"):
        entry.load()
