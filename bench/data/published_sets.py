"""Published sets of corrupted test images whose corruptions cannot be generated here: C-bar and 3DCC.

C-bar: Mintun, Kirillov, Xie, NeurIPS 2021, arXiv:2102.11273, github.com/facebookresearch/augmentation-corruption,
chosen to be unlike the corruptions of ImageNet-C. 3DCC: Kar, Yeo, Atanov, Zamir, CVPR 2022, arXiv:2203.01441,
github.com/EPFL-VILAB/3DCommonCorruptions, which follow the geometry of the scene.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FileSet:
    """The corruptions of one data set's test images in such a set."""

    name: str  # in rows, and of the folder below --data-dir, in capitals or not, with - or _
    published: str  # address
    amounts: Mapping[str, tuple[float, ...]]  # by corruption, the authors' parameter at severities 1 to 5, or none

    def severity_folders(self, name: str, severity: int) -> tuple[str, ...]:
        """Names of the folder of a severity: its number, or the parameter as the authors' script writes it."""
        amounts = self.amounts[name]
        return (str(severity), *([f"{amounts[severity - 1]:.2f}"] if amounts else []))


C_BAR = "https://github.com/facebookresearch/augmentation-corruption"
FILE_SETS: dict[str, dict[str, FileSet]] = {  # by the name in --corruptions and the data set
    "c-bar": {
        "cifar10": FileSet(
            "CIFAR-10-C-Bar",
            f"{C_BAR}/tree/main/imagenet_c_bar (a script makes it)",
            {
                "blue_noise_sample": (0.7, 1.4, 2.1, 3.5, 4.2),
                "brownish_noise": (2.5, 4.0, 5.5, 6.5, 7.0),
                "checkerboard_cutout": (1.0, 2.0, 3.0, 4.0, 5.0),
                "circular_motion_blur": (2.8, 3.6, 4.4, 5.2, 6.0),
                "inverse_sparkles": (1.0, 1.5, 2.5, 4.5, 5.0),
                "lines": (0.5, 1.0, 1.5, 2.0, 2.5),
                "pinch_and_twirl": (5.5, 6.0, 6.5, 8.5, 10.0),
                "ripple": (5.5, 6.0, 6.5, 7.5, 8.0),
                "sparkles": (0.7, 3.5, 5.6, 6.3, 7.0),
                "transverse_chromatic_abberation": (1.0, 2.0, 5.0, 9.0, 10.0),
            },
        ),
        "imagenet": FileSet(
            "ImageNet-C-Bar",
            C_BAR,
            {
                "blue_noise_sample": (0.8, 1.6, 2.4, 4.0, 5.6),
                "brownish_noise": (1.0, 2.0, 3.0, 4.0, 5.0),
                "caustic_refraction": (2.35, 3.2, 4.9, 6.6, 9.15),
                "checkerboard_cutout": (2.0, 3.0, 4.0, 5.0, 6.0),
                "cocentric_sine_waves": (3.0, 5.0, 8.0, 9.0, 10.0),
                "inverse_sparkles": (1.0, 2.0, 4.0, 9.0, 10.0),
                "perlin_noise": (4.6, 5.2, 5.8, 7.6, 8.8),
                "plasma_noise": (4.75, 7.0, 8.5, 9.25, 10.0),
                "single_frequency_greyscale": (1.0, 1.5, 2.0, 4.5, 5.0),
                "sparkles": (1.0, 2.0, 3.0, 5.0, 6.0),
            },
        ),
    },
    "3dcc": {
        "imagenet": FileSet(
            "ImageNet-3DCC",
            "https://datasets.epfl.ch/3dcc",
            dict.fromkeys(
                (
                    *("near_focus", "far_focus", "bit_error", "color_quant", "flash", "fog_3d"),
                    *("h265_abr", "h265_crf", "iso_noise", "low_light", "xy_motion_blur", "z_motion_blur"),
                ),
                (),
            ),
        ),
    },
}


def file_set_of(name: str, dataset: str) -> FileSet | None:
    """The set that a corruption of a data set is in; None if it is in none."""
    sets = (by_dataset[dataset] for by_dataset in FILE_SETS.values() if dataset in by_dataset)
    return next((found for found in sets if name in found.amounts), None)


def file_members(text: str, dataset: str) -> list[str]:
    """The corruptions of a data set that the name of a set, or of a corruption in one, stands for; empty if none."""
    if text in FILE_SETS:
        return [*FILE_SETS[text][dataset].amounts] if dataset in FILE_SETS[text] else []
    return [text] if file_set_of(text, dataset) else []


def set_of(name: str) -> str:
    """The name, as in --corruptions, of the set that a corruption is in; empty if it is in none."""
    return next((text for text, sets in FILE_SETS.items() if any(name in found.amounts for found in sets.values())), "")


def file_corruptions() -> list[str]:
    """The names of all corruptions in these sets, each once."""
    every = (name for sets in FILE_SETS.values() for found in sets.values() for name in found.amounts)
    return list(dict.fromkeys(every))


def datasets_with(text: str) -> list[str]:
    """The data sets for which the name of a set, or of a corruption in one, stands for something."""
    every = dict.fromkeys(dataset for by_dataset in FILE_SETS.values() for dataset in by_dataset)
    return [dataset for dataset in every if file_members(text, dataset)]
