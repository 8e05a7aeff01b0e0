"""The radius that a data set is registered with, for reports of runs that do not say theirs."""


def registered_radius(name: str) -> float:
    """As of `bench.data.lookup`, plug-ins' data sets among them; torch is imported once somebody asks."""
    from bench.core.foreign.plugins import load_plugins
    from bench.data import lookup

    load_plugins()
    return lookup.registered_radius(name)
