"""Errors in a user's model, attack or recipe fail its own cell or job, and nothing else."""

import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from registered import register_for_test
from torch import Tensor, nn
from torch.nn import functional as F
from worker_tasks import open_work

from bench import Attacked, Clean, Linf, dataset, outcomes, parse_attack, transferred
from bench.attacks.spec import ATTACKS, AttackSpec
from bench.commands.calibrate import measure_accuracy
from bench.commands.verify.reference import Reference
from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import Quit, attack_timeout, guarded_call
from bench.core.foreign.process_state import all_settings
from bench.core.processes import work_through
from bench.data.loader import to_float
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.external.access import Access
from bench.evaluation.external.model_checks import model_warnings
from bench.models.checkpoint import fingerprint, save_progress
from bench.models.lazy import settle_lazy_layers


@pytest.fixture(autouse=True)
def heard_interrupts():
    """Handle Ctrl-C as in the foreground; shells switch it off in background processes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def digits():
    return dataset("digits", Path()).load("test", Path())


@pytest.fixture
def plugin(monkeypatch):
    """Register an attack for the length of a test; returns a condition with it."""

    def add(function, name="theirs"):
        register_for_test(monkeypatch, ATTACKS, name, function)
        return Attacked(AttackSpec(name, ()), Linf(0.1))

    return add


class Pooled(nn.Module):
    """Global pooling, then `view(size, -1)`, which fails on an empty batch; most published CIFAR ResNets have it."""

    def __init__(self, always: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.fc = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.Linear(16, 10)
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        torch.manual_seed(int(x[0].sum()))  # needs a first image too
        out = F.avg_pool2d(self.norm(self.conv(x)).relu(), 8)
        logits: Tensor = self.fc(out.view(out.size(0), -1))
        return logits if self.always is None else logits + 100 * F.one_hot(torch.tensor(self.always), 10)


EVERY_KIND = ["FGSM", "FGSM.last", "PGD-3", "R-MC", "MI-FGSM", "MultiTarget[steps=2]", "CW-L2[steps=2,searches=1]"]


@pytest.mark.parametrize("always", [None, 0], ids=["some right", "one class"])
@pytest.mark.parametrize("eps", [0.001, 0.5])
@pytest.mark.parametrize("attack", EVERY_KIND)
def test_no_empty_batch_reaches_the_model(digits, attack, eps, always):
    """Whether all images are broken at once, or none is, or the model is wrong on most of them before."""
    spec = parse_attack(attack)
    condition = Attacked(spec, spec.space if spec.minimal else Linf(eps))
    assert outcomes(Pooled(always).eval(), digits, condition, n=24).done == 24


def test_autoattack_sends_no_empty_batch_to_the_model(digits, short_autoattack):
    assert outcomes(Pooled().eval(), digits, Attacked(parse_attack("AutoAttack"), Linf(0.5)), n=8).done == 8


@pytest.mark.parametrize("sign", ["changing", "probabilities", "zero-gradient", "flat", "unbounded"])
def test_no_empty_batch_reaches_a_probed_model(digits, sign):
    """Only images that the model is right on are probed: here there is none."""
    (wrong,) = [k for k in range(10) if not (digits.y[:4] == k).any()][:1]
    outcome = outcomes(Pooled(wrong).eval(), digits, Probed(sign, Linf(0.1)), n=4)
    assert not outcome.right.any()
    assert torch.tensor(outcome.values).isnan().all() or not any(outcome.values)


def test_an_attack_that_selects_no_image_gets_no_logits(digits, plugin):
    """An empty batch of a plug-in does not reach the model's code, and has logits and gradients of no image."""
    seen = []

    def selects(model, x, y, threat):
        nothing = x[:0].requires_grad_()
        logits = model(nothing)
        (grad,) = torch.autograd.grad(logits.sum(), nothing)
        seen.append((logits.shape, grad.shape))
        return x

    condition = plugin(selects)
    model = Pooled().eval()
    assert (outcomes(model, digits, condition, n=16).right == outcomes(model, digits, Clean(), n=16).right).all()
    assert seen == [((0, 10), (0, 1, 8, 8))]


# one call


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()


ENDS = {
    "exit 0": lambda: sys.exit(0),
    "exit 3": lambda: sys.exit(3),
    "os._exit": lambda: os._exit(0),
    "KeyboardInterrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    "GeneratorExit": lambda: (_ for _ in ()).throw(GeneratorExit),
    "BaseException": lambda: (_ for _ in ()).throw(BaseException("all of it")),
    "MemoryError": lambda: (_ for _ in ()).throw(MemoryError),
}


@pytest.mark.parametrize("end", ENDS)
def test_no_call_ends_the_process(end):
    with pytest.raises(MemoryError if end == "MemoryError" else Quit), guarded_call():
        ENDS[end]()


