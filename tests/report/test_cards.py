"""Model cards as the Hub reads them, and BibTeX of the papers that recipes are from."""

from pathlib import Path

import pytest
from result_files import measure

from bench.commands.recipe_facts import find_cited_papers
from bench.report.cards.card import measurements
from bench.report.cards.citations import Citation, bibtex, find_citations, software_entry
from bench.report.cards.metadata import yaml
from bench.report.cards.page import CardsPage, find_models
from bench.results.load import load_results
from bench.results.row import EXTERNAL
from bench.training.recipe import RECIPES

ROOT = Path(__file__).parents[2]
HOSTILE = [
    "yes",
    "a: b",
    "- x",
    "#",
    "'\"\\",
    "```\n# no",
    "\x85\u2028",
    "<b>[x](y)",
    "@a{b",
    "{",
    "1e5",
    "~",
    "",
    "é数",
]
MADRY = Citation(
    ("Madry", "Makelov", "Schmidt", "Tsipras", "Vladu"),
    "Towards Deep Learning Models Resistant to Adversarial Attacks",
    "ICLR",
    2018,
    "1706.06083",
)


@pytest.mark.parametrize(
    ("recipe", "keys"),
    [
        ("PGD-AT", ["madry2018towards"]),
        ("M2AT", ["adachi2023masking"]),
        ("IAT", ["zhang2018mixup", "lamb2019interpolated"]),
        ("TRADES-6+AWP", ["wu2020adversarial", "zhang2019theoretically"]),
        ("RobMask", ["cheng2021adversarial"]),
        ("Standard", []),
        ("somebody's model", []),
    ],
)
def test_a_recipe_s_papers_are_those_that_its_files_cite(recipe, keys):
    assert [paper.key for paper in find_cited_papers(recipe)] == keys


def test_every_file_of_recipes_cites_a_paper_that_can_be_read():
    homes = {RECIPES.homes(name)[0]: name for name in RECIPES}
    papers = {home: find_cited_papers(name) for home, name in homes.items()}
    assert [home for home, found in papers.items() if not found] == ["methods.standard"]
    for found in papers.values():
        for paper in found:
            assert 1990 < paper.year < 2030
            assert len(paper.title) > 5
            assert paper.arxiv or paper.venue in ("ICLR", "ICCV")


def test_bibtex_is_what_latex_takes():
    text = (
        'The file.\n\nMadry, Makelov, Schmidt, Tsipras, Vladu, "Towards Deep Learning\nModels Resistant to Adversarial '
    )
    text += 'Attacks", ICLR 2018, arXiv:1706.06083, eq. (2.1).'
    assert find_citations([text, text]) == [MADRY]
    assert bibtex([MADRY]).startswith(
        "@inproceedings{madry2018towards,\n"
        "  title = {{Towards Deep Learning Models Resistant to Adversarial Attacks}},\n"
        "  author = {Madry and Makelov and Schmidt and Tsipras and Vladu},\n"
        "  booktitle = {ICLR},\n"
        "  year = {2018},\n"
        "  eprint = {1706.06083},\n"
        "  archiveprefix = {arXiv},\n"
        "}\n"
    )
    odd = MADRY._replace(title="Towards 100 % of a_b & {c} ```", is_submission=True, arxiv="")
    entries = bibtex([MADRY, odd])
    assert "@misc{madry2018towardsb,\n  title = {{Towards 100 \\% of a\\_b \\& \\{c\\} '''}}," in entries
    assert "note = {Submission to ICLR}" in entries


def test_the_bench_is_cited_as_its_own_file_says():
    safe_load = pytest.importorskip("yaml").safe_load
    said = safe_load((ROOT / "CITATION.cff").read_text())
    released = said["date-released"]
    for text in (said["title"], said["authors"][0]["name"], released.year, said["version"], said["license"]):
        assert f"{{{text}}}" in software_entry()


def test_yaml_says_what_json_says():
    safe_load = pytest.importorskip("yaml").safe_load
    values = {
        "texts": HOSTILE,
        "numbers": [1, 0.25, -1e-9, 1.5e-17, 1e22, True, None],
        "nested": [{"a": 1, "b": [{"c": []}, {}]}, [1, [2]], {"d": {"e": {"f": "g"}}}],
        **dict.fromkeys(HOSTILE, 1),
    }
    assert safe_load(yaml(values)) == values


@pytest.fixture
def small(tmp_path):
    for seed in (0, 1):
        measure(tmp_path, "", "1111111100", seed=seed)
        measure(tmp_path, "FGSM", "1111000000", seed=seed)
        measure(tmp_path, "FGSM", "1100000000", seed=seed, eps=16 / 255)
        measure(tmp_path, "AutoAttack", None, status="failed: no memory", verdict="", seed=seed)
    measure(tmp_path, "PGD-20", "1000000000", epoch="best", partial=True, verdict="suspect: zero gradients")
    return tmp_path


