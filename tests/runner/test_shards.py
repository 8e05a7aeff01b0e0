"""Shards that are evaluated apart and merged equal a run without shards; contradicting folders are refused."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from linear_models import linear
from outside_models import write
from registered import register_for_test
from result_files import ROW, store

import bench.cli
from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS
from bench.commands.merge import compared_facts
from bench.core.errors import BadInput
from bench.core.files import write_json
from bench.core.stats import wilson
from bench.core.threats.linf import Linf
from bench.evaluation.adversarial_file import read_adversarial_set, write_adversarial_set
from bench.evaluation.adversarial_set import AdversarialSet, join
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.results.load import load_results
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner import model_evaluation
from bench.runner.shards.adversarial_sets import adversarial_set_path, join_adversarial_sets
from bench.runner.shards.joining import assemble
from bench.runner.shards.results import read_parts
from bench.training.run_folder import lock_folder

COUNT = 3
TRAINED = ["run", "--methods", "Standard", "--limit-train", "400", "--epochs", "5", "--limit", "290", "--workers", "1"]
ASKED = ["--attacks", "PGD-3,FGSM,CW-L2[steps=5,searches=2,c=1,kappa=0],drawn", "--save-adv"]
PARTS = ["part1", "part2", "part3"]
BALL = ["--norm", "L2", "--eps", "1"]


@pytest.mark.parametrize(("n", "block"), [(290, None), (300, 128), (384, 128), (1000, 40), (10_000, None)])
def test_shards_are_blocks_each_in_exactly_one(n, block):
    for count in range(1, -(-n // (block or 128)) + 1):
        cuts = [Shard(index, count).ids(n, block) for index in range(1, count + 1)]
        assert [i for ids in cuts for i in ids] == list(range(n))
        assert all(ids.start % (block or 128) == 0 and len(ids) for ids in cuts)
        assert max(map(len, cuts)) - min(map(len, cuts)) < 2 * (block or 128)


def test_more_shards_than_blocks_and_shares_that_are_none_are_refused():
    with pytest.raises(BadInput, match=r"--shard 1/4: 290 images are 3 blocks of 128, so at most 3 shards"):
        Shard(1, 4).ids(290, None)
    for index, count in [(0, 3), (4, 3)]:
        with pytest.raises(BadInput, match="is none of the shares"):
            Shard(index, count)
    with pytest.raises(BadInput, match="--shard 1/0: there is at least one share"):
        Shard(1, 0)


def drawn(model, x, y, threat, *, block=128):
    """An attack that draws for a block at once."""
    return threat.project(x + 0.7 * threat.eps * (2 * torch.rand_like(x) - 1) + 0.3 * threat.eps, x)


@pytest.mark.parametrize("text", ["PGD-3", "PGD-3.last", "CW-3", "CW-L2[steps=5,searches=2,c=1,kappa=0]", "drawn"])
def test_in_float64_the_shards_come_to_the_whole_bit_for_bit(text, monkeypatch):
    register_for_test(monkeypatch, ATTACKS, "drawn", drawn)
    model, images = linear(4, 300)
    spec = parse_attack(text)
    condition = Attacked(spec, spec.space if spec.minimal else Linf(0.01))
    whole, parts = AdversarialSet(), []
    expected = outcomes(model, images, condition, n=290, adversarial_set=whole)
    found = []
    for index in (1, 2, 3):
        ids, part = Shard(index, COUNT).ids(290, spec.block), AdversarialSet()
        found.append(outcomes(model, images, condition, n=ids.stop, start=ids.start, adversarial_set=part))
        parts.append(part)
    assert (np.concatenate([o.right for o in found]) == expected.right).all()
    assert [v for o in found for v in o.values] == expected.values
    for total in ("done", "seen", "forwards", "backwards"):
        assert sum(getattr(o, total) for o in found) == getattr(expected, total)
    for form, stored in join(parts).stored.items():
        assert (stored.codes == whole.stored[form].codes).all()
        assert (stored.ids == whole.stored[form].ids).all()
    assert 0 < len(whole) < 290


def call(home, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        register_for_test(patch, ATTACKS, "drawn", drawn)
        patch.setattr("sys.argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as end:
            bench.cli.main()
    return end.value.code or 0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results folders: trained; the same evaluated whole; the three shards, each by itself."""
    home = tmp_path_factory.mktemp("made")
    assert call(home, *TRAINED, "--attacks", "none", "--results", "trained") == 0
    shutil.copytree(home / "trained", home / "whole")
    assert call(home, *TRAINED, *ASKED, *BALL, "--results", "whole") == 0
    for index in range(1, COUNT + 1):
        shutil.copytree(home / "trained", home / f"part{index}")
        assert call(home, *TRAINED, *ASKED, *BALL, "--shard", f"{index}/3", "--results", f"part{index}") == 0
    return home


