"""Names in a registry: families, suffixes, selection, and what is said of a name that is unknown or taken."""

import pytest

import methods  # noqa: F401
from bench import RECIPES
from bench.core.errors import BadInput, UnknownName
from bench.core.registry import Registry


@pytest.fixture
def registry() -> Registry[str]:
    registry: Registry[str] = Registry("book")
    for name in ("Emma", "Emma.b", "Dracula"):
        registry.add(name, name.upper())
    registry.add_family("Volume-k", lambda k: f"volume {k}")
    return registry


def test_a_registry_is_a_mapping_with_families(registry):
    assert dict(registry) == {"Emma": "EMMA", "Emma.b": "EMMA.B", "Dracula": "DRACULA"}
    assert registry["Volume-12"] == "volume 12"
    assert registry.all_names() == ["Emma", "Emma.b", "Dracula", "Volume-k"]
    assert "Volume-3" in registry
    for name in ("Volume-0", "Volume-03", "Volume-", "Volume-1.5", "volume-3", "xVolume-3"):
        assert name not in registry


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("emma", "no book named 'emma'; did you mean Emma"),
        ("Drakula", "did you mean Dracula"),
        ("Volume-0", "did you mean Volume-k"),
        ("xyz", "known: Emma, Emma.b, Dracula, Volume-k"),
    ],
)
def test_an_unknown_name_says_what_to_do(registry, wrong, message):
    with pytest.raises(UnknownName, match=message):
        registry[wrong]


def test_many_names_are_cut_to_the_first_and_the_command_for_the_rest():
    registry: Registry[int] = Registry("data set")
    for k in range(10):
        registry.add(f"set{k}", k)
    known = "known: set0, set1, set2, set3, set4, set5, set6, set7, set8, set9"
    for patterns in (["zzz"], ["z*"], []):
        with pytest.raises(BadInput, match=f"; {known}$"):
            registry.select(patterns)
    registry.add("set10", 10)
    registry.add("set11", 11)
    for patterns in (["zzz"], ["z*"], []):
        with pytest.raises(BadInput, match=f"; {known} and 2 more; `bench list datasets` names them all$"):
            registry.select(patterns)


@pytest.mark.parametrize("name", ["", "a/b", "a b/../../x", "..", ".hidden", "-x", "Ü", "a\\b", "x\n", "a,b", "a*"])
def test_a_name_that_is_no_folder_is_refused(registry, name):
    before = registry.all_names()
    for add in (registry.add, registry.add_family):
        with pytest.raises(BadInput, match="make a name"):
            add(name, str)
    with pytest.raises(BadInput, match="make a name"):
        registry.add_suffix(f"/{name}", str, follows="any book")
    assert (registry.all_names(), registry.suffixes()) == (before, [])


def test_a_suffix_may_follow_any_name_and_is_said_and_not_listed(registry):
    registry.add_suffix("+notes", lambda book: f"{book} with notes", follows="any book")
    assert registry["Emma+notes"] == "EMMA with notes"
    assert registry["Volume-3+notes"] == "volume 3 with notes"
    assert "Emma+notes+notes" not in registry
    assert "Emma+notes" not in registry.all_names()
    assert registry.suffixes() == ["+notes may follow any book"]


def test_a_registry_knows_which_module_registered_a_name(registry):
    registry.add_suffix("+maps", str.lower, follows="any book")
    assert registry.homes("Emma") == registry.homes("Volume-2") == [__name__]
    assert registry.homes("Emma+maps") == [__name__, __name__]  # who made the suffix, who made the book
    assert RECIPES.homes("R-FGSM+AWP") == ["methods.awp", "methods.bat"]


def test_a_taken_name_is_refused(registry):
    with pytest.raises(ValueError, match="book 'Emma' is already registered by test_registry_names; choose another"):
        registry.add("Emma", "another")
    assert registry["Emma"] == "EMMA"


def test_selection(registry):
    assert registry.select(["all"]) == ["Emma", "Emma.b", "Dracula"]
    assert registry.select(["Dracula", "Em*", "all"]) == ["Dracula", "Emma", "Emma.b"]
    assert registry.select(["Volume-2", "Emma?b"]) == ["Volume-2", "Emma.b"]
    for wrong, message in ((["X*"], "no book matches 'X\\*'"), (["X"], "no book named 'X'"), ([], "no book given")):
        with pytest.raises(BadInput, match=message):
            registry.select(wrong)


def test_a_registry_never_lets_a_name_and_a_family_hide_each_other():
    registry: Registry[str] = Registry("attack")
    registry.add_family("PGD-k", lambda k: f"pgd {k}")
    with pytest.raises(ValueError, match="'PGD-5' is already registered by test_registry_names; choose another"):
        registry.add("PGD-5", "mine")
    with pytest.raises(ValueError, match="family 'PGD-k' is already registered"):
        registry.add_family("PGD-k", lambda k: "other")
    registry.add("CW-7", "cw")
    with pytest.raises(ValueError, match=r"hides \['CW-7'\]"):
        registry.add_family("CW-k", lambda k: "other")
    assert registry["PGD-5"] == "pgd 5"
