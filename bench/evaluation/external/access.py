"""What the loading of a model may do: network access and unpickling only where the user allows them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Access:
    """Where weights of model zoos lie, and whether files may be downloaded or unpickled."""

    data_dir: Path
    download: bool = False
    unsafe_pickle: bool = False