@pytest.fixture
def home(made, tmp_path):
    for name in ("trained", "whole", "part1", "part2", "part3"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def folder_of(results):
    (folder,) = run_folders(results)
    return folder


def same(one, other):
    """Whether two results folders hold the same numbers and images; seconds may differ."""
    a, b = folder_of(one), folder_of(other)
    rows = [{row.key: replace(row, seconds=None) for row in read_rows(folder)} for folder in (a, b)]
    bits = [read_outcomes(folder) for folder in (a, b)]
    assert rows[0] == rows[1]
    assert bits[0].keys() == bits[1].keys() == rows[0].keys()
    assert all((bits[0][key] == bits[1][key]).all() for key in bits[0])
    names = [sorted(path.name for path in folder.glob("adversarial-*")) for folder in (a, b)]
    assert names[0] == names[1]
    for name in names[0]:
        (first, about), (second, too) = read_adversarial_set(a / name), read_adversarial_set(b / name)
        assert about == too
        assert first.stored.keys() == second.stored.keys()
        assert all((first.stored[form].codes == second.stored[form].codes).all() for form in first.stored)
    return True


def test_three_shards_merged_are_the_unsharded_run(bench, home):
    for name in PARTS:
        assert len(read_rows(folder_of(home / name))) == 1
        assert len(read_parts(folder_of(home / name))) == 7
    code, out, err = bench("merge", *PARTS, "--into", "all")
    assert (code, err) == (0, "")
    assert out == "all: 1 run with 8 whole cells, joined from 3 folders\n"
    assert same(home / "whole", home / "all")
    assert len(load_results(home / "all")) == 8
    seconds = {part.cell: 0.0 for part in read_parts(folder_of(home / "part1"))}
    for part in (part for name in PARTS for part in read_parts(folder_of(home / name))):
        seconds[part.cell] += part.outcome.seconds
    rows = {row.key: row.seconds for row in read_rows(folder_of(home / "all"))}
    assert all(rows[cell[0]] == pytest.approx(total) for cell, total in seconds.items())
    names = {path.name for path in folder_of(home / "all").iterdir()}
    assert not [name for name in names if name.startswith("part")]
    assert {"weights.safetensors", "best.safetensors", "train.csv", "job.json"} <= names
    assert bench("verify", "all")[0] == 0
    code, _, err = bench(*TRAINED, "--attacks", "PGD-3,FGSM", *BALL, "--save-adv", "--results", "all")
    assert (code, err) == (0, "")  # nothing is lacking


def test_a_shard_is_verified_by_itself(bench, home):
    for part, count in (("part1", 128), ("part3", 34)):
        code, out, _ = bench("verify", part)
        assert code == 0
        assert all(f" of {count} images of shard {part[-1]}/3 fool" in line for line in out.splitlines())
    assert "part1: cells that lack shards: 7; see bench merge" in bench("report", "--results", "part1")[1]


@pytest.mark.parametrize("into", ["part1/merged", "."])
def test_a_folder_in_or_around_a_source_is_refused(bench, home, into):
    code, _, err = bench("merge", "part1", "--into", into)
    assert (code, err.count("\n"), "whose runs would be there twice" in err) == (2, 1, True)


def test_merging_again_changes_nothing(bench, home):
    bench("merge", *PARTS, "--into", "all")
    before = {path: path.read_bytes() for path in (home / "all").rglob("*") if path.is_file()}
    assert bench("merge", *PARTS, "--into", "all")[0] == 0
    assert bench("merge", "all", "--into", "all")[0] == 0
    assert bench("merge", "whole", "part2", "--into", "all")[0] == 0
    assert {path: path.read_bytes() for path in (home / "all").rglob("*") if path.is_file()} == before


def test_what_is_lacking_is_said_until_it_is_there(bench, home):
    code, out, _ = bench("merge", "part3", "part1", "--into", "part1")
    assert code == 0
    assert out.count(": lacks shards 2/3\n") == 7
    assert "last main, PGD-3 L2 1: lacks shards 2/3" in out
    assert "CW-L2 L2 success rate: lacks shards 2/3" in out
    assert len(read_rows(folder_of(home / "part1"))) == 1
    assert bench("merge", "part2", "--into", "part1")[0] == 0
    assert same(home / "whole", home / "part1")


def test_shards_may_follow_each_other_in_one_folder_and_are_not_done_twice(bench, home):
    asked = [*TRAINED, "--attacks", "PGD-3", "--results", "trained", "--save-adv"]
    for index in (2, 3):
        code, out, _ = bench(*asked, "--shard", f"{index}/3")
        assert code == 0
    assert "PGD-3 Linf 0.2: lacks shards 1/3" in out
    code, _, err = bench(*asked, "--shard", "3/3")
    assert (code, err) == (0, "")
    code, out, _ = bench(*asked, "--shard", "1/3")
    assert "all cells are whole; next: bench report" in out
    assert bench(*asked)[2] == ""
    folder = folder_of(home / "trained")
    assert not list(folder.glob("part*"))
    assert len(list(folder.glob("adversarial-*"))) == 1
    assert bench("verify", str(folder))[0] == 0


@pytest.mark.slow
def test_shards_work_in_one_folder_at_the_same_time(home):
    asked = [*TRAINED, "--attacks", "PGD-3,FGSM", "--save-adv"]
    shutil.copytree(home / "trained", home / "together")
    assert call(home, *asked, "--results", "trained") == 0
    start = [sys.executable, "-c", "from bench.cli import main; main()", *asked, "--results", "together"]
    started = [
        subprocess.Popen([*start, "--shard", f"{i}/3"], cwd=home, stdout=subprocess.PIPE, text=True) for i in (1, 2, 3)
    ]
    outs = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert any("all cells are whole; next: bench report" in out for out in outs)
    assert same(home / "trained", home / "together")
    assert not list(folder_of(home / "together").glob("part*"))


def test_each_shard_has_a_lock_of_its_own_and_none_may_share_with_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.training.run_folder.SHARD_LOCK_SECONDS", 0.1)
    with lock_folder(tmp_path, shard=Shard(1, 2)), lock_folder(tmp_path, shard=Shard(2, 2)):
        assert "for --shard 2/2" in refusal(tmp_path, Shard(2, 2))
        assert "with --shard" in refusal(tmp_path, WHOLE_SET)
    with lock_folder(tmp_path):
        for shard in (WHOLE_SET, Shard(1, 2)):
            assert refusal(tmp_path, shard).startswith(f"another process works on {tmp_path}; wait for it")


def refusal(folder, shard):
    """The message when the lock is held by another process."""
    with pytest.raises(BadInput) as refused, lock_folder(folder, shard=shard):
        pass
    return str(refused.value)


def test_rows_that_shards_add_in_turn_are_all_kept(tmp_path):
    low, high = wilson(1, 2)
    one = replace(ROW, key="a" * 16, value=0.5, n=2, ci_low=low, ci_high=high)
    other = replace(one, key="b" * 16)
    with lock_folder(tmp_path, shard=Shard(1, 2)) as first:
        assert first.rows == []
        with lock_folder(tmp_path, shard=Shard(2, 2)) as last:
            first.add(one, np.array([True, False]))
            last.add(other, np.array([False, True]))
        assert first.rows == [one, other]
        first.add(replace(one, seconds=2.0), None)
        assert {row.key: row.seconds for row in first.rows} == {one.key: 2.0, other.key: other.seconds}
    assert {row.key for row in read_rows(tmp_path)} == {one.key, other.key}
    assert read_outcomes(tmp_path)[other.key].tolist() == [False, True]


def test_images_that_a_shard_has_not_kept_can_be_kept_later(bench, home):
    asked = [*TRAINED, "--attacks", "PGD-3", "--results", "trained"]
    bench(*asked, "--shard", "1/2")
    bench(*asked, "--shard", "2/2")
    (row,) = (row for row in read_rows(folder_of(home / "trained")) if row.name)
    for index in (1, 2):
        assert bench(*asked, "--save-adv", "--shard", f"{index}/2")[0] == 0
    assert row in read_rows(folder_of(home / "trained"))
    assert adversarial_set_path(folder_of(home / "trained"), row.key).exists()
    assert bench("verify", "trained")[0] == 0


def test_a_killed_shard_goes_on_and_another_one_does_not_take_its_blocks(bench, home, monkeypatch):
    asked = [*TRAINED, "--attacks", "drawn", "--results", "trained", "--save-adv", "--shard"]
    register_for_test(monkeypatch, ATTACKS, "drawn", drawn)
    real = model_evaluation.outcomes_of_group

    def killed(*arguments, tick, **settings):
        def stop(outcome):
            if outcome.done == 128:
                raise KeyboardInterrupt

        return real(*arguments, tick=stop, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(model_evaluation, "outcomes_of_group", killed)
        assert bench(*asked, "2/2")[0] == 130
    folder = folder_of(home / "trained")
    assert len(list(folder.glob("partial-*-2of2.*"))) == 2
    for shard in ("1/2", "2/2"):
        assert bench(*asked, shard)[0] == 0
    assert not list(folder.glob("partial-*"))
    whole = next(row for row in read_rows(folder_of(home / "whole")) if row.name == "drawn")
    assert whole.n == next(row for row in read_rows(folder) if row.name == "drawn").n
    assert bench("verify", "trained")[0] == 0


def test_an_outside_model_is_evaluated_in_shards_too(bench, tmp_path):
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", "--attacks", "PGD-3", "--limit", "200"]
    assert bench(*asked, "--results", "whole", "--save-adv")[0] == 0
    for index in (1, 2):
        assert bench(*asked, "--results", f"part{index}", "--save-adv", "--shard", f"{index}/2")[0] == 0
    assert bench("merge", "part1", "part2", "--into", "all")[0] == 0
    assert same(tmp_path / "whole", tmp_path / "all")
    asked[asked.index("PGD-3")] = "AutoAttack"
    code, _, err = bench(*asked, "--shard", "1/2", "--model-info", "x.json")
    assert (code, "merge the shards, then give it without --shard" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shard", "1/3"], "--shard 1/3 evaluates only, and not all is trained under new; train first"),
        (["--shard", "1/3", "--retrain"], "--retrain trains anew and --shard 1/3 evaluates only; give one of them"),
        (["--shard", "1/3", "--transfer"], "--shard 1/3 cuts attacks alone; run --transfer without it"),
        (["--shard", "0/3"], "--shard 0/3 is none of the shares 1/3 to 3/3"),
        (["--shard", "4/3"], "--shard 4/3 is none of the shares"),
        (["--shard", "half"], "'half' is not of the form i/n, such as 1/3"),
    ],
)
def test_a_shard_that_makes_no_sense_is_one_line(bench, tmp_path, options, said):
    code, _, err = bench(*TRAINED, "--attacks", "FGSM", "--results", "new", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert not (tmp_path / "new").exists()


def test_too_many_shards_for_the_images_are_refused(bench, home):
    code, _, err = bench(*TRAINED, "--attacks", "FGSM", "--results", "trained", "--shard", "1/4")
    assert (code, err) == (2, "bench: --shard 1/4: 290 images are 3 blocks of 128, so at most 3 shards\n")


def with_value(row, bits):
    low, high = wilson(int(bits.sum()), len(bits))
    return replace(row, value=float(bits.mean()), ci_low=low, ci_high=high)


def other_bits(folder):
    row = next(row for row in read_rows(folder) if row.name == "PGD-3")
    bits = ~read_outcomes(folder)[row.key]
    store(folder, with_value(row, bits), bits)


def other_value(folder):
    row = next(row for row in read_rows(folder) if row.metric == "mean distance")
    store(folder, replace(row, value=row.value + 0.1), None)


def other_job(folder):
    path = folder / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "0" * 16}))


