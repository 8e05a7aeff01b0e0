"""Exhibits: small tables that are measured on a finished model and kept in its run folder, for figures."""

from bench.exhibits.exhibit import Columns, Exhibit, Specimen
from bench.exhibits.loss import slices
from bench.exhibits.norms import batchnorm, features
from bench.exhibits.slope import gradients
from bench.registrable import an_instance_of
from bench.registry import Registry

__all__ = ["EXHIBITS", "Columns", "Exhibit", "Specimen"]

EXHIBITS: Registry[Exhibit] = Registry("exhibit", an_instance_of(Exhibit, "wanted: an Exhibit"))
EXHIBITS.add("gradient", Exhibit(gradients))
EXHIBITS.add("batchnorm", Exhibit(batchnorm, most=1, beside_start=True))
EXHIBITS.add("features", Exhibit(features, most=1, beside_start=True))
EXHIBITS.add("loss", Exhibit(slices, most=32))
