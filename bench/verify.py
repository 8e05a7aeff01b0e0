"""`bench verify`: are stored adversarial images what they are said to be? By one forward pass of the model itself."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.adversarial import About, Album, read_album
from bench.checkpoint import fingerprint
from bench.data import Dataset, Images, dataset
from bench.data.batches import to_float
from bench.device import pick, prepare
from bench.errors import BadInput
from bench.foreign import read_foreign
from bench.inner import frozen
from bench.judge import judge
from bench.outside import Access, parse_spec
from bench.plugins import load_plugins
from bench.pool import cores
from bench.results import read_job, read_outcomes, read_rows, run_folders
from bench.runfolder import status
from bench.stats import wilson
from bench.threat import Threat, slack
from bench.work import NORMS, Request, threats_of

SETS = (".pt", ".pth")


@dataclass
class Verifier:
    """What images are checked against. Models and test images are loaded once."""

    spec: str | None  # None: the model that the run folder names
    dataset: str | None
    access: Access
    eps: float | None  # of .pt sets, whose files do not say it
    norm: str | None
    device: torch.device
    batch_size: int
    models: dict[tuple[str, str], tuple[nn.Module, str]] = field(default_factory=dict)
    tests: dict[str, tuple[Dataset, Images]] = field(default_factory=dict)

    def test(self, name: str) -> tuple[Dataset, Images]:
        if name not in self.tests:
            data = dataset(name, self.access.data_dir)
            self.tests[name] = (data, data.load("test", self.access.data_dir))
        return self.tests[name]

    def model(self, spec: str, data: Dataset) -> tuple[nn.Module, str]:
        """A model on the device, and its identity."""
        if (spec, data.name) not in self.models:
            source = parse_spec(spec)
            net = source.load(data, self.access).to(self.device).eval()
            self.models[spec, data.name] = (net, fingerprint(net) + source.origin(net))
        return self.models[spec, data.name]

    def wrong(self, net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Which images the model gets wrong, (B,) bool."""
        with frozen(net):
            return ~judge(net, x.nan_to_num(), y.to(self.device), self.batch_size)  # NaN is reported by `misplaced`

    def album(self, path: Path) -> tuple[list[str], str]:
        """What is wrong with a file of ours, and what it shows if nothing is."""
        album, about = read_album(path)
        record = read_job(path.parent) if (path.parent / "job.json").exists() else {}
        data, test = self.test(self.dataset or str(record.get("source", about["dataset"])))
        net, identity = self.model(self.spec or _home(path, about, record), data)
        n, threat = about["n"], NORMS[about["norm"]](about["eps"])
        faults = ["it was made for another model"] if identity != about["identity"] else []
        ids = np.concatenate([part.ids for part in album.stored.values()] or [np.zeros(0, np.int64)])
        if n > len(test) or test.first(n).fingerprint() != about["images"] or not _distinct(ids, n):
            return [*faults, f"it is not of the first {n} test images of {data.name}"], ""
        far = 0.0
        for names, x, x_adv in album.decoded(to_float(test.x[:n]), self.device):
            faults += misplaced(x_adv, x, threat)
            missed = int((~self.wrong(net, x_adv, test.y[torch.from_numpy(names)])).sum())
            faults += [f"{missed} of {len(x)} images do not fool the model"] if missed else []
            far = max(far, float(threat.distance(x_adv, x).max()))
        faults += _disagreements(path.parent, album, about, ids)
        what = f"{about['attack']} {about['norm']} {about['eps']:.4g}"
        return faults, f"{len(album)} of {n} images fool {about['run']} under {what}, the farthest at {far:.5f}"

    def foreign(self, path: Path) -> tuple[list[str], str]:
        """What is wrong with a set of another tool's, and the accuracy on it."""
        if self.spec is None:
            raise BadInput(f"{path} does not say whose images it holds; give --model SPEC")
        data, test = self.test(self.dataset or parse_spec(self.spec).dataset or "digits")
        given = read_foreign(path)
        given.check(test, data, path)
        (threat,) = threats_of(Request(eps=(self.eps,) if self.eps else (), norm=self.norm), data)
        x_adv, n = given.x.to(self.device), len(given.x)
        faults = misplaced(x_adv, to_float(test.x[:n]).to(self.device), threat)
        right = n - int(self.wrong(self.model(self.spec, data)[0], x_adv, test.y[:n]).sum())
        low, high = wilson(right, n)
        shown = f"accuracy {right / n:.1%} [{low:.1%}, {high:.1%}] of {n} images"
        far = float(threat.distance(x_adv, to_float(test.x[:n]).to(self.device)).max())
        return [*faults, shown] if faults else [], f"{shown}, within {threat}, the farthest at {far:.5f}"


