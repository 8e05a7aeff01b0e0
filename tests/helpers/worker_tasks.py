"""What worker processes do in tests; each imports this module, so it does not import torch, which takes seconds."""

import os
import signal
import time
from functools import partial

from bench.core.errors import BadInput


def open_work(how: str):
    """The work of a worker process. how: what happens at the task "bad"; "slow": starting takes a minute."""
    if how == "slow":
        time.sleep(60)  # like heavy imports on a busy machine
    return partial(work, how)


def work(how: str, task: str, tell) -> str:
    """Report a message, then return the task; the one called "bad" fails in the way `how`."""
    tell(f"on {task}")
    if task == "bad" and how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "bad" and how == "exit":
        os._exit(0)
    if task == "bad":
        raise BadInput("bad")
    return task
