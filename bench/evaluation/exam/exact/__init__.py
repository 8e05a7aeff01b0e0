"""How the exam was made: training of its networks, exact radii by mixed-integer programs, and its files."""