def other_weights(folder):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def other_home(folder):
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_bits, "have other outcomes of the same PGD-3 L2 accuracy of digits/cnn/Standard/"),
        (other_value, "have other outcomes of the same CW-L2 L2 mean distance"),
        (other_job, "job.json has another data than"),
        (other_weights, "weights.safetensors holds other weights than"),
        (other_home, "holds rows of digits/cnn/Standard/"),
        (lambda folder: (folder / "results.csv").write_text("x"), "not the columns of protocol-1 results"),
    ],
)
def test_folders_that_contradict_each_other_are_refused_before_anything_is_written(bench, home, change, said):
    shutil.copytree(home / "whole", home / "other")
    change(folder_of(home / "other"))
    for second in ("whole", *(["part1"] if change is other_bits else [])):
        code, _, err = bench("merge", "other", second, "--into", "new")
        assert (code, err.count("\n")) == (2, 1)
        assert said in err
        assert not (home / "new").exists()


def test_settings_that_a_run_was_made_before_are_at_their_defaults(tmp_path):
    """So the same run of an older version is joined to it."""
    plan = {"epochs": 2, "lr": 0.1}
    newer = {
        "plan": plan | {"pad": None, "steps": None, "ema": 0.0, "accumulate": 1},
        "threads": 1,
        "status": "trained",
    }
    for name, job in {"older": {"plan": plan}, "newer": newer, "other": {"plan": plan | {"ema": 0.9}}}.items():
        write_json(tmp_path / name / "job.json", {"run": "digits/cnn/PGD-AT/s0-0", **job})
    older, newer, other = (compared_facts(tmp_path / name) for name in ("older", "newer", "other"))
    assert older == newer != other


