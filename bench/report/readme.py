"""Writes the `README.md` of a reports folder, which explains its folders and files."""

from collections.abc import Mapping, Set
from pathlib import Path, PurePosixPath

from bench.report.files import LIST_NAME, read_list, replace_files

FOLDER_TEXTS = {  # what the folders hold; those of papers explain themselves by their title
    "leaderboard": "Accuracy under attack, a table for each data set, model, budget and threat model",
    "sweeps": "Accuracy over radii, steps, step lengths or restarts",
    "norms": "Accuracy under attacks in balls of several norms together",
    "precision": "What training and attacking in bf16 instead of fp32 changes",
    "transfer": "Images made on one model and shown to another",
    "corruptions": "Accuracy on corrupted images",
    "exhibits": "Gradients, batch norms, feature maps and losses of models, and robust overfitting",
    "cards": "A model card, as the Hugging Face Hub has them, and BibTeX for each model",
    "speed": "Seconds beside other packages",
}
FILE_TEXTS = {  # what a file holds, by the beginning of its name
    "board": "the leaderboard: lines of methods, columns of attacks, with intervals, ranks and verdicts",
    "rows": "the measurements behind the leaderboard, a line each",
    "differences": "how far each line is behind the best one, by paired tests",
    "bars": "accuracies as bars, a panel an attack",
    "scatter": "clean against robust accuracy",
    "cost": "what training costs against robust accuracy",
    "curves": "the trainings, epoch by epoch",
    "eps": "accuracy over the radius",
    "steps": "accuracy over the number of steps",
    "step": "accuracy over the length of a step",
    "restarts": "accuracy over the number of restarts",
    "areas": "what each curve over the radius comes to: area below it, median radius",
    "union": "accuracy in balls of several norms, one by one and together",
    "precision": "accuracy in fp32 and in bf16 of the same trainings, and their difference",
    "matrix": "accuracy of each model on images made on each of the others",
    "bounds": "white-box and black-box accuracy of each model",
    "heat": "the matrix, or accuracies by corruption, as a heat map",
    "scores": "accuracy and robustness score by corruption and severity",
    "errors": "mean errors and scores of each method",
    "attacked": "accuracy on images that are corrupted and then attacked",
    "severity": "accuracy over the severity",
    "gradient": "norms of the gradient of clean images",
    "loss": "loss along and across an attack",
    "overfitting": "robust accuracy at the best epoch and the last",
    "batchnorm": "batch norms before and after a fine-tuning",
    "features": "feature maps before and after a fine-tuning",
    "ledger": "every printed number of the paper beside ours, with its status",
    "comparisons": "every two lines of a table: whether their order is the printed one",
    "table": "a table of the paper in its own layout, with our numbers",
    "figure": "a figure of the paper with our numbers",
    "README": "a model card: YAML with the results for the Hub, and text for people",
    "cite": "BibTeX of the papers that the recipe is from, and of this bench",
    "toy": "the paper's toy model",
}
SUFFIX_TEXT = (
    "`.md` is a page to read, `.csv` the numbers, `.tex` a table for LaTeX, `.png` and `.pdf` a figure. `bench report` "
    "makes everything here anew from the results folder, and leaves files of your own as they are."
)
SITE_TEXT = "Open [index.html](index.html) in a browser to look through all of them.\n"


def write_readme(reports: Path) -> list[Path]:
    """Write README.md if the folder has any reports. A README.md that bench has not written is kept."""
    found = {path.parent.name: read_list(path.parent) for path in sorted(reports.glob(f"*/{LIST_NAME}"))}
    pages = [f"{folder}/{folder}.md" for folder in found]
    pages += [f"{folder}/{name}" for folder, names in found.items() for name in names if name.endswith("/board.md")]
    titles = {page: title for page in pages if (title := read_title(reports / page))}
    site = (reports / "index.html").exists()
    return replace_files(reports, {"README.md": readme(found, titles, site)} if found else {})


def read_title(page: Path) -> str:
    """The title in the first line of a Markdown page; empty if there is no page."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    return lines[0].removeprefix("# ") if lines else ""


def readme(found: Mapping[str, Set[str]], titles: Mapping[str, str], site: bool) -> str:
    """The README as Markdown. found: files by folder. titles: of pages, by path. site: whether there is one."""
    parts = ["# Reports\n", *([SITE_TEXT] if site else [])]
    for folder in sorted(found, key=lambda name: ([*FOLDER_TEXTS, name].index(name), name)):
        page = f"{folder}/{folder}.md"
        about = FOLDER_TEXTS.get(folder) or titles.get(page) or folder
        parts.append(f"[{page}]({page}): {about}.\n")
        groups = sorted({PurePosixPath(name).parts[0] for name in found[folder] if "/" in name})
        parts += [_group(f"{folder}/{name}", titles) for name in groups] + [""] * bool(groups)
    used = {kind_of(name) for names in found.values() for name in names}
    lines = [f"| `{kind}` | {FILE_TEXTS[kind]} |" for kind in FILE_TEXTS if kind in used]
    return "\n".join([*parts, "| a file's name begins with | and holds |\n|:--|:--|", *lines, f"\n{SUFFIX_TEXT}\n"])


def _group(folder: str, titles: Mapping[str, str]) -> str:
    about = titles.get(f"{folder}/board.md")
    return f"- [{folder}]({folder})" + (f": {about}" if about else "")


def kind_of(path: str) -> str:
    """The first word of a file's name, a key of FILE_TEXTS."""
    return PurePosixPath(path).stem.partition("-")[0]
