"""A file of weights where a model is to be: what is in it, and the file of Python that it needs beside it."""

from pathlib import Path

from torch import Tensor

from bench.core.errors import BadInput
from bench.core.files import expand_home
from bench.core.parsing import format_count
from bench.evaluation.external.file_type import file_format
from bench.evaluation.external.state_dicts import find_state_dicts
from bench.evaluation.external.weights import read_weights

EXAMPLE_FILE = "net.py"

EXAMPLE = """\
Write {file} with a function that builds the network:

    from my_code import Net        # the class that these weights are of

    def build():
        return Net()               # or torchvision.models.resnet18(num_classes=10), ...

and give --model {file}:build@{weights}
Where the network was trained on normalised images, add --normalise cifar10 (mean and std of a data set),
--normalise pm1 (from [-1, 1]) or --normalise MEAN,STD."""


def weights_alone(text: str) -> BadInput:
    """What to say of a file that is named as a model, with the file to write where it holds weights."""
    path = expand_home(text)
    try:
        file_format(path)
    except BadInput as error:
        return BadInput(f"{text} is a file, and no model: {error}")
    try:
        held = describe(path)
    except BadInput as error:  # such as a pickle of a whole model
        held = str(error)
    problem = f"{text} is a file of weights, and no model by itself: {held}"
    return BadInput(f"{problem}; name FILE.py:FUNCTION@{text}, whose FUNCTION builds the network").with_example(
        EXAMPLE.format(file=EXAMPLE_FILE, weights=text)
    )


def describe(path: Path) -> str:
    """What a file of weights holds, with the name and the shape of its first tensor. BadInput where it is none."""
    states = find_state_dicts(read_weights(path))
    if not states:
        return "it holds no tensors by name"
    place, state = max(states.items(), key=lambda item: len(item[1]))
    name, tensor = next((name, tensor) for name, tensor in state.items() if isinstance(tensor, Tensor))
    shape = "x".join(map(str, tensor.shape)) or "one number"
    where = f" under {place!r}" if place else ""
    return (
        f"it holds {format_count(len(state), 'tensor')}{where}, such as {name} "
        f"({shape}), and no code that computes with them"
    )
