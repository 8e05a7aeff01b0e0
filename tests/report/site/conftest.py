"""Fixtures: an example site, and a browser that opens its pages."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from result_files import measure
from site_names import HOSTILE, LONG, Open

from bench.report.leaderboard.page import boards, find_folders
from bench.report.site.board_files import BAR_FILES, TABLE_FILES
from bench.report.site.write import write_site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of two data sets and three balls, with suspect and failed cells, a failed training and hostile names."""
    folder = tmp_path_factory.mktemp("site")
    results, draw = folder / "results", np.random.default_rng(0)

    def bits(share: float) -> str:
        return "".join("01"[int(right)] for right in draw.random(60) < share)

    for place, recipe in enumerate(["PGD-AT", "TRADES-6", "M2AT", "Standard", HOSTILE, LONG]):
        for dataset in ("digits", "cifar10"):
            measure(results, "", bits(0.9 - place / 20), recipe=recipe, dataset=dataset)
            for eps in (8 / 255, 4 / 255):
                measure(results, "PGD-20", bits(0.7 - place / 10), recipe=recipe, dataset=dataset, eps=eps)
                measure(results, "PGD-20.last", bits(0.8 - place / 10), recipe=recipe, dataset=dataset, eps=eps)
    measure(results, "PGD-20", bits(0.5), recipe="M2AT", view="aux", verdict="suspect: stopped <early>; no gradient")
    measure(results, "AutoAttack", None, recipe="TRADES-6", n=60, status="failed: no memory")
    for recipe in ("PGD-AT", "M2AT", "Standard", HOSTILE):
        measure(results, "AutoAttack", bits(0.4), recipe=recipe)
    for place, recipe in enumerate(["PGD-AT", "M2AT", HOSTILE, LONG]):
        measure(results, "PGD-20", bits(0.6 - place / 10), recipe=recipe, dataset="cifar10", norm="L2", eps=0.5)
    for name, reason in (("FGSM", "loss is <nan>"), ("F" * 180, "y" * 180)):
        failed = results / "digits/cnn" / name / "s0-bbbb"
        failed.mkdir(parents=True)
        (failed / "job.json").write_text(f'{{"status": "failed: {reason}"}}')
    for name, board in product((*TABLE_FILES, *BAR_FILES, "scatter.png"), find_folders(boards(results)).values()):
        path = folder / "reports/leaderboard" / board / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return write_site(results, folder / "reports").parent


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; tests that ask for it are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Open a file in a browser without a network; whatever goes wrong in a page fails the test at its end."""
    contexts, faults = [], []

    def open_page(path: Path, address: str = "", **settings: Any) -> Any:
        context = chromium.new_context(offline=True, **({"viewport": {"width": 1280, "height": 900}} | settings))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("requestfailed", lambda request: faults.extend(describe_failure(request)))
        page.on("request", lambda request: faults.append(request.url) if is_outside(request.url) else None)
        page.goto(path.resolve().as_uri() + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def describe_failure(request: Any) -> list[str]:
    """What is wrong with a request that failed: nothing if a click on a link has ended it before its file was read."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"missing: {request.url} ({request.failure})"]


def is_outside(address: str) -> bool:
    return not address.startswith(("file:", "data:"))
