"""The default radius of a data set, for reports of runs whose job.json does not have it."""


def registered_radius(name: str) -> float:
    """`bench.data.lookup.registered_radius`, with plug-ins loaded. torch is imported only when this is called."""
    from bench.core.foreign.plugins import load_plugins
    from bench.data import lookup

    load_plugins()
    return lookup.registered_radius(name)
