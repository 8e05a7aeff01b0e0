"""Engines that carry units of work to other machines. The processes of this machine are `bench.runner.pool`."""