def test_a_part_that_another_host_has_otherwise_is_refused(bench, home):
    part = next(part for part in read_parts(folder_of(home / "part2")) if part.row.name == "PGD-3")
    shutil.copytree(home / "part2", home / "other")
    right = ~part.outcome.right
    other = replace(part, row=with_value(part.row, right), outcome=replace(part.outcome, right=right))
    other.write(folder_of(home / "other"))
    code, _, err = bench("merge", "part2", "other", "--into", "new")
    assert (code, "have other outcomes of shard 2/3 of PGD-3 L2 accuracy" in err) == (2, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "nowhere is no folder"),
        ("empty", "empty holds no run"),
        ("file", "file is no folder"),
        ("run", "is a single run; name results folders"),
    ],
)
def test_what_is_no_results_folder_is_refused_by_name(bench, home, name, said):
    (home / "empty").mkdir()
    (home / "file").write_text("")
    path = str(folder_of(home / "whole")) if name == "run" else name
    code, _, err = bench("merge", "whole", path, "--into", "new")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert not (home / "new").exists()
    code, _, err = bench("merge", "whole", "--into", "file")
    assert (code, "--into file is a file" in err) == (2, True)


def test_runs_of_several_hosts_lie_side_by_side_and_failed_cells_give_way(bench, home):
    folder = folder_of(home / "whole")
    row = next(row for row in read_rows(folder) if row.name == "PGD-3")
    shutil.copytree(home / "whole", home / "other")
    store(folder_of(home / "other"), replace(row, value=None, status="failed: of its own"), None)
    shutil.move(folder, home / "elsewhere")
    shutil.copytree(home / "elsewhere", folder)
    assert bench("merge", "other", "whole", "--into", "new")[0] == 0
    assert next(r for r in read_rows(folder_of(home / "new")) if r.key == row.key) == row


