"""Makes text safe to show on a terminal. Pure."""


def escape_control_chars(text: str) -> str:
    """Escape what is not printable: a name must not control the terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
