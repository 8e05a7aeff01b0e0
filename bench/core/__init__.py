"""What every other package uses: errors, registries, options, random numbers, statistics, threat models."""
