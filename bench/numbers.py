"""Numbers as people write radii: 0.031, 8/255, 0.25/255."""


def number(text: str) -> float:
    """ValueError where the text is neither a number nor a fraction of two."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / (float(below) if slash else 1.0)
    except ZeroDivisionError as error:
        raise ValueError(f"{text!r} divides by zero") from error


def radius(eps: float) -> str:
    """8/255 rather than 0.0313725, where it is one; 0.2 rather than 51/255."""
    eps = round(eps, 7)  # 8/255 written as a decimal is still 8/255
    if len(f"{eps:.7g}") > 5 and round(round(eps * 255) / 255, 7) == eps:
        return f"{round(eps * 255)}/255"
    return f"{eps:.7g}"