def import_an_extension() -> None:
    """As an extension module that turns Ctrl-C into an ImportError."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("numpy is not there") from None


def test_ctrl_c_of_the_user_gets_through_whatever_becomes_of_it():
    with pytest.raises(KeyboardInterrupt), guarded_call():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), guarded_call():
        import_an_extension()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_settings_of_the_process_are_restored(tmp_path):
    before = [read() for read, _ in all_settings()], [*warnings.filters], os._exit
    with guarded_call():
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(2)
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
        torch.set_default_device("meta")
        os.chdir(tmp_path)
        warnings.resetwarnings()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.setrecursionlimit(5000)
        sys.stdout = sys.stderr
    assert ([read() for read, _ in all_settings()], [*warnings.filters], os._exit) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# attacks


def raises(kind, *arguments):
    def attack(model, x, y, threat):
        raise kind(*arguments)

    return attack


REFUSED = {
    "exits": (raises(SystemExit, 0), r"stopped, SystemExit: 0 \(\S+test_guard.py:\d+\)"),
    "interrupts": (raises(KeyboardInterrupt), "stopped, KeyboardInterrupt"),
    "leaves": (lambda model, x, y, threat: os._exit(0), r"stopped, SystemExit: os._exit\(0\)"),
    "numpy": (lambda model, x, y, threat: x.numpy(), "returned a ndarray; return a floating point tensor"),
    "integers": (lambda model, x, y, threat: (255 * x).int(), "returned a tensor of torch.int32; return a floating"),
    "device": (lambda model, x, y, threat: x.to("meta"), "stopped|cannot be copied|Cannot copy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_attack_does_is_its_failure_in_one_line(digits, plugin, name):
    attack, message = REFUSED[name]
    with pytest.raises(Failed, match=message) as caught:
        outcomes(linear(), digits, plugin(attack), n=16)
    assert "\n" not in str(caught.value)


@torch.inference_mode()
def inferring(model, x, y, threat):
    return (x + 0.05).clamp(0, 1)


@pytest.mark.parametrize("change", [lambda x: x.double(), lambda x: x.half().float().to(torch.bfloat16), inferring])
def test_images_of_other_floats_are_evaluated(digits, plugin, change):
    def attack(model, x, y, threat):
        return change(x) if change is not inferring else inferring(model, x, y, threat)

    assert outcomes(linear(), digits, plugin(attack), n=16).done == 16


WRITES = {
    "a weight": lambda model: [p.data.mul_(2) for p in model.parameters()],
    "a weight through no_grad": lambda model: torch.no_grad()(lambda: next(model.parameters()).zero_())(),
    "a statistic": lambda model: [b.add_(1) for b in model.buffers()],
    "another type": lambda model: model.double(),
    "a layer": lambda model: model.add_module("extra", nn.Linear(1, 1)),
}


@pytest.mark.parametrize("copied", [True, False], ids=["copy", "itself"])
@pytest.mark.parametrize("write", WRITES)
def test_an_attack_that_writes_to_the_model_fails_and_later_cells_are_right(digits, plugin, write, copied, monkeypatch):
    model = Pooled().eval()
    if not copied:
        monkeypatch.setattr("bench.evaluation.target.fast_copy", lambda model, x: model)
    before, condition = fingerprint(model), Attacked(parse_attack("PGD-3"), Linf(0.1))
    right = outcomes(model, digits, condition, n=24).right

    def writes(model, x, y, threat):
        WRITES[write](model)
        return x

    if write != "a statistic" or not copied:  # a folded copy has none
        with pytest.raises(Failed, match=r"attack theirs wrote to the model's .*; attack the images and leave"):
            outcomes(model, digits, plugin(writes), n=24)
    assert fingerprint(model) == before
    assert np.array_equal(outcomes(model, digits, condition, n=24).right, right)


class Counting(nn.Module):
    """A model that counts its calls, and gathers statistics that its logits depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.net = linear()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(10))

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        logits: Tensor = self.net(x) - self.mean
        self.mean += 0.1 * logits.detach().mean(0)
        return logits


def test_what_a_model_changes_itself_is_put_back_and_no_attack_is_blamed(digits):
    model = Counting()
    before, condition = fingerprint(model), Attacked(parse_attack("PGD-2"), Linf(0.1))
    right = [outcomes(model, digits, condition, n=16).right for _ in range(2)]
    assert np.array_equal(*right)
    assert fingerprint(model) == before


class Tiring(Counting):
    """A model that counts its calls in a buffer and fails after so many of them."""

    def __init__(self, most: int, end: BaseException) -> None:
        super().__init__()
        self.left, self.end = most, end

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        logits = super().forward(x)
        if self.left < 0:
            raise self.end
        return logits


