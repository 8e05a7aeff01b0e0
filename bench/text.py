"""Text that others have written, as it can be shown: on a terminal, in a message, in a table."""


def printable(text: object, most: int | None = None) -> str:
    """One line of characters that can be seen, blanks in the place of others; cut off after `most` characters.

    A terminal obeys control characters, and marks that turn the direction of writing hide what a name says.
    """
    shown = "".join(character if character.isprintable() else " " for character in str(text))
    return shown if most is None or len(shown) <= most else f"{shown[:most]}..."