def test_a_damaged_part_is_named(bench, home):
    path = next(folder_of(home / "part1").glob("part-*"))
    path.write_text(path.read_text()[:100])
    code, _, err = bench("merge", *PARTS, "--into", "new")
    assert (code, err.count("\n")) == (2, 1)
    assert path.name in err
    assert "delete it and evaluate its shard again" in err


def changed(path, **fields):
    """A part with other fields, which are named a__b where b is a field of a."""
    record = json.loads(path.read_text())
    for name, value in fields.items():
        *where, last = name.split("__")
        inner = record[where[0]] if where else record
        inner[last] = value
    path.write_text(json.dumps(record))


OUT = "main/../../../../../victim/cron"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda part: changed(part, row__view=OUT), "view is .* no name"),
        (lambda part: changed(part, row__epoch="../x"), "epoch is .* no name"),
        (lambda part: changed(part, row__key="a/../../x"), "its key, epoch or view is no name"),
        (lambda part: changed(part, row__key="0" * 16), "holds another part, part-0000000000000000-"),
        (lambda part: part.rename(part.with_name("part-x-last-main-1of3.json")), "holds another part"),
        (lambda part: changed(part, shard__count=10**59), "at most 100000 shares"),
        (lambda part: changed(part, shard__index=True), "no pair of whole numbers"),
        (lambda part: changed(part, n=10**12), "shard|outcomes of"),
        (lambda part: changed(part, n="9"), "a count is no whole number"),
        (lambda part: changed(part, row__n="9" * 5000), "not a whole number"),
        (lambda part: changed(part, outcome__right=[2] * 128), "not a list of 0 and 1"),
        (lambda part: changed(part, outcome__right=[0] * 128), "by the outcomes of its images 0 of 128"),
        (lambda part: changed(part, outcome__right=[1]), "outcomes of 1 image,"),
        (lambda part: changed(part, outcome__seen=-1), "a count is no whole number"),
        (lambda part: changed(part, outcome__seconds="1"), "seconds are no number"),
        (lambda part: changed(part, outcome__values=["a"]), "values are not numbers"),
        (lambda part: changed(part, outcome__doubts=[]), "cannot be read"),
        (lambda part: changed(part, row=[]), "cannot be read"),
        (
            lambda part: changed(part, row__run="digits/cnn/Mixup/s0-aaaa", row__recipe="Mixup"),
            "is of run",
        ),
        (lambda part: part.write_text("[" * 100_000 + "]" * 100_000), "nested deeper"),
        (lambda part: part.write_text("[]"), "cannot be read"),
        (lambda part: part.write_bytes(b"\xff\xfe"), "cannot be read"),
    ],
)
def test_a_part_of_a_stranger_writes_nothing_and_is_one_line(bench, home, damage, said):
    damage(next(path for path in sorted(folder_of(home / "part1").glob("part-*")) if '"PGD-3"' in path.read_text()))
    before = set(home.rglob("*"))
    code, _, err = bench("merge", *PARTS, "--into", "new")
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(said, err), err
    assert len(err) < 1100
    assert set(home.rglob("*")) == before


