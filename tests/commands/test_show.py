"""`bench show` prints what a recipe is, what it costs and what it scored, for every registered recipe."""

import inspect
import io
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from result_files import measure
from rich.console import Console

import methods  # noqa: F401
from bench import L2, RECIPES, Ascent, Untargeted
from bench.attacks.parse import parse_attack
from bench.cli import cli
from bench.commands.show.recipe_cost import describe_cost
from bench.commands.show.recipe_page import show
from bench.commands.show.recipe_text import reflow
from bench.commands.show.settings import own_classes, settings
from bench.core.errors import UnknownName
from bench.core.parsing import format_radius
from bench.core.threats.lengths import Pixels
from bench.report.site.methods.recipe_lines import measured_lines, other_numbers, printed_lines
from bench.report.site.sources import Setting
from bench.report.studies.printed.numbers import printed_numbers

PUBLISHED = Path(__file__).parents[2] / "results/published/digits-quick"
HEADINGS = ["Paper", "Settings", "Source", "Cost", "Printed", "Measured by this bench"]


def page(name, results, width=200, **console):
    file = io.StringIO()
    show(name, results, Console(file=file, width=width, highlight=False, **console))
    return file.getvalue()


def of(recipe):
    rows = printed_numbers()
    return rows[rows["recipe"] == recipe]


def sections(text):
    """The lines below each heading."""
    found, lines = {}, text.splitlines()
    for line in lines:
        if line in HEADINGS:
            found[line] = []
        elif found:
            found[list(found)[-1]].append(line)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RECIPES, "M2AT+AWP", "R-MC-LA.eps4+AWP"])
def test_every_recipe_has_a_whole_page(name, tmp_path):
    text = page(name, tmp_path, width=80)
    parts = sections(text)
    assert list(parts) == HEADINGS
    assert text.startswith(f"{name}\n")
    recipe = RECIPES[name]
    shown = [line.split()[0] for line in parts["Settings"] if line[:1].isalpha()]
    assert {setting.path for setting in settings(recipe)} <= set(shown)
    assert type(recipe).__doc__.split()[0] in "\n".join(parts["Paper"])
    for cls in own_classes(recipe):
        assert inspect.getsource(cls).rstrip() in text, "code is not broken at the edge of the screen"
    assert "times Standard's 1 and 1" in " ".join(" ".join(parts["Cost"]).split())
    assert parts["Measured by this bench"][-1] == f"bench run --methods {name} --results {tmp_path}"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("AVmixup", ["methods/avmixup.py"]),
        ("FGSM-RS", ["methods/fgsm_rs.py", "methods/pgd_at.py"]),
        ("FS-AVmixup", ["methods/avmixup.py", "methods/feature_scatter.py"]),
        ("R-FGSM+AWP", ["methods/awp.py", "methods/bat.py", "methods/pgd_at.py"]),
    ],
)
def test_the_paper_is_that_of_the_file_that_names_the_recipe_then_those_of_its_parts(name, files, tmp_path):
    lines = sections(page(name, tmp_path))["Paper"]
    assert [line for line in lines if line.endswith(".py")] == files


@dataclass(frozen=True)
class Inner:
    far: Pixels = 0.031  # how far


@dataclass(frozen=True)
class Outer(Inner):
    """What holds it.

    More.
    """

    inner: Inner = Inner(2 / 255)
    shown: Untargeted = Untargeted(Ascent(L2(0.5), 3, 0.1), stats="batch")  # why
    many: tuple[Pixels, ...] = (1 / 255, 0.5)
    odd: float = field(default=0.25)  # after the bracket


def test_settings_are_fields_with_their_comments_and_radii_in_steps_of_255():
    found = {s.path: s for s in settings(Outer())}
    assert found["far"] == Setting("far", "0.031 (7.905/255)", "how far")
    assert found["inner"] == Setting("inner", "Inner", "")
    assert found["inner.far"] == Setting("inner.far", "0.00784314 (2/255)", "how far")
    assert found["shown"] == Setting("shown", "Untargeted", "why")
    assert found["shown.ascent"].meaning.startswith("Projected gradient ascent")
    assert found["shown.ascent.threat.eps"].value == "0.5 (127.5/255)"
    assert found["shown.stats"] == Setting("shown.stats", "batch", "running | batch | moving")
    assert found["many"].value == "0.00392157 (1/255),0.5 (127.5/255)"
    assert found["odd"] == Setting("odd", "0.25", "after the bracket")
    assert list(found)[:2] == ["far", "inner"]


@pytest.mark.parametrize(
    ("name", "forwards", "backwards", "ratio"),
    [
        ("Standard", 1, 1, "1"),
        ("PGD-AT", 11, 11, "11"),
        ("TRADES-6", 13, 12, "12.5"),
        ("R-MC-LA", 3, 2, "2.5"),
        ("AdvProp.2aux", 17, 17, "17"),
        ("M-TLAT", 3, 3, "3"),
        ("PGD-AT+AWP", 12, 12, "12"),
    ],
)
def test_the_cost_is_counted(name, forwards, backwards, ratio):
    said = describe_cost(RECIPES[name])
    assert said.startswith(f"{forwards} forward and {backwards} backward passes per image")
    assert f"; {ratio} times Standard's 1 and 1." in said


