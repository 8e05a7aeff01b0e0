"""The run that rows of an external model belong to."""

import re
from dataclasses import dataclass
from hashlib import sha256

from bench.core.files import require_names
from bench.results.row import EXTERNAL

MAX_NAME_LENGTH = 150  # characters of the model's name in the name of its folder


@dataclass(frozen=True)
class ExternalRun:
    """An external model on one data set, as rows name it. BadInput where the data set's name cannot name a folder."""

    name: str
    dataset: str
    identity: str  # digits that change with its weights and its code

    model = EXTERNAL
    seed = 0
    start = None  # it is trained on no other run's model
    threads = 1  # as nothing is trained

    def __post_init__(self) -> None:
        require_names(dataset=self.dataset)

    @property
    def run(self) -> str:
        """Its folder below the results folder."""
        digest = sha256(self.identity.encode()).hexdigest()[:8]
        name = re.sub(r"[/\\\x00-\x1f\x7f]|^\.+", "-", self.name)[:MAX_NAME_LENGTH]
        return f"{self.dataset}/{self.model}/{name}-{digest}"
