"""Identities of models: a digest of weights and code, and one of the logits on fixed images.

The second is needed as logits may also depend on settings in files, environment variables, buffers that are in no state
dict and constants of imported packages.
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
from bench.core.rng import fixed_seed
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.outcome import model_logits
from bench.models.checkpoint import fingerprint
from bench.models.freeze import frozen

RANDOM_IMAGES, TEST_IMAGES = 4, 4  # images in the batch that logits are computed on
SEPARATOR = "-computes-"  # between the digest of the weights and that of the logits
OUR_PACKAGES = ("torch", "torchvision", "bench", "methods")  # a change of their layers' results raises PROTOCOL
LOGIT_STEPS = 2**20  # logits are rounded to 1/LOGIT_STEPS of the largest: far above rounding errors in float64

log = logging.getLogger("bench")


def trained_identity(net: nn.Module, test: Images) -> str:
    """The identity of a model that was trained here; it changes with anything that its logits depend on.

    If all layers are of this bench, torch or torchvision, it is the digest of the weights alone, as PROTOCOL counts
    changes of those. A plug-in's layers may depend on more, so the digest of the logits is added. It is left out where
    the model cannot compute them; the cells of that model then fail with the reason.

    test: as for `logits_digest`.
    """
    weights = fingerprint(net)
    if all(type(m).__module__.partition(".")[0] in OUR_PACKAGES for m in net.modules()):
        return weights
    try:
        return join_parts(weights, logits_digest(net, test))
    except BadInput:
        return weights


def join_parts(weights: str, digits: str) -> str:
    """Join both digests. The second is empty for a model whose logits change from call to call."""
    return f"{weights}{SEPARATOR}{digits}" if digits else weights


def computes(identity: str) -> str:
    """The digest of the logits in an identity; empty where it has none."""
    return identity.partition(SEPARATOR)[2]


def is_same_model(one: str, other: str) -> bool:
    """Whether two identities are of one model. Digests of the logits are compared only if both have one."""
    same = one.partition(SEPARATOR)[0] == other.partition(SEPARATOR)[0]
    return same and (computes(one) == computes(other) or not (computes(one) and computes(other)))


def logits_digest(net: nn.Module, test: Images) -> str:
    """16 hexadecimal digits of the logits on random and test images; empty where a second call gives other logits.

    Computed in float64 and rounded, so that threads, device and machine do not change it. A model that cannot compute
    in float64 is compared in float32, bit for bit. BadInput where the model computes no logits.

    test: the first images of the test set, TEST_IMAGES or more, on the model's device.
    """
    with fixed_seed("images of every identity"):
        made_up = torch.rand(RANDOM_IMAGES, *test.x.shape[1:])
    x = torch.cat([made_up.to(test.x.device), to_float(test.x[:TEST_IMAGES])])
    with model_errors_as_bad_input(), frozen(net), _one_thread(), torch.no_grad():
        digests = {_digest(net, x) for _ in range(2)}
    return digests.pop() if len(digests) == 1 else ""


def _digest(net: nn.Module, x: Tensor) -> str:
    try:
        with _in_double(net), fixed_seed("logits of an identity"), guarded_call():
            content = _round(model_logits(net, x.double()).cpu())
    except Exception as error:  # layers of a plug-in may support float32 only
        log.info("the model does not compute in double precision (%s)", error)
        with fixed_seed("logits of an identity"):
            content = model_logits(net, x).float().cpu()
    return hashlib.sha256(content.contiguous().numpy().tobytes()).hexdigest()[:16]


def _round(logits: Tensor) -> Tensor:
    """Logits (B, K) relative to the largest, and its logarithm, in whole numbers of 1/LOGIT_STEPS: (B K + 1,)."""
    largest = logits.abs().max().clamp(min=torch.finfo(logits.dtype).tiny)
    return torch.cat([(logits / largest).flatten(), largest.log2().view(1)]).mul(LOGIT_STEPS).round().long()


@contextmanager
def _in_double(net: nn.Module) -> Iterator[None]:
    """Inside the block weights and buffers are float64; afterwards they are as before, bit for bit."""
    originals = {tensor: tensor.data for tensor in [*net.parameters(), *net.buffers()] if tensor.is_floating_point()}
    try:
        for tensor, data in originals.items():
            tensor.data = data.double()
        yield
    finally:
        for tensor, data in originals.items():
            tensor.data = data


@contextmanager
def _one_thread() -> Iterator[None]:
    """Inside the block torch uses one thread, so that sums are added in the same order everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
