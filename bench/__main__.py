"""`python -m bench` is the command `bench`, as where scripts of packages are not on the path."""

from bench.cli import main

main()
