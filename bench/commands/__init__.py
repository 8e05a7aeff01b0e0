"""The commands of `bench`, one file or folder each; `bench.cli` parses their options."""
