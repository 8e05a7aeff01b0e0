"""The printed numbers are all there, exactly as printed, beside the recipes they are of."""

import pytest
from small import net

import methods  # noqa: F401
from bench import RECIPES
from bench.report.studies.printed.numbers import PAPERS, printed_numbers

ROWS = {"bat": 277, "avmixup": 155, "mtlat": 230, "robmask": 232, "m2at": 103, "external": 84}


def test_every_row_is_there():
    assert {source: len(printed_numbers(source)) for source in ROWS} == ROWS
    assert len(printed_numbers()) == sum(ROWS.values())
    assert {*PAPERS, "external"} == set(ROWS)


def test_a_value_is_a_number_or_says_why_it_is_missing():
    rows = printed_numbers()
    missing = rows["value"] == ""
    assert missing.sum() == 83
    assert rows.loc[missing, "note"].str.contains("dash|garbled|missing in the extraction|printed empty").all()
    rows.loc[~missing, "value"].map(float)
    assert {"91.0", "7.4e3"} <= set(rows["value"])  # as printed: neither rounded nor rewritten


def test_every_recipe_that_a_number_is_of_is_registered():
    rows = printed_numbers()
    named = {*rows["recipe"], *rows["source"]} - {""}
    assert named <= set(RECIPES)


def test_every_view_that_a_number_is_of_is_one_its_recipe_finishes_with():
    rows = printed_numbers()
    mapped = rows[rows["recipe"] != ""]
    for name, views in mapped.groupby("recipe")["view"]:
        recipe = RECIPES[name]
        assert set(views) <= set(recipe.finish(recipe.prepare(net()))), name
    assert (rows.loc[rows["recipe"] == "", "view"] == "").all()


def test_interpolations_are_views_of_the_fine_tuned_recipe_between_its_ends():
    rows = printed_numbers("robmask")
    rows = rows[rows["table"] == "Table 2"]
    ends = {"Adv": ("PGD-AT.robmask", "BN-std"), "Std": ("Standard", "BN-adv")}
    for method, variant, recipe, view in zip(*(rows[c] for c in ("method", "variant", "recipe", "view")), strict=True):
        base, tuned = ends[method[:3]]
        p = variant.removeprefix("p=")
        expected = {"1.0": (base, "main"), "0.0": (tuned, "main")}.get(p, (tuned, f"p{p}"))
        assert (recipe, view) == expected


def test_a_plus_of_bat_is_a_plan_and_its_radius_a_tag():
    rows = printed_numbers("bat")
    assert ((rows["plan"] == "long") == rows["method"].str.endswith("+")).all()
    radii = rows["variant"].str.extract(r"eps_x=(\d+)")[0]
    tags = rows["recipe"].str.extract(r"\.eps(\d+)$")[0].fillna("8")
    assert (radii.isna() | (radii == tags)).all()
    assert not (rows["recipe"] == "").any()


def test_lines_of_bat_are_of_the_training_that_they_name():
    rows = printed_numbers("bat")
    assert set(rows.loc[rows["method"].str.fullmatch(r"Madry\*?"), "recipe"]) == {"PGD-AT.7x2"}
    ninth = rows[(rows["table"] == "Table 9") & rows["method"].str.startswith("R-MC-LA")]
    places = ninth["variant"].str.extract(r"\(row (\d)\)")[0]
    assert dict(zip(places, ninth["recipe"], strict=True)) == {
        "1": "R-MC-LA.cifar100", "2": "R-MC-LA.cifar100", "3": "R-MC-LA9", "4": "R-MC-LA9"
    }  # fmt: skip
    assert (ninth["note"].str.startswith("inferred") == (ninth["recipe"] == "R-MC-LA9")).all()


def test_the_lone_values_of_mtlat_are_those_of_iat():
    rows = printed_numbers("mtlat")
    lone = rows[rows["note"].str.contains("the one value of the cell")]
    assert (len(lone), set(lone["recipe"])) == (17, {"IAT"})
    clean = lone[lone["metric"] == "clean"].set_index("architecture")
    assert dict(clean["value"]) == {"ResNet-50": "73.2", "ResNeXt-50 32x4d": "74.7"}
    assert clean.loc["ResNeXt-50 32x4d", "note"].startswith('index printed "-"')


def test_numbers_published_elsewhere_are_empty_only_where_the_bench_has_no_such_recipe():
    rows = printed_numbers("external")
    assert set(rows.loc[rows["recipe"] == "", "method"]) == {
        "Adversarial Interpolation Training",
        "Sensible adversarial learning",
        "R-MOSA-LA (eps=4)",
        "R-RAND-LA (eps=4)",
    }


def test_transfer_rows_name_who_crafted_the_images():
    rows = printed_numbers()
    transferred = rows["metric"].eq("transfer_robust_acc") | rows["attack"].str.contains(" from |VGG")
    assert ((rows["source"] != "") == transferred).all()


@pytest.mark.parametrize(
    ("source", "recipe", "where", "value"),
    [
        ("avmixup", "AVmixup", "Table 1/CIFAR-10/PGD-20/", "58.23"),
        ("avmixup", "PGD-AT.avmixup", "Table 4/SVHN/FGSM/", "75.31"),
        ("avmixup", "FS-AVmixup.cifar100", "Table 5/CIFAR-100/none/", "78.62"),
        ("avmixup", "PGD-AT", "Table 3/CIFAR-10/none/", "87.3"),
        ("avmixup", "PGD-AT.avmixup", "Table 2/CIFAR-10/PGD-20 transfer/PGD-AT.avmixup", ""),
        ("m2at", "M2AT", "Table 3/CIFAR-10/PGD-20/", "80.66"),
        ("m2at", "PGD-AT.m2at", "Table 1/CIFAR-10/PGD-20/", "50.80"),
        ("m2at", "R-MC-LA", "Table 1/CIFAR-10/FGSM/", "70.7"),
        ("robmask", "PGD-AT.robmask", "Table 1/CIFAR-10/none/", "78.47"),
        ("mtlat", "TFGSM-AT", "Table 3/ImageNet-100/none/", "68.3"),
        ("mtlat", "IAT", "Table 1(a)/ImageNet-100/gaussian_noise/", "0.47"),
        ("bat", "PGD-AT.7x2", "Table 1/CIFAR-10/FGSM/", "57.0"),
        ("bat", "PGD-AT.7x2", "Table 5/CIFAR-10/CE7/", "50.0"),
        ("bat", "R-MC-LA9", "Table 9/CIFAR-100/FGSM/", "36.9"),
        ("bat", "R-MC-LA.sup", "Table 11/CIFAR-10/none/", "90.2"),
        ("external", "R-MC-LA.eps4", "RobustBench CIFAR-10 Linf/CIFAR-10/AutoAttack standard/", "29.35"),
        ("external", "FGSM-RS", "RobustBench CIFAR-10 Linf/CIFAR-10/AutoAttack standard/", "43.21"),
        ("external", "AVmixup", "MTandHJ/PyTorch-Robust README/CIFAR-10/AutoAttack standard/", "20.57"),
    ],
)
def test_known_numbers(source, recipe, where, value):
    rows = printed_numbers(source)
    places = rows[["table", "dataset", "attack", "source"]].agg("/".join, axis=1)
    assert value in set(rows.loc[(rows["recipe"] == recipe) & (places == where), "value"])
