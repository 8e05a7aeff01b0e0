"""The kinds of conditions, as column `kind` of a row names them."""

import re

CLEAN = "clean"
ATTACK = "attack"  # on clean images, made on the model itself or (transfer) on another one
CORRUPTION = "corruption"
UNION = "union"  # an attack on images that are corrupted already
SWEEP = "sweep"  # an attack over a range of radii, as one measurement
DIAGNOSTIC = "diagnostic"  # a number about the model that is no accuracy
KINDS = (CLEAN, ATTACK, CORRUPTION, UNION, SWEEP, DIAGNOSTIC)
KINDS_WITH_ATTACK = (ATTACK, UNION, SWEEP)
KINDS_WITH_CORRUPTION = (CORRUPTION, UNION)
PLUGIN_KIND = r"x-[a-z0-9-]{1,40}"  # kinds that plug-ins register


def is_kind(kind: str) -> bool:
    """Whether a text is a kind of row: one of KINDS, or x-name of a plug-in."""
    return kind in KINDS or re.fullmatch(PLUGIN_KIND, kind) is not None
