"""Names that a page must show as text (HOSTILE) and on a narrow screen (LONG), and the type of `visit`."""

from collections.abc import Callable
from typing import Any

HOSTILE = "<img src=x onerror=alert(1)> =1+2 \"'&`"
LONG = "L" * 180
Open = Callable[..., Any]  # arguments: a path, what follows it in the address, and settings of the browser's window
