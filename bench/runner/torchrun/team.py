"""The processes of torchrun: the first one runs the command, the others wait and take part in its trainings."""

import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

import torch
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from bench.core.errors import Failed, ProcessLost
from bench.core.foreign.interrupt import is_ctrl_c_pressed
from bench.runner.request import Request
from bench.training.shared.group import Group, join_group
from bench.training.shared.torchrun import Torchrun

POLL_SECONDS = 0.1
REASON_SECONDS = 2.0  # in which a process that leaves a training has said why
LEAVE_SECONDS = 10.0  # in which the first process has noticed that another one has left

_exit_process = os._exit  # kept here, as `guard` replaces os._exit during calls into code that is not ours


class TrainingOrder(NamedTuple):
    """A training to take part in."""

    number: int  # counted from 1
    request: Request
    run: str  # of the job
    leader: int  # process id of the first process


class Team:
    """The processes of torchrun, as one of them sees them. They reach each other through torchrun's own store."""

    def __init__(self, place: Torchrun, device: torch.device) -> None:
        """place: of this process. device: that it trains on."""
        self.place, self.device = place, device
        self._store, *_ = next(iter(rendezvous("env://")))
        self._orders = 0
        self._leader = os.getpid() if place.rank == 0 else 0
        self._is_ending = False
        signal.signal(signal.SIGTERM, self._on_stop)

    @contextmanager
    def share_training(self, request: Request, run: str) -> Iterator[Group]:
        """Inside the block all processes train one job of a request. Called by the first process.

        run: the name of the job's run.

        Raises:
            Failed: the training has failed in another process.
            ProcessLost: another process has ended, or cannot take part.
        """
        if self._is_ending:
            raise ProcessLost
        self._orders += 1
        order = TrainingOrder(self._orders, request, run, self._leader)
        self._store.set(f"order {order.number}", pickle.dumps(order))
        try:
            with self.join(order) as group:
                yield group
        except ProcessLost as lost:
            stored = self._wait(f"reason {order.number}", REASON_SECONDS)
            reason = pickle.loads(stored) if stored else lost
            self._is_ending = isinstance(reason, ProcessLost)
            raise reason from lost.__cause__
        finally:
            self._store.set(f"over {order.number}", b"1")

    @contextmanager
    def join(self, order: TrainingOrder) -> Iterator[Group]:
        """Inside the block this process is one of the group that trains the order; every process enters it once."""
        self._store.set(f"ready {order.number} {self.place.rank}", b"1")
        for rank in range(self.place.size):  # without a time limit, but in a loop that a signal can end
            while not self._wait(f"ready {order.number} {rank}", POLL_SECONDS):
                if self._wait(f"reason {order.number}", 0):
                    raise ProcessLost
        store = PrefixStore(f"training {order.number}", self._store)
        with join_group(store, self.place.rank, self.place.size, self.device) as group:
            yield group

    def orders(self) -> Iterator[TrainingOrder]:
        """The trainings to take part in, as the first process begins them, until it ends."""
        while True:
            self._orders += 1
            while not (content := self._wait(f"order {self._orders}", POLL_SECONDS)):
                continue
            order = pickle.loads(content)
            if order is None:
                return
            self._leader = order.leader
            yield order

    def report(self, order: TrainingOrder, reason: Failed | ProcessLost) -> None:
        """Tell the first process why this one leaves a training: which has failed, or in which it cannot take part."""
        self._store.set(f"reason {order.number}", pickle.dumps(reason))

    def leave(self, order: TrainingOrder) -> None:
        """End this process if the first one still waits for it in a training that this one has left with an error."""
        if not self._wait(f"over {order.number}", LEAVE_SECONDS):
            _exit_process(1)

    def end(self) -> None:
        """Let the other processes end. Called by the first process."""
        self._store.set(f"order {self._orders + 1}", pickle.dumps(None))

    def _wait(self, key: str, seconds: float) -> bytes:
        """What is stored under a key; empty if there is nothing after so many seconds."""
        end = time.monotonic() + seconds
        while not self._store.check([key]):
            if time.monotonic() >= end:
                return b""
            time.sleep(POLL_SECONDS / 2)
        return bytes(self._store.get(key))

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        """At SIGTERM, which torchrun sends where one of its processes has ended: end, and let one process say so."""
        if self._is_ending or is_ctrl_c_pressed():
            return
        self._is_ending = True
        speaker = 0 if _is_running(self._leader) else 1
        if self.place.rank == speaker:
            line = f"bench: torchrun stops its processes, as one has ended; {ProcessLost.ADVICE}\n"
            os.write(2, line.encode())
        if not self._wait(f"reason {self._orders}", 0):  # otherwise the first process first stores why it failed
            _exit_process(1)


def _is_running(process: int) -> bool:
    """Whether a process of this host runs; True for 0, a process that is not known yet."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
