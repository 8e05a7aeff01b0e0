"""Parts that all figures share: style, limits of axes, heat maps and labels of points."""
