"""Studies: what a paper (or a question) asks of trained models, and what is read off their rows. No torch here."""

from bench.studies import avmixup, bat, claims, m2at, mtlat, robmask
from bench.studies.items import STUDIES, Item, Part, Study, Where

__all__ = ["STUDIES", "Item", "Part", "Study", "Where", "avmixup", "bat", "claims", "m2at", "mtlat", "robmask"]
