"""External models: loading them from files, runs and model zoos, and checks of what they compute."""
