"""Writes between the marked lines of a document; the prose around them stays. Standard library only."""

BEGIN, END = "<!-- bench {}: begin -->", "<!-- bench {}: end -->"
EMPTY = "Not measured yet: `make bench` writes this."


class NoMarkers(Exception):
    """A document that has no place for a text."""


def between(text, name):
    """(before, inside, after) of the marked place."""
    begin, end = BEGIN.format(name), END.format(name)
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise NoMarkers(f"there is not one line {begin} and one {end} behind it")
    head, rest = text.split(begin)
    inside, tail = rest.split(end)
    return head + begin, inside, end + tail


def replaced(text, name, new):
    head, _, tail = between(text, name)
    return f"{head}\n\n{new.strip()}\n\n{tail}"


def write(path, blocks):
    """Puts each text into its place. Names that have none are returned; the file changes only as a whole."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    missing = []
    for name, new in blocks.items():
        try:
            text = replaced(text, name, new)
        except NoMarkers:
            missing.append(name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return missing


def skeleton(titles):
    """A document that has nothing but the places, each with its heading."""
    parts = ["# Measured here\n"]
    for name, title in titles.items():
        parts.append(f"## {title}\n\n{BEGIN.format(name)}\n\n{EMPTY}\n\n{END.format(name)}\n")
    return "\n".join(parts)
