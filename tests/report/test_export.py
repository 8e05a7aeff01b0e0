"""All measurements as one table, the site alone, and the browser that shows it."""

import sys
import webbrowser
from pathlib import Path

import pandas as pd
import pytest
from result_files import MADE, measure

from bench.commands.browser import open_page
from bench.core.errors import BadInput
from bench.report import export as exporting
from bench.report.export import export
from bench.results.load import load_results
from bench.results.row import COLUMNS, TRAINING

HOSTILE = "=cmd|' /C calc'!A0 <b>,\""


@pytest.fixture
def small(tmp_path):
    results = tmp_path / "results"
    measure(results, "", "1100")
    measure(results, "FGSM", "1000", verdict=f"suspect: {HOSTILE}")
    measure(results, HOSTILE, "1000")
    measure(results, "PGD-20", None, status="failed: no memory")
    measure(results, "fog", "1000", kind="corruption", norm="", eps=None, severity=3, params=MADE)
    return results


def test_parquet_is_what_load_results_returns(small, tmp_path):
    fastparquet = pytest.importorskip("fastparquet")
    assert export(small, tmp_path / "new/all.PARQUET") == 5
    with (tmp_path / "new/all.PARQUET").open("rb") as file:
        found, expected = fastparquet.ParquetFile(file).to_pandas(), load_results(small)
    assert list(found) == [*COLUMNS, *TRAINING]
    for column in found:
        assert found[column].isna().tolist() == expected[column].isna().tolist(), column
        assert found[column].dropna().tolist() == expected[column].dropna().tolist(), column
    assert found["name"].tolist()[2] == HOSTILE


def test_csv_has_the_same_but_for_texts_that_a_spreadsheet_computes(small, tmp_path):
    assert export(small, tmp_path / "all.csv") == 5
    text = {name: str for name in (*COLUMNS, *TRAINING) if load_results(small)[name].dtype != float}
    found, expected = (
        pd.read_csv(tmp_path / "all.csv", keep_default_na=False, na_values={}, dtype=text),
        load_results(small),
    )
    assert found["name"].tolist() == ["", "FGSM", f"'{HOSTILE}", "PGD-20", "fog"]
    assert pd.to_numeric(found["value"]).round(12).tolist()[:3] == expected["value"].tolist()[:3]
    assert found["severity"].tolist() == ["", "", "", "", "3"]
    assert found["verdict"].tolist()[1] == f"suspect: {HOSTILE}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("all.json", r"all\.json: the name is to end with \.csv or \.parquet"),
        ("results/digits/results.csv", "lies in the results folder"),
    ],
)
def test_what_cannot_be_exported_to_is_refused(small, tmp_path, name, message):
    before = {path: path.read_bytes() for path in small.rglob("*.*")}
    with pytest.raises(BadInput, match=message):
        export(small, tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_nothing_measured_is_no_table(tmp_path):
    with pytest.raises(BadInput, match="no results under"):
        export(tmp_path, tmp_path.parent / "all.csv")


def test_parquet_without_its_package_is_one_line_and_csv_needs_none(bench, small, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "PARQUET_ENGINE", "no_such_package")
    code, _, err = bench("report", "--export", "all.csv", "--export", "all.parquet")
    assert code == 2
    assert err.splitlines() == [
        "bench: --export all.parquet needs the package no_such_package: "
        "`pip install 'robust-recipe-bench[parquet]'`; .csv needs none"
    ]
    assert not (tmp_path / "all.csv").exists()
    assert bench("report", "--export", "all.csv") == (0, "all.csv: 5 measurements\n", "")
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--export", "a.csv", "--site-only"], "--export and --site-only ask for different things; give one of them"),
        (["--study", "m2at", "--site-only"], "--study m2at and --site-only ask for different things; give one of them"),
        (["--export", "a.csv", "--open"], "--open shows the site, which --export does not write"),
        (["--study", "m2at", "--open"], "--open shows the site, which --study m2at does not write"),
    ],
)
def test_options_that_leave_each_other_nothing_are_refused(bench, small, options, message):
    code, out, err = bench("report", *options)
    assert (code, out, err) == (2, "", f"bench: {message}\n")


def test_the_site_alone_is_opened_where_there_is_a_browser(bench, small, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address) or True)
    monkeypatch.setenv("BROWSER", "firefox")
    code, out, _ = bench("report", "--site-only", "--open")
    index = Path("reports/index.html")
    assert (code, out.splitlines()) == (0, [f"site: {index}", f"opened: {index}"])
    assert asked == [(tmp_path / index).as_uri()]
    assert (tmp_path / index).exists()
    assert not (tmp_path / "reports/leaderboard").exists()


@pytest.mark.parametrize(("platform", "screen"), [("linux", ""), ("linux", "DISPLAY"), ("darwin", "")])
def test_without_a_browser_the_page_is_named(monkeypatch, platform, screen):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv(screen, ":0")
    monkeypatch.setattr(sys, "platform", platform)
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(asked.append(address)))
    page = Path("reports/index.html")
    assert open_page(page) == f"no browser can be opened on this machine; open {page} in one"
    assert bool(asked) == (platform == "darwin" or bool(screen))
