"""`bench verify`: checks stored adversarial images by one forward pass of the model."""

from pathlib import Path
from typing import Any

from bench.commands.start import start
from bench.commands.verify.claim import Claim, read_claim
from bench.commands.verify.foreign_files import SUFFIXES, is_foreign, read_foreign
from bench.commands.verify.own_files import check_adversarial_set
from bench.commands.verify.reference import Reference, find_misplaced
from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.stats import wilson
from bench.data.loader import to_float
from bench.evaluation.external.spec import parse_spec
from bench.results.survey import run_folders
from bench.runner.grid import threats_of
from bench.runner.request import Request


def check_foreign(path: Path, against: Reference, eps: float | None, norm: str | None) -> tuple[list[str], str]:
    """Check a file of another tool: faults, and a summary with the accuracy. BadInput without a model."""
    if against.spec is None:
        raise BadInput(f"{path} does not say whose images it holds; give --model SPEC")
    data, test = against.test(against.dataset or parse_spec(against.spec).dataset or "digits")
    given = read_foreign(path)
    given.check(test, data, path)
    (threat,) = threats_of(Request(eps=() if eps is None else (eps,), norm=norm), data)
    x_adv, n = given.x.to(against.device), len(given.x)
    faults = find_misplaced(x_adv, to_float(test.x[:n]).to(against.device), threat)
    right = n - int(against.find_misclassified(against.model(against.spec, data, test).net, x_adv, test.y[:n]).sum())
    low, high = wilson(right, n)
    shown = f"accuracy {right / n:.1%} [{low:.1%}, {high:.1%}] of {format_count(n, 'image')}"
    far = threat.distance(x_adv, to_float(test.x[:n]).to(against.device))
    clean = f", {same} of them the clean ones" if (same := int((far == 0).sum())) else ""
    return [*faults, shown] if faults else [], f"{shown}{clean}, within {threat}, the farthest at {far.max():.5f}"


def verify(path: Path, device: str, *, eps: float | None, norm: str | None, **settings: Any) -> int:
    """Check all files of a path and print a line for each. Returns 0, or 1 if any is wrong or cannot be checked.

    eps, norm: of files of other tools, which do not contain it. settings: fields of `Reference`. BadInput as for
    `check_file`.
    """
    against = Reference(device=start(device), **settings)  # options of the command line by name
    failed, found, printed = 0, find_files(path), set[str]()
    if (eps is not None or norm) and not any(map(is_foreign, found)):
        given = "--norm" if eps is None else "--eps"
        raise BadInput(f"{given} is of other tools' sets, and {path} says which ball its images are in; leave it out")
    for file in found:
        try:
            claim = None if is_foreign(file) else read_claim(file)
        except BadInput as error:
            if path.is_file():
                raise
            word, text = "WRONG", str(error)
        else:
            word, text = check_file(file, claim, against, eps, norm, alone=path.is_file())
        print(f"{word:5} {file}: {'as above' if word == 'ERROR' and text in printed else text}")
        printed.add(text)
        failed += word != "ok"
    return 1 if failed else 0


def check_file(
    file: Path, claim: Claim | None, against: Reference, eps: float | None, norm: str | None, alone: bool
) -> tuple[str, str]:
    """Check one file: ok, WRONG or ERROR, and a text. ERROR: its model or data set cannot be loaded.

    claim: None for a file of another tool. alone: whether it is the only file; then, or if the user named the model,
    BadInput is raised instead of ERROR.
    """
    try:
        faults, shown = check_adversarial_set(claim, against) if claim else check_foreign(file, against, eps, norm)
    except BadInput as error:
        if alone or against.spec:
            raise
        return "ERROR", str(error)
    return ("WRONG", "; ".join(faults)) if faults else ("ok", shown)


def find_files(path: Path) -> list[Path]:
    """Find the files to verify under a path; BadInput if there are none."""
    if path.is_file() and path.suffix in SUFFIXES:
        return [path]
    folders = [] if not path.is_dir() else [path] if (path / "job.json").exists() else run_folders(path)
    found = sorted(adversarial_set for folder in folders for adversarial_set in folder.glob("adversarial-*.npz"))
    if not found:
        what = (
            "holds no adversarial images"
            if path.is_dir()
            else "is no .npz, .npy or .pt file"
            if path.exists()
            else "is not there"
        )
        raise BadInput(f"{path} {what}; name a results or run folder that --save-adv has written to, or one such file")
    return found
