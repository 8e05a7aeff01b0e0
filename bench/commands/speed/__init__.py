"""How fast attacks and training are beside other packages, as ratios within one interleaved run."""
