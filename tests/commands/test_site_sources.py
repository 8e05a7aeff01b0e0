"""What commands hand to the site: specs of attacks, test images, and commands that reproduce rows."""

import json
import re
import shlex
import shutil
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.attacks.parse import parse_attack
from bench.cli import cli
from bench.commands.recipe_facts import write_attack
from bench.commands.site_sources import site_sources
from bench.data.dataset import DATASETS
from bench.report.site.data import SiteData
from bench.report.site.write import site_files

BASELINE = Path(__file__).parents[1] / "baseline"


@pytest.mark.parametrize(
    "text", ["FGSM", "PGD-20.last", "PGD-20[restarts=5,step=0.1eps]", "AutoAttack", "CW-L2[c=0.5]"]
)
def test_an_attack_is_written_as_it_was_asked_for(text: str):
    spec = parse_attack(text)
    assert parse_attack(write_attack(spec.name, json.loads(spec.params))) == spec


def test_an_attack_that_is_not_known_here_keeps_its_name():
    assert write_attack("Mine", {"steps": 3}) == "Mine"


def test_test_images_are_those_of_the_data_set(tmp_path: Path):
    sources = site_sources(tmp_path)
    digits = DATASETS["digits"].load("test", tmp_path)
    found = sources.test_images("digits", [5, 2])
    assert found is not None
    assert (found.pixels == digits.x[[5, 2]].numpy()).all()
    assert found.classes == tuple(str(int(digits.y[i])) for i in (5, 2))
    assert sources.test_images("digits", [10**6]) is None
    assert sources.test_images("cifar10", [0]) is None


def test_the_command_of_a_page_finds_all_of_its_rows_there(tmp_path: Path):
    shutil.copytree(BASELINE, tmp_path / "results")
    files = site_files(SiteData(tmp_path / "results", site_sources(tmp_path)), frozenset())
    (html,) = (str(page) for path, page in files.items() if path.startswith("methods/"))
    assert "Madry, Makelov, Schmidt" in html
    commands = re.findall(r'<pre class="command"[^>]*><code>(.*?)</code>', html, re.S)
    assert commands
    folders = ["--results", str(tmp_path / "results"), "--data-dir", str(tmp_path), "--dry-run"]
    for text in commands:
        words = shlex.split(unescape(re.sub("<[^>]*>", "", text)))  # without the places where a line may break
        result = CliRunner().invoke(cli, [*words[1:], *folders], catch_exceptions=False)
        assert result.exit_code == 0
        assert re.search(r"0 of \d+ cells", result.output), result.output
