import torch

torch.set_num_threads(1)  # tests are small, and run beside each other