def test_adversarial_sets_of_shards_that_are_not_of_one_cell_are_not_joined(home):
    folder = folder_of(home / "part1")
    for other in ("part2", "part3"):
        for path in folder_of(home / other).glob("adversarial-*"):
            shutil.copy(path, folder)
    odd = next(iter(sorted(folder.glob("adversarial-*-2of3.npz"))))
    adversarial_set, about = read_adversarial_set(odd)
    write_adversarial_set(odd, adversarial_set, about | {"eps": 0.1, "images": "others"})
    with pytest.raises(BadInput, match=rf"{odd.name} and .* are not of one cell: they differ in eps, images;"):
        join_adversarial_sets(folder)
    assert odd.exists()


def test_an_adversarial_set_of_endless_shards_is_none(home):
    folder = folder_of(home / "part1")
    (folder / f"adversarial-ab-1of{'9' * 60}.npz").write_bytes(b"x")
    assemble(RunFolder(folder))


@pytest.mark.parametrize(
    "name", ["train.csv", "job.json", "weights.safetensors", "exhibits/loss.csv", "outcomes.npz", ""]
)
def test_merge_copies_nothing_that_a_link_leads_to(bench, home, name):
    folder = folder_of(home / "whole")
    if name:
        (home / "secret").write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"secret")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(home / "secret")
    else:
        folder.rename(home / "elsewhere")
        folder.symlink_to(home / "elsewhere")
    code, _, err = bench("merge", "whole", "--into", "new")
    assert (code, err.count("\n")) == (2, 1)
    assert "outside of whole, and merge copies nothing from there" in err
    assert not (home / "new").exists()


