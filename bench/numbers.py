"""Numbers as people write radii: 0.031, 8/255, 0.25/255."""


def number(text: str) -> float:
    """ValueError where the text is neither a number nor a fraction of two."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / (float(below) if slash else 1.0)
    except ZeroDivisionError as error:
        raise ValueError(f"{text!r} divides by zero") from error
