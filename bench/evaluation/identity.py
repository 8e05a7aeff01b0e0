"""Telling models apart: by what they are made of, and by the logits that they compute.

Weights and code near them are not all that logits depend on: there are settings in files, environment variables,
buffers that no state dict holds, constants of imported packages.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import model_errors_as_bad_input
from bench.core.rng import seeded
from bench.data.dataset import Images
from bench.data.loader import to_float
from bench.evaluation.outcome import model_logits
from bench.models.checkpoint import fingerprint
from bench.models.freeze import frozen

MADE_UP, FROM_TEST = 4, 4  # images that every model is asked about, in one batch
COMPUTES = "-computes-"  # between the two parts of an identity
OWN = ("torch", "torchvision", "bench", "methods")  # whose layers change only where PROTOCOL does
STEPS = 2**20  # into which the largest logit is cut: coarser than the arithmetic of any machine in double precision

log = logging.getLogger("bench")


def trained_identity(net: nn.Module, test: Images) -> str:
    """Digits that change with anything that the logits of a model trained here depend on.

    Those of its weights alone where all its layers are of this bench and of torch, whose changes PROTOCOL counts: so
    they were named before. A plug-in's layers may depend on more; where they cannot compute, the cells say so.

    test: as of `logits_digest`.
    """
    made_of = fingerprint(net)
    if all(type(m).__module__.partition(".")[0] in OWN for m in net.modules()):
        return made_of
    try:
        return join_parts(made_of, logits_digest(net, test))
    except BadInput:
        return made_of


def join_parts(made_of: str, digits: str) -> str:
    """Both parts of an identity. The second is empty for a model whose logits change from call to call."""
    return f"{made_of}{COMPUTES}{digits}" if digits else made_of


def computes(identity: str) -> str:
    """The digits of the logits in an identity; empty where there are none."""
    return identity.partition(COMPUTES)[2]


def is_same_model(one: str, other: str) -> bool:
    """Whether two identities are of one model. What only one of them knows of the logits is not compared."""
    same = one.partition(COMPUTES)[0] == other.partition(COMPUTES)[0]
    return same and (computes(one) == computes(other) or not (computes(one) and computes(other)))


def logits_digest(net: nn.Module, test: Images) -> str:
    """16 digits of the logits on fixed images, made-up ones and test images; empty where a second call gives others.

    Computed in double precision and rounded, so that the number of threads, the device and the machine change nothing;
    in single precision, bit for bit, where the model does not compute in double. BadInput where it computes nothing.

    test: the first images of the test set, FROM_TEST of them or more, on the model's device.
    """
    with seeded("images of every identity"):
        made_up = torch.rand(MADE_UP, *test.x.shape[1:])
    x = torch.cat([made_up.to(test.x.device), to_float(test.x[:FROM_TEST])])
    with model_errors_as_bad_input(), frozen(net), _one_thread(), torch.no_grad():
        digests = {_digest(net, x) for _ in range(2)}
    return digests.pop() if len(digests) == 1 else ""


def _digest(net: nn.Module, x: Tensor) -> str:
    try:
        with _in_double(net), seeded("logits of an identity"), guarded_call():
            content = _round(model_logits(net, x.double()).cpu())
    except Exception as error:  # somebody's layers may take single precision alone
        log.info("the model does not compute in double precision (%s)", error)
        with seeded("logits of an identity"):
            content = model_logits(net, x).float().cpu()
    return hashlib.sha256(content.contiguous().numpy().tobytes()).hexdigest()[:16]


def _round(logits: Tensor) -> Tensor:
    """Whole numbers that tell logits (B, K) and their largest amount apart, to a part in STEPS."""
    largest = logits.abs().max().clamp(min=torch.finfo(logits.dtype).tiny)
    return torch.cat([(logits / largest).flatten(), largest.log2().view(1)]).mul(STEPS).round().long()


@contextmanager
def _in_double(net: nn.Module) -> Iterator[None]:
    """Inside the block, weights and buffers are in double precision; after it they are what they were, bit for bit."""
    kept = {tensor: tensor.data for tensor in [*net.parameters(), *net.buffers()] if tensor.is_floating_point()}
    try:
        for tensor, data in kept.items():
            tensor.data = data.double()
        yield
    finally:
        for tensor, data in kept.items():
            tensor.data = data


@contextmanager
def _one_thread() -> Iterator[None]:
    """Inside the block, sums run in one order however many threads the process has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