def test_merge_writes_through_no_link_of_its_destination(bench, home):
    folder = folder_of(home / "whole")
    (folder / "exhibits").mkdir()
    (folder / "exhibits/loss.csv").write_text("n\n")
    bench("merge", "trained", "--into", "new")
    (home / "mine").mkdir()
    (folder_of(home / "new") / "exhibits").symlink_to(home / "mine")
    code, _, err = bench("merge", "whole", "--into", "new")
    assert (code, "leads out of" in err) == (2, True)
    assert not list((home / "mine").iterdir())


def test_a_folder_of_before_fingerprints_and_one_with_them_are_the_same_run(bench, home):
    path = folder_of(home / "whole") / "job.json"
    job = json.loads(path.read_text())
    assert set(job["weights"]) == {"last", "best"}
    del job["weights"]
    path.write_text(json.dumps(job))
    for order in (("whole", "trained"), ("trained", "whole")):
        assert bench("merge", *order, "--into", "-".join(order))[0] == 0


@pytest.mark.parametrize("kept", [True, False])
def test_other_weights_than_were_measured_are_evaluated_under_no_name_of_theirs(bench, home, kept):
    folder = folder_of(home / "whole")
    if not kept:  # a folder of before fingerprints were kept, where its rows alone can tell
        job = json.loads((folder / "job.json").read_text())
        del job["weights"]
        (folder / "job.json").write_text(json.dumps(job))
    assert bench(*TRAINED, "--attacks", "none", "--results", "whole")[0] == 0
    other_weights(folder)
    code, _, err = bench(*TRAINED, "--attacks", "FGSM", "--results", "whole")
    assert (code, err.count("\n")) == (2, 1)
    assert ("was changed after it was trained" if kept else "was measured on other weights than") in err


def test_a_kill_between_a_row_and_its_progress_file_leaves_nothing_for_good(bench, home):
    folder = folder_of(home / "trained")
    assert bench(*TRAINED, "--attacks", "FGSM", "--results", "trained")[0] == 0
    key = next(row.key for row in read_rows(folder) if row.name == "FGSM")
    for name in (f"partial-{key}-{'0' * 16}.json", f"partial-{'1' * 16}-{'0' * 16}.json"):
        (folder / name).write_text("{}")
    assert bench(*TRAINED, "--attacks", "PGD-3", "--results", "trained")[0] == 0
    assert [path.name for path in folder.glob("partial-*")] == [f"partial-{'1' * 16}-{'0' * 16}.json"]


def test_a_run_with_nothing_to_do_writes_nothing_to_its_results(bench, home):
    asked = [*TRAINED, "--attacks", "none", "--results", "whole"]
    (home / "whole/bench.log").unlink(missing_ok=True)
    (home / "whole/bench.log").mkdir()  # as if it could not be written
    before = {path: path.stat().st_mtime_ns for path in (home / "whole").rglob("*")}
    code, _, err = bench(*asked)
    assert (code, err) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in (home / "whole").rglob("*")} == before