def misplaced(x_adv: Tensor, x: Tensor, threat: Threat) -> list[str]:
    """Which images (B, C, H, W) are none, or not in the ball around x."""
    odd, pale = ~x_adv.isfinite().flatten(1).all(1), ((x_adv < 0) | (x_adv > 1)).flatten(1).any(1)
    far, n = threat.distance(x_adv, x), len(x)
    outside = far > threat.eps + slack(threat.eps)
    others = "; are they of other images, or in another order?" if outside.sum() > n / 2 else ""
    faults = {
        f"{int(odd.sum())} of {n} images have pixels that are not finite numbers": odd,
        f"{int(pale.sum())} of {n} images leave [0, 1]": pale,
        f"{int(outside.sum())} of {n} images are outside {threat}, the farthest at {far.max():.5f}{others}": outside,
    }
    return [fault for fault, images in faults.items() if images.any()]


def _distinct(ids: NDArray[np.int64], n: int) -> bool:
    return len(np.unique(ids)) == len(ids) and (not len(ids) or (ids.min() >= 0 and ids.max() < n))


def _home(path: Path, about: About, record: dict[str, object]) -> str:
    """The SPEC of the model whose run folder a file is in."""
    if not record:
        raise BadInput(f"{path} is not in the folder of its run; give --model SPEC")
    if status(path.parent) == "external":
        return str(record["spec"])
    return f"{path.parent}@{about['epoch']}@{about['view']}"


def _disagreements(folder: Path, album: Album, about: About, ids: NDArray[np.int64]) -> list[str]:
    """Where the rows and bits beside a file say something else."""
    bits, faults = read_outcomes(folder).get(about["key"]), []
    for row in (row for row in read_rows(folder) if row.key == about["key"] and row.status == "ok"):
        said = {"name": "attack", "params": "params", "norm": "norm", "eps": "eps", "n": "n"}
        faults += [f"results.csv has another {a}" for a, b in said.items() if getattr(row, a) != about[b]]
        if row.value is not None and row.value > 1 - len(album) / row.n + 1e-9:
            faults.append(f"accuracy {row.value:.1%} in results.csv, and {len(album)} of {row.n} are broken")
        if bits is not None and (len(bits) != about["n"] or bits[ids].any()):
            faults.append("outcomes.npz has broken images as right")
    return list(dict.fromkeys(faults))


def verify(path: Path, device: str, **settings: object) -> int:
    """A line for each file. 0, or 1 if any of them is not in order."""
    load_plugins()
    prepare()
    torch.set_num_threads(cores())
    verifier = Verifier(device=pick(device), **settings)  # type: ignore[arg-type]  # by name, from the command line
    failed = 0
    for file in files(path):
        faults, shown = verifier.foreign(file) if file.suffix in SETS else verifier.album(file)
        print(f"{'WRONG' if faults else 'ok   '} {file}: {'; '.join(faults) or shown}")
        failed += bool(faults)
    return 1 if failed else 0


def files(path: Path) -> list[Path]:
    """What there is to verify under a path. BadInput where that is nothing."""
    if path.is_file() and path.suffix in (".npz", *SETS):
        return [path]
    folders = [] if not path.is_dir() else [path] if (path / "job.json").exists() else run_folders(path)
    found = sorted(album for folder in folders for album in folder.glob("adversarial-*.npz"))
    if not found:
        what = (
            "holds no adversarial images"
            if path.is_dir()
            else "is no .npz or .pt file"
            if path.exists()
            else "is not there"
        )
        raise BadInput(f"{path} {what}; name a results or run folder that --save-adv has written to, or one such file")
    return found