def test_what_is_printed_stands_beside_what_autoattack_left():
    lines = {line.head: line for line in printed_lines(of("FS"))}
    printed_numbers = lines["AVmixup Table 5, CIFAR-10, WRN-28-10"]
    assert printed_numbers.clean == "90.22"
    assert printed_numbers.attacked == "8/255: FGSM 78.19, PGD-20 69.74, PGD-100 67.35, CW-20 60.77, CW-100 58.29"
    published = lines["RobustBench CIFAR-10 Linf, CIFAR-10, WRN-28-10"]
    assert (published.clean, published.autoattack) == ("89.98", "8/255: 36.64")
    assert published.attacked == "8/255: as reported by the defense paper 60.6"


def test_lines_say_plans_views_spreads_sources_and_gaps():
    details = [line.detail for line in printed_lines(of("R-MC-LA"))]
    assert "R-MC-LA+ eps_x=8 beta=9, long plan" in details
    robmask = printed_lines(of("RobMask"))
    (table6,) = [line for line in robmask if line.head.startswith("RobMask Table 6")]
    assert table6.detail == "RobMask, view adv"
    assert table6.autoattack.startswith("2/255: ")
    assert any(" ± " in line.clean for line in robmask)
    (transfer,) = [line for line in printed_lines(of("PGD-AT.avmixup")) if "Table 2" in line.head]
    assert "PGD-20 transfer from PGD-AT.avmixup \N{EN DASH}" in transfer.attacked
    assert "PGD-20 transfer from Standard 8" in transfer.attacked
    assert other_numbers(of("AdvProp")) == "RobMask text 5.2: seconds_per_epoch"


def test_a_run_is_a_line_with_what_it_scored_and_whether_to_believe_it(tmp_path):
    for attack, right, more in (
        ("", "1111111110", {}),
        ("FGSM", "1111100000", {}),
        ("AutoAttack", "1000000000", {"verdict": "suspect: Square beat PGD"}),
    ):
        measure(tmp_path, attack, right, **more)
        measure(tmp_path, attack, right, recipe="M2AT")
    measure(tmp_path, "PGD-20", None, status="failed: out of memory", verdict="")
    lines = sections(page("PGD-AT", tmp_path))["Measured by this bench"]
    row = next(line for line in lines if line.startswith("digits, cnn, seed 0"))
    assert "90.0" in row
    assert "Linf 8/255: FGSM 50.0, PGD-20 failed" in row
    assert "Linf 8/255: 10.0" in row
    assert "suspect: Square beat PGD; failed: out of memory" in row
    assert sum(line.startswith("digits") for line in lines) == 1, "another recipe's run is not shown"


def test_what_the_board_suspects_is_suspect_on_the_page_too(monkeypatch):
    lines = measured_lines("AVmixup", PUBLISHED)
    assert [line.verdict for line in lines] == ["suspect: AutoAttack breaks 63 of 300 images that PGD-20 leaves"]


def test_doubts_of_several_radii_say_which(tmp_path):
    for attack, eps, right in (
        ("PGD-20", 0.1, 180),
        ("AutoAttack", 0.1, 20),
        ("PGD-20", 0.2, 9),
        ("AutoAttack", 0.2, 8),
    ):
        measure(tmp_path, attack, "1" * right + "0" * (200 - right), eps=eps, params=parse_attack(attack).params)
    measure(tmp_path, "", "1" * 200)
    (line,) = measured_lines("PGD-AT", tmp_path)
    assert line.verdict == "suspect: Linf 0.1: AutoAttack breaks 160 of 200 images that PGD-20 leaves"


def test_piped_text_is_plain_and_a_terminal_gets_colours(tmp_path):
    assert "\x1b[" not in page("Mixup", tmp_path)
    coloured = page("Mixup", tmp_path, force_terminal=True, color_system="standard")
    assert "\x1b[" in coloured
    assert "return cross_entropy(model(x), q).mean()" not in coloured, "the source is coloured too"


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["show", "AVmixup"])
    assert done.exit_code == 0
    assert done.output.endswith("No run of it under results. This makes one:\nbench run --methods AVmixup\n")
    for many in ("all", "PGD-AT*", "PGD-AT,TRADES-6"):
        several = CliRunner().invoke(cli, ["show", many])
        assert str(several.exception).startswith(f"show takes one name, not {many!r}")
    unknown = CliRunner().invoke(cli, ["show", "AVmixp"])
    assert isinstance(unknown.exception, UnknownName)
    assert "did you mean AVmixup" in str(unknown.exception)
    assert str(unknown.exception).endswith(" (one of your own is found by --plugin FILE.py)")
    assert (
        CliRunner()
        .invoke(cli, ["list", "methods"])
        .output.endswith("\n+AWP may follow the name of any adversarial recipe\n")
    )


def test_a_radius_is_written_as_people_write_it():
    assert [format_radius(eps) for eps in (8 / 255, 0.0313725, 0.2, 0.031, 0.5)] == [
        "8/255",
        "8/255",
        "0.2",
        "0.031",
        "0.5",
    ]


def test_paragraphs_are_reflowed_and_lists_are_not():
    assert reflow("One\ntwo.\n\nThree\nfour:\n- five\n  six") == "One two.\n\nThree four:\n- five\n  six"
