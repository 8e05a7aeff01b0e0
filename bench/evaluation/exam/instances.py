"""Anybody's questions: a network in ONNX and properties in VNN-LIB."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch

from bench.core.errors import BadInput
from bench.data.images import Images
from bench.evaluation.exam.onnx_model import load_onnx
from bench.evaluation.exam.questions import ExamNet, QuestionGroup
from bench.evaluation.exam.vnnlib import read_property
from bench.evaluation.outcome import predict_classes

ANSWERS = {"sat": True, "unsat": False, "unknown": None}  # whether a counterexample exists, in the words of VNN-COMP


def load_instances(onnx: Path, properties: Sequence[Path], answer: str) -> list[QuestionGroup]:
    """A question of each property, on the network of an ONNX file. answer: of all of them; see ANSWERS.

    Raises:
        BadInput: a file cannot be read, a property is no Linf ball of images in [0, 1], is of other images than the
            network's, or the network does not classify its centre as the property says.
    """
    net, shape = load_onnx(onnx)
    exact, groups = deepcopy(net).double(), list[QuestionGroup]()
    for path in properties:
        asked = read_property(path)
        if asked.center.size != int(np.prod(shape)):
            raise BadInput(f"{path} is of {asked.center.size:,} inputs, and {onnx} of {int(np.prod(shape)):,}")
        x, y = torch.from_numpy(asked.center).float().view(1, *shape), torch.tensor([asked.label])
        found = int(predict_classes(net, x, 1))
        if found != asked.label:
            raise BadInput(f"{path} is of an image of class {asked.label}, which {onnx} takes for {found} already")
        asked_of = ExamNet(path.stem, exact, Images(x, y), [0], np.array([np.nan]))
        groups.append(QuestionGroup(asked_of, asked.eps, ANSWERS[answer]))
    return groups
