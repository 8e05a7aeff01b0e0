"""Opens a page in a browser, if there is one."""

import os
import sys
import webbrowser
from pathlib import Path


def open_page(page: Path) -> str:
    """Open a local page, and return a message: that it was opened, or that this machine has no browser."""
    if has_screen() and webbrowser.open(page.resolve().as_uri()):
        return f"opened: {page}"
    return f"no browser can be opened on this machine; open {page} in one"


def has_screen() -> bool:
    """Whether a window can be shown. Without one, Python would start a browser inside the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
