"""A unit of work as a task of a Ray cluster.

A task that waits for Ray gives its processor to another task meanwhile, and both share that processor afterwards. So
nothing here waits: images and models are an argument, and progress is sent without an answer.
"""

import pickle
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.foreign.messages import format_error
from bench.core.foreign.plugins import TravellingPlugins, model_files
from bench.runner.engines.parcel import Content
from bench.runner.engines.remote import UnitOrder, do_order
from bench.runner.pool import UnitResult
from bench.runner.units import UnitRunner

_runners: dict[str, UnitRunner] = {}  # of this worker process, by object of the store: unpickled once a process


def share_runner(ray: Any, runner: UnitRunner) -> Any:
    """Put images and models into the object store, with the code of plug-ins and of a model's FILE.

    Returns:
        The reference of uint8 bytes (B,), which `do_task` unpickles.

    Raises:
        BadInput: they cannot be pickled, or there is no room for them in memory and on disk.
    """
    cloudpickle: Any = import_module("ray.cloudpickle")
    for module in model_files():
        cloudpickle.register_pickle_by_value(module)
    try:
        pickled = cloudpickle.dumps((TravellingPlugins(), runner))
    except Exception as error:  # a model's code may raise anything
        raise BadInput(
            f"--engine ray: images and models cannot be sent to the cluster: {format_error(error)}"
        ) from error
    try:
        return ray.put(np.frombuffer(pickled, np.uint8))
    except (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError) as error:
        raise BadInput(
            f"--engine ray: {len(pickled) / 2**20:.0f} MiB of images and models fit neither into the object store nor "
            "on the disk of its temporary folder; start the cluster with more --object-store-memory, or with "
            "RAY_TMPDIR on a disk with room"
        ) from error


def do_task(
    pickled: NDArray[np.uint8], name: str, order: UnitOrder, number: int, news: Any
) -> tuple[UnitResult, Content]:
    """Do a unit of work in a worker process.

    Args:
        pickled: what `share_runner` has put into the store (B,).
        name: of this object of the store.
        number: of the order, for its news.
        news: the actor of the queue that the driver reads; it gets bytes, as it would import torch to unpickle more.
    """
    if name not in _runners:
        _runners.clear()
        _runners[name] = pickle.loads(pickled.data)[1]
    return do_order(_runners[name], order, number, lambda item: news.put_nowait.remote(pickle.dumps(item)))
