"""Makes the command that computes the rows of a method on one board again."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.core.parsing import format_radius
from bench.report.rows import attack_rows

Job = Mapping[str, Any]  # job.json
AttackText = Callable[[str, dict[str, Any]], str]  # as of `SiteSources`
EPOCHS_TEXT = re.compile(r"(\d+) epochs?")
LENGTH_SETTINGS = ("plan.epochs", "plan.steps")


def command(job: Job, rows: pd.DataFrame, attack_text: AttackText) -> str:
    """The command as text for a shell; empty if job.json lacks what it needs.

    job: job.json of one run. rows: of all seeds of its configuration on one board.
    """
    words = _eval_words(job) if job.get("spec") else _train_words(job, sorted(set(rows["seed"])))
    return shlex.join([*words, *_attack_words(rows, attack_text)]) if words else ""


def _eval_words(job: Job) -> list[str]:
    return ["bench", "eval", "--model", str(job["spec"]), "--dataset", str(job["source"])]


def _train_words(job: Job, seeds: Iterable[int]) -> list[str]:
    if not {"name", "source", "model", "budget", "images"} <= job.keys():
        return []
    budget, *deviations = str(job["budget"]).split(", ")
    settings = [str(setting) for setting in job.get("settings") or ()]
    words = ["bench", "run", "--methods", job["name"], "--dataset", job["source"], "--model", job["model"]]
    words += ["--budget", budget]
    length = next(filter(None, map(EPOCHS_TEXT.fullmatch, deviations)), None)
    if length and budget != "paper" and not any(setting.startswith(LENGTH_SETTINGS) for setting in settings):
        words += ["--epochs", length[1]]
    words += ["--limit-train", str(job["images"])]
    words += ["--train-eps", str(job["train_eps"])] if job.get("train_eps") else []
    words += ["--extra", job["extra_file"], "--extra-share", str(job["extra_share"])] if job.get("extra_file") else []
    words += [word for setting in settings for word in ("--set", setting)]
    words += ["--precision", job["precision"]] if {"bf16", "auto"} & {*deviations} else []
    words += ["--threads", str(job["threads"])] if job.get("threads", 1) != 1 else []
    return [*words, "--seeds", ",".join(map(str, seeds))]


def _attack_words(rows: pd.DataFrame, attack_text: AttackText) -> list[str]:
    attacked = attack_rows(rows)
    uses = dict.fromkeys(zip(attacked["name"], attacked["params"], strict=True))
    attacks = [attack_text(name, json.loads(params or "{}")) for name, params in uses]
    words = ["--attacks", ",".join(dict.fromkeys(attacks)) or "none"]
    norms, radii = dict.fromkeys(attacked["norm"]), dict.fromkeys(attacked["eps"].astype(float))
    finite = [format_radius(eps) for eps in radii if np.isfinite(eps)]
    words += ["--norm", *norms, "--eps", ",".join(finite)] if finite and len(norms) == 1 else []
    return [*words, *(["--limit", str(rows["n"].iloc[0])] if rows["partial"].any() else [])]
