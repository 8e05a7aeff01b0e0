"""Connecting to a Ray cluster, and what is refused of it in one line."""

import os
import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch

from bench.core.errors import BadInput
from bench.core.version import __version__

CONNECT_SECONDS = 20.0  # in which an address has to answer
PIP_EXTRA = "robust-recipe-bench[ray]"


def load_ray() -> Any:
    """The package; BadInput where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return import_module("ray")
    except ImportError as error:
        raise BadInput(f"--engine ray: Ray is not installed ({error}); pip install '{PIP_EXTRA}'") from error


@contextmanager
def connect(address: str | None, workers: int, device: torch.device, threads: int) -> Iterator[Any]:
    """Ray, connected to a running cluster or, without an address, to one that is started here and ends with the block.

    Args:
        address: HOST:PORT of the head node.
        workers: processors of a cluster that is started here.
        device: that units of work compute on.
        threads: the most that a training asks for.

    Raises:
        BadInput: Ray is not installed, the address does not answer, or the cluster is of another version or too small.
    """
    ray = load_ray()
    if address is not None:
        _check_answers(address)
    here = {} if address is not None else {"num_cpus": max(workers, threads), "include_dashboard": False}
    try:
        ray.init(
            address=address or "local", log_to_driver=False, logging_level="error", configure_logging=False, **here
        )
    except Exception as error:  # of grpc, Ray and the system, a dozen types
        where = f"the cluster at {address}" if address else "a cluster here"
        raise BadInput(f"--engine ray: {where} cannot be used: {_first_line(error)}") from error
    try:
        _check_size(ray, device, threads)
        _check_versions(ray)
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadInput(f"--ray-address {address}: the form is HOST:PORT, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise BadInput(
            f"--ray-address {address} does not answer ({error.strerror or error}); start a head node there with "
            f"ray start --head --port {port}, or leave the option out"
        ) from error


def _check_size(ray: Any, device: torch.device, threads: int) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = max((node.get("CPU", 0) for node in nodes), default=0)
    if most < threads:
        raise BadInput(f"--threads {threads}: no node of the cluster has more than {most:g} processors; ask for fewer")
    if device.type == "cuda" and not any(node.get("GPU", 0) for node in nodes):
        raise BadInput("--device cuda: no node of the cluster has a GPU; give --device cpu")


def describe_versions() -> dict[str, str]:
    """What has to be the same on every machine, as numbers depend on it."""
    return {"python": platform.python_version(), "torch": version("torch"), "bench": __version__}


def _check_versions(ray: Any) -> None:
    """BadInput if a node has another torch or bench than the driver. Ray itself refuses another Python or Ray."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask, own = ray.remote(num_cpus=0, max_retries=0)(describe_versions), describe_versions()
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    asked = {
        where: ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)).remote()
        for node_id, where in nodes.items()
    }
    for where, answer in asked.items():
        try:
            found = ray.get(answer)
        except Exception as error:  # anything that a node raises when it imports this package
            raise BadInput(f"--engine ray: node {where} cannot import the bench: {_first_line(error)}") from error
        if odd := [f"{name} {found[name]} (here {own[name]})" for name in own if found[name] != own[name]]:
            raise BadInput(f"--engine ray: node {where} has {', '.join(odd)}; install the same versions everywhere")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