def test_measurements_stand_threat_by_threat(small):
    (first, *_) = find_models(small)
    found = measurements(first.rows)
    assert found["condition"].tolist() == [
        "Clean",
        "FGSM, Linf 8/255",
        "AutoAttack, Linf 8/255",
        "FGSM, Linf 16/255",
    ]
    assert found["value"].tolist()[:2] == [0.8, 0.4]


def test_each_model_has_a_card_in_a_folder_of_its_own(small):
    made = CardsPage(lambda recipe: [MADRY]).files(small)
    stem = "digits-cnn-pgd-at-s"
    assert next(iter(made)) == "cards.md"
    assert {name.partition("/")[0] for name in made} == {"cards.md", f"{stem}0-last", f"{stem}0-best", f"{stem}1"}
    best, last = made[f"{stem}0-best/README.md"], made[f"{stem}0-last/README.md"]
    assert "# PGD-AT on digits (cnn, seed 0, best epoch)\n" in best
    assert "- The first 10 test images only, not all.\n" in best
    assert "- AutoAttack was not run;" in best
    assert "zero gradients" in best
    assert "| AutoAttack, Linf 8/255 | failed: no memory | \N{EN DASH} | 10 |" in last
    assert "AutoAttack was not run" not in last
    assert "madry2018towards" in made[f"{stem}1/cite.bib"]
    assert f"({stem}1/README.md): 20.0 % right, FGSM, Linf 16/255" in made["cards.md"]


def test_a_model_from_outside_was_not_trained_here(tmp_path):
    for which in ("aaaa", "bbbb"):
        measure(tmp_path, "FGSM", "1100", recipe="net", model=EXTERNAL, run=f"digits/external/net-{which}")
    made = CardsPage(find_cited_papers).files(tmp_path)
    folders = [f"digits-external-net-{which}" for which in ("aaaa", "bbbb")]
    assert {name.partition("/")[0] for name in made} == {"cards.md", *folders}
    text = made[f"{folders[0]}/README.md"]
    assert "\n# net on digits\n\nA classifier of digits, evaluated under attack" in text
    assert "seed" not in text
    assert "## Training" not in text
    assert made[f"{folders[0]}/cite.bib"] == software_entry()


@pytest.mark.parametrize("results", ["digits-quick", "cifar10-laptop"])
def test_the_hub_s_own_code_reads_the_results(results, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    folder = ROOT / "results/published" / results
    made = CardsPage(find_cited_papers).files(folder)
    rows = load_results(folder)
    found = []
    for name, text in made.items():
        if name.endswith("/README.md"):
            (tmp_path / "README.md").write_text(text, encoding="utf-8")
            card = hub.ModelCard.load(tmp_path / "README.md")
            assert card.data.library_name == "pytorch"
            assert card.data.pipeline_tag == "image-classification"
            found += [(result.metric_value, result.metric_args["n"]) for result in card.data.eval_results]
            again = hub.ModelCardData(model_name=card.data.model_name, eval_results=card.data.eval_results)
            assert len(again.to_dict()["model-index"][0]["results"]) == 1  # of one data set
    asked = rows[rows["kind"].isin(["clean", "attack"]) & (rows["metric"] == "accuracy") & (rows["source"] == "")]
    assert sorted(found) == sorted(zip(asked["value"], asked["n"], strict=True))


def test_names_of_strangers_are_text(tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    name = "---\\ <b>: [x](javascript:1) `"
    measure(tmp_path, "", "1100", recipe="R", budget="<script>")
    measure(tmp_path, name, "1000", recipe="R", verdict=f"suspect: {name}")
    made = CardsPage().files(tmp_path)
    text = made["digits-cnn-r-s0/README.md"]
    results = hub.ModelCard(text).data.eval_results
    assert [result.metric_name for result in results] == ["Accuracy, Clean", f"Accuracy, {name}, Linf 8/255"]
    assert results[1].metric_args["verdict"] == f"suspect: {name}"
    body = text.split("\n---\n", 1)[1]
    assert "<b>" not in body
    assert "<script>" not in body
    assert "[x](" not in body


def test_the_command_writes_cards_alone(bench, small, tmp_path):
    code, out, _ = bench("report", "--cards", "--results", ".")
    assert (code, out) == (0, f"cards: {Path('reports/cards/cards.md')}\n")
    assert {path.name for path in (tmp_path / "reports").iterdir() if path.is_dir()} == {"cards"}
    assert "reports/cards" not in (readme := (tmp_path / "reports/README.md").read_text())
    assert "[cards/cards.md](cards/cards.md)" in readme
    code, _, err = bench("report", "--cards", "--results", "nothing")
    assert code == 2
    assert err.startswith("bench: no results under nothing")
    assert bench("report", "--cards", "--open")[2] == "bench: --open shows the site, which --cards does not write\n"