@pytest.mark.parametrize("end", [ValueError("tired"), SystemExit(0)], ids=str)
def test_a_model_that_ends_within_an_attack_and_changes_itself_fails_its_cell(digits, end):
    """Once a model fails, it cannot be checked whether the attack has changed it."""
    with pytest.raises(Failed, match=r"PGD-40.*(tired|SystemExit)"):
        outcomes(Tiring(30, end), digits, Attacked(parse_attack("PGD-40"), Linf(1e-4)), n=16)


@pytest.mark.parametrize("end", [ValueError("tired"), SystemExit(0)], ids=str)
def test_a_model_that_ends_while_it_is_calibrated_or_verified_is_bad_input(digits, end):
    images = digits.first(16)
    with pytest.raises(BadInput, match="the model raised"):
        measure_accuracy(Tiring(0, end), images, "rotation", 10.0, 16)
    against = Reference(None, None, Access(Path()), torch.device("cpu"), 16)
    with pytest.raises(BadInput, match="the model raised"):
        against.find_misclassified(Tiring(0, end), to_float(images.x), images.y)


@pytest.mark.parametrize("end", [ValueError("no network"), SystemExit(0)], ids=str)
def test_a_download_that_raises_is_bad_input(end):
    def fetch(data_dir):
        raise end

    with pytest.raises(BadInput, match=r"the download of data set digits cannot be read, .*(no network|SystemExit)"):
        replace(dataset("digits", Path()), fetch=fetch).download(Path())


def test_an_attack_that_never_returns_is_stopped(digits, plugin):
    def stubborn(model, x, y, threat):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                time.sleep(0.01)

    with (
        attack_timeout(0.1),
        pytest.raises(Failed, match=r"theirs: it took longer than the 0\.1 s of --attack"),
    ):
        outcomes(linear(), digits, plugin(stubborn), n=16)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    with attack_timeout(60):
        assert outcomes(linear(), digits, plugin(lambda model, x, y, threat: x), n=16).done == 16


class Late(nn.Module):
    """A model that does something else after so many calls."""

    def __init__(self, calls: int, then) -> None:
        super().__init__()
        self.net, self.left, self.then = linear(), calls, then

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        logits: Tensor = self.net(x)
        return self.then(logits) if self.left < 0 else logits


def test_a_model_that_raises_late_is_its_failure(digits):
    def bug(logits):
        raise LookupError("now")

    with pytest.raises(Failed, match=r"the model raised LookupError: now \(\S+test_guard.py:\d+\)"):
        outcomes(Late(2, bug), digits, Clean(), n=300)
    with pytest.raises(Failed, match="the model raised SystemExit: 0"):
        outcomes(Late(2, lambda logits: sys.exit(0)), digits, Clean(), n=300)


def test_a_target_without_logits_fails_alone(digits):
    from bench.evaluation.settings import EvalSettings
    from bench.evaluation.transfer import transfer_each

    settings = EvalSettings(n=16, batch_size=16)
    targets = [linear(), Late(0, lambda logits: logits * torch.nan)]
    condition = Attacked(parse_attack("FGSM"), Linf(0.1))
    good, bad = transfer_each(linear(), targets, digits, condition, settings, lambda done: None)
    assert good.done == 16
    assert isinstance(bad, Failed)
    with pytest.raises(BadInput, match="NaN or infinite"):
        transferred(linear(), targets, digits, condition, n=16)


def test_a_full_disk_is_an_error_of_the_disk(tmp_path, monkeypatch):
    """torch raises a RuntimeError for it."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")

    def full(path, write):
        with open("/dev/full", "wb", buffering=0) as file:
            write(file)

    monkeypatch.setattr("bench.models.checkpoint.write_atomically", full)
    with pytest.raises(OSError, match="No space left") as caught:
        save_progress(tmp_path / "progress.pt", {"x": torch.zeros(1000)})
    assert caught.value.errno == 28


# kinds of models


class Extra(nn.Module):
    """A model whose state dict holds more than tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.net = linear()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits

    def get_extra_state(self):
        return {"version": 1, "scales": [torch.ones(2)], "what": object()}

    def set_extra_state(self, state):
        raise NotImplementedError


class Uncopied(Extra):
    def __deepcopy__(self, memo):
        sys.exit(0)


class NoNumbers(Extra):
    """A model whose copy cannot compute."""

    def __deepcopy__(self, memo):
        copy = NoNumbers()
        copy.net = None
        return copy


def exported() -> nn.Module:
    many = {"input": {0: torch.export.Dim("batch", min=1, max=5000)}}
    program = torch.export.export(linear(), (torch.rand(4, 1, 8, 8),), dynamic_shapes=many)
    return program.module()


def quantised() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(linear(), {nn.Linear}, dtype=torch.qint8)


