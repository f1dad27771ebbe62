"""NumPy before 2.5 warns of lines without data if `max_rows` is given: it did not always leave them out of the count."""

import itertools
import re
import warnings

import numpy as np

from . import _arguments as args

WARNS = tuple(int(part) for part in re.findall("[0-9]+", np.__version__)[:2]) < (2, 5)
# Lines that are looked at: more would take longer than reading them.
MOST_LINES = 100_000


def warn(source, call):
    """The warning, if a line without data lies among the rows that were wanted."""
    lines = itertools.islice(source.lines(), call.skiprows, call.skiprows + MOST_LINES)
    # Types that are found by looking at the text NumPy reads in pieces, and calls that `max_rows`, too.
    most = min(call.max_rows, 50_000) if args.is_open(call.dtype) else call.max_rows
    # A last line that does not end is one more item, or just the end of a file.
    last = source.by_lines or call.strings is not None or args.is_open(call.dtype)
    dialect = Dialect(call.delimiter, call.comment, call.strings, call.quotechar)
    before = rows_before_blank(lines, most, dialect, last)
    if before is not None:
        warnings.warn(
            f"Input line {before + call.skiprows + 1} contained no data and will not be counted towards "
            f"`max_rows={most}`."
            "  This differs from the behaviour in NumPy <=1.22 which counted lines rather than rows.  If desired, the "
            "previous behaviour can be achieved by using `itertools.islice`.\nPlease see the 1.23 release notes for an "
            "example on how to do this.  If you wish to ignore this warning, use `warnings.filterwarnings`.  This warning "
            "is expected to be removed in the future and is given only once per `loadtxt` call.",
            category=UserWarning, stacklevel=5)


def rows_before_blank(lines, most, dialect, last):
    """Rows before the first line without data; None if `most` rows come first, or the text ends."""
    rows, quoted = 0, False
    for line in lines:
        if rows == most and not quoted:
            return None
        fresh = not quoted
        blank, quoted = dialect.look(line, quoted)
        if fresh and blank:
            return rows if last or line.endswith("\n") else None
        rows += not quoted
    return None


class Dialect:
    """How lines are told from blank ones."""

    def __init__(self, delimiter, comment, strings, quotechar):
        self.delimiter, self.quotechar = delimiter, quotechar
        self.strings = strings or ([] if comment is None else [comment])

    def look(self, line, quoted):
        """(whether the line is blank, whether it ends within quotes)"""
        line = line.removesuffix("\n").removesuffix("\r")
        if self.quotechar is not None and (quoted or self.quotechar in line):
            return self.look_at_quotes(line, quoted)
        for string in self.strings:
            line = line.split(string, 1)[0]
        return not (line.strip() if self.delimiter is None else line), False

    def look_at_quotes(self, line, quoted):
        at, start, blank = 0, True, not quoted
        while at < len(line):
            c, blanks = line[at], self.delimiter is None and line[at].isspace()
            at += 1
            if quoted:
                if c != self.quotechar:
                    continue
                quoted = line[at:at + 1] == c
                at, start = at + quoted, False
            elif start and c == self.quotechar:
                quoted, blank = True, False
            elif c in self.strings:
                return blank, False
            else:
                start = blanks or c == self.delimiter
                blank = blank and blanks
        return blank, quoted
