"""Opening a page in a browser, where there is one."""

import os
import sys
import webbrowser
from pathlib import Path


def open_page(page: Path) -> str:
    """Open a page of the disk. Returns what to say: which page was opened, or that none can be here."""
    if has_screen() and webbrowser.open(page.resolve().as_uri()):
        return f"opened: {page}"
    return f"no browser can be opened on this machine; open {page} in one"


def has_screen() -> bool:
    """Whether a window can be shown; without one Python would start a browser for terminals, which takes this one."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
