"""Names that a page must show as text and on a phone, and what opens a page."""

from collections.abc import Callable
from typing import Any

HOSTILE = "<img src=x onerror=alert(1)> =1+2 \"'&`"
LONG = "L" * 90
Open = Callable[..., Any]  # of a path, what follows it in the address, and settings of the browser's window
