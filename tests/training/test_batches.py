"""Batches with a share of extra images: which images, in which order, and the same for processes that share them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from trainings import CPU, DIGITS, HOLDOUT, PLAN, TRAIN, job

from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.data.extra import ExtraImages
from bench.data.images import Images
from bench.models.checkpoint import fingerprint
from bench.training.batches import count_extra, extra_batches, extra_rows
from bench.training.shared.batch import rows_of_batch
from bench.training.shared.group import Group
from bench.training.trainer import Trainer

ORIGINALS = Images(torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 1, 8, 8), torch.arange(40) % 10)


def extra(count, labels=None):
    """Extra images, of which number i has the grey value 100 + i."""
    pixels = np.broadcast_to((100 + np.arange(count, dtype=np.uint8)).reshape(-1, 1, 1, 1), (count, 8, 8, 1))
    return ExtraImages("", pixels, torch.arange(count) % 10 if labels is None else labels, 10, "")


def epoch(images=ORIGINALS, more=None, batch=8, share=0.7, seed=1, **how):
    """The batches of an epoch as grey values and labels."""
    with fixed_seed("epoch", seed):
        found = [*extra_batches(images, more or extra(60), batch, share, **{"pad": 0, "flip": False} | how)]
    return [((255 * x[:, 0, 0, 0]).round().long().tolist(), q) for x, q in found]


@pytest.mark.parametrize(("share", "count"), [(0.7, 6), (0.5, 4), (0.1, 1), (0.9, 7), (1 / 8, 1)])
def test_every_batch_has_its_share_of_extra_images(share, count):
    assert count_extra(8, share) == count
    batches = epoch(share=share)
    assert len(batches) == 5  # as many as without extra images
    assert [sum(value >= 100 for value in values) for values, _ in batches] == [count] * 5


def test_no_image_comes_twice_in_an_epoch_and_the_next_has_others():
    seen = [[value for values, _ in epoch(seed=seed) for value in values] for seed in (1, 2)]
    assert [len({*values}) for values in seen] == [40, 40]
    assert {*seen[0]} != {*seen[1]}
    assert epoch(seed=1)[0][0] == seen[0][:8]


def test_fewer_extra_images_than_an_epoch_takes_come_equally_often():
    counts = np.bincount([value for values, _ in epoch(more=extra(7)) for value in values])
    assert sorted(counts[100:]) == [4, 4, 4, 4, 4, 5, 5]  # 30 of 7
    assert max(counts[:40]) == 1


def test_labels_are_those_of_the_images():
    soft = torch.rand(60, 10, generator=torch.Generator().manual_seed(0)).softmax(1)
    for more, expected in ((extra(60), torch.eye(10)[torch.arange(60) % 10]), (extra(60, soft), soft)):
        for values, q in epoch(more=more):
            wanted = [expected[v - 100] if v >= 100 else torch.eye(10)[v % 10] for v in values]
            assert torch.equal(q, torch.stack(wanted))


@pytest.mark.parametrize(("batch", "count"), [(8, 6), (128, 90), (10, 3), (9, 1)])
def test_each_part_of_a_batch_has_its_share(batch, count):
    rows = extra_rows(batch, count)
    assert rows.sum() == count
    for parts in (2, 3, 4):
        shares = [int(part.sum()) for part in rows.tensor_split(parts)]
        assert max(shares) - min(shares) <= 2


def test_extra_images_are_cropped_and_flipped_as_the_others():
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
    images = Images(ramp.expand(20, 1, 8, 8), torch.zeros(20, dtype=torch.long))
    more = ExtraImages("", (100 + ramp).expand(20, 1, 8, 8).permute(0, 2, 3, 1).numpy(), images.y, 10, "")
    with fixed_seed("epoch"):
        batches = torch.cat([x for x, _ in extra_batches(images, more, 10, 0.5, pad=1, flip=True)])
    corners = {tuple(np.flatnonzero(x[0, :, 4].numpy() == 0)) for x in batches if x.max() > 0.3}
    assert {(), (0,), (7,)} <= corners  # rows of zeros at the border, of extra images too
    mirrored = [bool(x[0, 4, 5] < x[0, 4, 4]) for x in batches if x.max() > 0.3]
    assert {*mirrored} == {True, False}


@pytest.mark.parametrize("parts", [1, 2])
def test_processes_share_the_batches_of_one(parts):
    whole, size = epoch(pad=1, flip=True), 3
    rows = [rows_of_batch(8, parts, Group(rank, size, CPU)) for rank in range(size)]
    shared = [epoch(pad=1, flip=True, rows=own) for own in rows]
    for step, (values, q) in enumerate(whole):
        for own, found in zip(rows, shared, strict=True):
            assert found[step][0] == [values[row] for row in own]
            assert torch.equal(found[step][1], q[own])


@pytest.mark.parametrize(("share", "message"), [(0.01, "no extra image in a batch of 8; give 0.12 or more"),
    (0.99, "no image of the data set in a batch of 8; give 0.875 or less")])  # fmt: skip
def test_a_share_without_images_of_one_kind_is_refused(share, message):
    with pytest.raises(BadInput, match=message):
        count_extra(8, share)
    assert count_extra(8, 0.12) == 1
    assert count_extra(8, 0.875) == 7
    with pytest.raises(BadInput, match=r"give 0\.996667 or less"):
        count_extra(300, 0.9999)
    assert count_extra(300, 0.996667) == 299


class Killed(Exception):
    pass


def test_a_training_killed_after_any_epoch_ends_with_the_same_weights_and_floating_point_images_change_nothing(
    tmp_path,
):
    asked = job("Standard", plan=replace(PLAN, pad=1, flip=True), extra="digest", extra_share=0.7)
    more = extra(60)

    def train(saved, tick=lambda record: None, images=TRAIN):
        trainer = Trainer(asked, DIGITS, images, HOLDOUT, CPU, extra=more)
        last, best = trainer.run(saved, tick)
        return fingerprint(last["main"]), fingerprint(best["main"])

    def kill(record):
        raise Killed

    whole = train(tmp_path / "whole")
    for _ in range(asked.plan.epochs):
        with pytest.raises(Killed):
            train(tmp_path / "killed", kill)
    assert train(tmp_path / "killed") == whole
    assert train(tmp_path / "float", images=Images(TRAIN.x / 255, TRAIN.y)) == whole
    more = extra(61)
    assert train(tmp_path / "other") != whole
