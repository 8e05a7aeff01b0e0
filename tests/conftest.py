import pytest
import torch
from small import images

torch.set_num_threads(1)  # tests are small, and run beside each other


@pytest.fixture
def x() -> torch.Tensor:
    return images()