KINDS = {
    "TorchScript": lambda: torch.jit.script(linear()),
    "frozen TorchScript": lambda: torch.jit.freeze(torch.jit.script(linear())),
    "exported": exported,
    "float64": lambda: linear().double(),
    "extra state": Extra,
    "not to be copied": Uncopied,
    "broken copy": NoNumbers,
}


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow if k == "exported" else ()) for k in KINDS])
def test_every_kind_of_model_has_the_number_of_its_weights(digits, kind):
    attacked, data = Attacked(parse_attack("PGD-3"), Linf(0.1)), dataset("digits", Path())
    model = KINDS[kind]()
    assert not [doubt for doubt in model_warnings(model, data, digits, True) if "dies" in doubt]
    for condition in (Clean(), attacked):
        expected = outcomes(linear(), digits, condition, n=32).right
        assert (outcomes(model, digits, condition, n=32).right == expected).mean() > 0.9
    assert fingerprint(model) == fingerprint(KINDS[kind]())


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_a_quantised_model_is_evaluated_where_no_gradient_is_asked_for(digits):
    data, model = dataset("digits", Path()), quantised()
    model_warnings(model, data, digits, attacked=False)
    assert outcomes(model, digits, Clean(), n=32).done == 32
    assert fingerprint(model) == fingerprint(quantised()) != fingerprint(quantised_otherwise())
    with pytest.raises(BadInput, match=r"no gradient to the image, .* or evaluate with --attacks none"):
        model_warnings(model, data, digits, attacked=True)


def quantised_otherwise() -> nn.Module:
    model = linear()
    model[1].weight.data *= 2
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def test_lazy_layers_have_weights_once_they_have_seen_images(digits):
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    settle_lazy_layers(model, (1, 8, 8))
    assert model[1].weight.shape == (10, 64)
    assert outcomes(model.eval(), digits, Clean(), n=16).done == 16


def test_a_model_of_half_precision_is_told_what_to_do(digits):
    with pytest.raises(BadInput, match=r"same dtype.*; its weights have another number format .* \.float\(\) on it"):
        model_warnings(linear().half(), dataset("digits", Path()), digits, attacked=True)


# workers


@pytest.mark.parametrize(("how", "end"), [("killed", "was killed"), ("exit", "ended with code 0")])
def test_a_worker_that_dies_costs_its_own_task(how, end):
    told = []
    lost = lambda task, how: (task, how)  # noqa: E731
    results = [*work_through(["a", "bad", "b", "c"], partial(open_work, how), 2, told.append, lost)]
    assert sorted(r for r in results if isinstance(r, str)) == ["a", "b", "c"]
    ((task, said),) = [r for r in results if not isinstance(r, str)]
    assert task == "bad"
    assert end in said
    assert sorted(told) == ["on a", "on b", "on bad", "on c"]


def test_what_waits_for_a_task_comes_after_it_and_before_all_others():
    after = lambda task, result: [f"{task}{n}" for n in (1, 2)] if len(task) == 1 else []  # noqa: E731
    found = [*work_through(["a", "b"], partial(open_work, "fine"), 1, lambda news: None, lambda task, end: task, after)]
    assert found == ["a", "a1", "a2", "b", "b1", "b2"]


def test_what_the_work_raises_is_raised_here():
    with pytest.raises(BadInput, match=r"^bad$"):
        list(work_through(["bad"], partial(open_work, "raise"), 1, lambda news: None, lambda task, end: None))


DRIVER = """
from functools import partial
from bench.core.processes import work_through
from worker_tasks import open_work
if __name__ == "__main__":
    list(work_through(["a"], partial(open_work, "slow"), 1, print, print))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_of_a_driver_that_ends_leave_at_once(tmp_path, how):
    """Even while they import, and when Ctrl-C is sent to all of them."""
    (tmp_path / "driver.py").write_text(DRIVER)
    folders = os.pathsep.join([str(Path(__file__).parents[1] / "helpers"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(tmp_path / "driver.py")]
    settings = {"start_new_session": True, "env": os.environ | {"PYTHONPATH": folders}, "text": True}
    driver = subprocess.Popen(command, stderr=subprocess.PIPE, **settings)
    until = time.monotonic() + 30
    while len(members(driver.pid)) < 3 and time.monotonic() < until:  # the driver, its resource tracker, a worker
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(driver.pid, how) if how == signal.SIGINT else os.kill(driver.pid, how)
    _, said = driver.communicate(timeout=45)  # ends when no process has the pipe any more, where a worker takes 60 s
    assert "leaked" not in said
    assert said.count("Traceback") == (how == signal.SIGINT)  # of this driver, which is no command of ours


def members(group: int) -> list[str]:
    return subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=False).stdout.split()
