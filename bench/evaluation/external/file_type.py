"""Recognise the format of a file of weights by its first bytes and the names inside. No code in it is run."""

import re
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

from bench.core.errors import BadInput

Format = Literal["torch", "safetensors"]

LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how files of torch.save began before it wrote zip archives
HEAD_BYTES = 1024  # bytes that are read
UNPACK = "unpack it and name the weights in it"
DOWNLOAD_FILE = "download the file itself"
SAVE_STATE_DICT = "save model.state_dict() with torch.save or safetensors"
NAME_WEIGHTS = "name the file of weights"
CONVERT_MODEL = f"load it into a torch model and {SAVE_STATE_DICT}"
JOIN_FILES = "load its files, and save all their tensors as one dict with torch.save or safetensors"

FIRST_BYTES = {  # first bytes -> what the file is, and what to do instead
    b"version https://git-lfs": ("a Git LFS pointer in the place of the file", "fetch the file with `git lfs pull`"),
    b"\x1f\x8b": ("a gzip archive", UNPACK),
    b"BZh": ("a bzip2 archive", UNPACK),
    b"\xfd7zXZ": ("an xz archive", UNPACK),
    b"7z\xbc\xaf": ("a 7-zip archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"(\xb5/\xfd": ("a zstd archive", UNPACK),
    b"\x89HDF": ("an HDF5 file, such as Keras writes", CONVERT_MODEL),
    b"MATLAB ": ("a MATLAB file", CONVERT_MODEL),
    b"\x93NUMPY": ("a NumPy array", SAVE_STATE_DICT),
    b"GGUF": ("a GGUF file of a language model", SAVE_STATE_DICT),
    b"\x89PNG": ("a PNG image", NAME_WEIGHTS),
    b"\xff\xd8\xff": ("a JPEG image", NAME_WEIGHTS),
    b"GIF8": ("a GIF image", NAME_WEIGHTS),
    b"%PDF": ("a PDF document", NAME_WEIGHTS),
    **{
        b"x" + level: ("compressed by zlib, as joblib does", SAVE_STATE_DICT)
        for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")
    },
}
ONNX = rb"\x08[\x01-\x20](\x12[\x01-\x40][ -~]|[\x3a\x42])"  # version, then producer, graph or operator set
PICKLE_OF_TEXT = rb"\(?[dl]p\d+\n|c[\w.]+\n\w+\n"  # a dict, list or object in pickle's protocol 0
HTML_STARTS = ("<!doctype", "<html", "<head", "<?xml")


def file_format(path: Path) -> Format:
    """How to open a file of weights. BadInput says what the file is if it is no checkpoint, and what to do."""
    head = _head(path)
    if _is_safetensors(head):
        return "safetensors"
    if mistake := _mistake(path, head):
        what, remedy = mistake
        raise BadInput(f"weights {path} are {what} and no checkpoint; {remedy}")
    return "torch"


def check_saved_by_torch(path: Path) -> None:
    """BadInput where torch.save has not written the file; it says what the file is."""
    if mistake := _mistake(path, _head(path)):
        raise BadInput(f"{path} is {mistake[0]}; name what torch.save wrote")


def how_to_join_distributed(folder: Path) -> str:
    """The command that converts a folder of torch.distributed.checkpoint to one file, for messages."""
    return f"`python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} FILE` makes one file of it"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); name a file that can be") from error


def _is_safetensors(head: bytes) -> bool:
    """Whether the bytes are the length of a JSON object (eight bytes) and its beginning."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32


def _mistake(path: Path, head: bytes) -> tuple[str, str] | None:
    """What the file is and what to do; None where torch.save has written it."""
    if head.startswith(LEGACY_START):
        return None
    for beginning, description in FIRST_BYTES.items():
        if head.startswith(beginning):
            return description
    if not head.strip(b"\0"):
        return "nothing but zeros" if head else "an empty file", "copy or download it again"
    if path.suffix == ".distcp":
        return f"a part of a distributed checkpoint, {path.parent}", how_to_join_distributed(path.parent)
    if head.startswith(b"PK"):
        return _archive(path)
    if head.startswith(b"\x80") or re.match(PICKLE_OF_TEXT, head):
        return "a pickle that torch.save has not written", SAVE_STATE_DICT
    if _is_tar(path):
        return None if {"pickle", "storages"} <= set(_members(path)) else ("a tar archive", UNPACK)
    if re.match(ONNX, head):
        return "an ONNX model", CONVERT_MODEL
    text = _text(head)
    if text is None:
        return "in no format of torch.save or safetensors", SAVE_STATE_DICT
    if path.name.endswith(".index.json"):
        return "the index of a checkpoint in several files", JOIN_FILES
    page = text.lstrip().lower()
    if page.startswith(HTML_STARTS) or (page.startswith("<") and "<html" in page):
        return "a web page", f"{DOWNLOAD_FILE}: the address leads to a page about it, or asks for a login"
    return "a text file", DOWNLOAD_FILE if path.suffix else SAVE_STATE_DICT


def _archive(path: Path) -> tuple[str, str] | None:
    """As `_mistake`, for a file that begins as a zip archive."""
    if not zipfile.is_zipfile(path):
        return "the beginning of a zip archive", "it is damaged or cut short, copy or download it again"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    base_names = {name.rpartition("/")[2] for name in names}
    if ".data/extern_modules" in {name.partition("/")[2] for name in names}:
        return (
            "an archive of torch.package",
            f"load its model with torch.package.PackageImporter in FILE.py, or {SAVE_STATE_DICT}",
        )
    if "model.weights.h5" in base_names:
        return "a Keras model", CONVERT_MODEL
    if any("code/" in name for name in names) and "data.pkl" in base_names:
        call = f"torch.jit.load({str(path)!r})"
        return (
            "a TorchScript archive, which holds a whole model",
            f"return {call} from FILE.py:FUNCTION, or {SAVE_STATE_DICT}",
        )
    if base_names & {"archive_format", "serialized_exported_program.json"}:
        call = f"torch.export.load({str(path)!r}).module()"
        return "a program of torch.export", f"return {call} from FILE.py:FUNCTION, or {SAVE_STATE_DICT}"
    if "data.pkl" in base_names:
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays", SAVE_STATE_DICT
    return "a zip archive that torch.save has not written", UNPACK


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except OSError:
        return False


def _members(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def _text(head: bytes) -> str | None:
    """The bytes as text; None where they are none."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # more than a character cut off at the end
            return None
        text = head[: error.start].decode("utf-8-sig")
    return text if all(letter.isprintable() or letter.isspace() for letter in text) else None
