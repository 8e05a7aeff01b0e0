"""Connecting to a Ray cluster, and what is refused of it in one line."""

import logging
import os
import platform
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch

from bench.core.errors import BadInput
from bench.core.foreign.plugins import TravellingPlugins, has_plugins
from bench.core.version import __version__

CONNECT_SECONDS = 20.0  # in which an address has to answer
PIP_EXTRA = "robust-recipe-bench[ray]"
TOKEN_ADVICE = "; if it was started with a token, as where ~/.ray/auth_token exists, set RAY_AUTH_MODE=token here too"


def load_ray() -> Any:
    """The package; BadInput where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)  # its notes on tokens and usage
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
        raise BadInput(
            f"--engine ray: {where} cannot be used: {first_line(error)}{TOKEN_ADVICE * bool(address)}"
        ) from error
    try:
        _check_size(ray, device, threads)
        _check_nodes(ray)
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


def _check_nodes(ray: Any) -> None:
    """BadInput if a node has another torch or bench than the driver, or cannot import a plug-in.

    Ray itself refuses another Python or Ray.
    """
    own = describe_versions()
    for where, found in _ask_nodes(ray, describe_versions, "the bench").items():
        if odd := [f"{name} {found[name]} (here {own[name]})" for name in own if found[name] != own[name]]:
            raise BadInput(f"--engine ray: node {where} has {', '.join(odd)}; install the same versions everywhere")
    if has_plugins():
        _ask_nodes(ray, partial(_receive, [ray.put(TravellingPlugins())]), "what --plugin names")


def _ask_nodes(ray: Any, function: Callable[[], Any], what: str) -> dict[str, Any]:
    """Call a function on every node that may be given units; returns what each answers, by its address.

    A node that has died is listed for some fifteen seconds more, until the head misses it. It is left out.

    Raises:
        BadInput: a node raises, as it cannot import something, which `what` names; or all nodes have died.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=1)(_call)  # a second try tells a dead node from a crash
    working = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in working}
    calls = [
        (where, ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)).remote(function))
        for node_id, where in nodes.items()
    ]
    answers = {}
    for where, answer in calls:
        try:
            answers[where] = ray.get(answer)
        except ray.exceptions.TaskUnschedulableError:
            continue
        except Exception as error:  # whatever a node raises when it imports a plug-in
            reason = first_line(getattr(error, "cause", None) or error)
            raise BadInput(f"--engine ray: node {where} cannot import {what}: {reason}") from error
    if not answers:
        raise BadInput("--engine ray: every node that could compute has left the cluster; start one and try again")
    return answers


def _call(function: Callable[[], Any]) -> Any:
    return function()


def _receive(references: list[Any]) -> None:
    """Unpickle objects of the store on this node."""
    import ray

    ray.get(references)


def first_line(error: BaseException) -> str:
    """What an error of Ray says, without the traceback and the descriptions that come with it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
