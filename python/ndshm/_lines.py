"""Lines of Python's objects, for the library."""

import itertools

# Lines that are fed at once.
BATCH = 4096


def pulled(lines):
    """The next lines, and what stopped them."""
    out = []
    try:
        out.extend(itertools.islice(lines, BATCH))
    except Exception as error:  # noqa: BLE001 - it is raised when the lines before it are read
        return out, error
    return out, None


class Reader:
    """Lines of Python's as bytes of UTF-8, for the library. The first batch of them is kept."""

    def __init__(self, lines, encoding=None, quotechar=None, strings=None):
        self.encoding, self.quotechar, self.strings = encoding, quotechar, strings
        self.comment, self.delimiter, self.skip, self.header, self.first = None, None, 0, False, []
        # Items that were looked at; the one that is wrong, from 1.
        self.seen, self.line = 0, None
        # How the last item ended: with a line end, within quotes.
        self.ended, self.quoted = True, False
        self.blocks, self.rest = self.encoded(iter(lines)), memoryview(b"")

    def __call__(self, size):
        while not self.rest:
            block = next(self.blocks, None)
            if block is None:
                return b""
            self.rest = memoryview(block)
        out, self.rest = self.rest[:size], self.rest[size:]
        return out

    def encoded(self, lines):
        error = None
        while error is None:
            batch, failed = pulled(lines)
            if not batch and failed is None:
                return
            good, wrong = self.checked(batch, [] if self.first else self.first)
            yield "".join(good).encode()
            error = wrong or failed
        raise error

    def checked(self, batch, kept):
        """The lines of a batch with their ends, up to the first that is none, and what is wrong with that."""
        out = []
        for line in batch:
            self.seen += 1
            try:
                line = self.text(line)
                kept.append(line)
                if self.skip > 0:
                    self.skip -= 1
                else:
                    out.append(self.whole(line))
            except (AttributeError, TypeError, ValueError) as error:
                self.line = self.seen
                return out, error
        return out, None

    def text(self, line):
        if isinstance(line, bytes):
            return line.decode(self.encoding)
        if isinstance(line, str):
            return line
        if self.strings is not None:
            # NumPy looks for comments first.
            raise AttributeError(f"'{type(line).__name__}' object has no attribute 'split'")
        raise TypeError("non-string returned while reading data")

    def whole(self, line):
        """An item as one line of a file. One that had no end is ended by the next."""
        for string in self.strings or ():
            line = line.lstrip().removeprefix(string) if self.header else line.split(string, 1)[0]
        self.header = False
        body = line.removesuffix("\n").removesuffix("\r")
        start = "" if self.ended or self.quoted else "\n"
        self.ended = len(body) < len(line)
        if self.quotechar is not None and (self.quoted or self.quotechar in body):
            broken = self.scan(body)
        else:
            broken = "\n" in body or "\r" in body
            if broken and self.comment is not None:
                body = body.split(self.comment, 1)[0]
                broken = "\n" in body or "\r" in body
        if broken:
            raise ValueError("Found an unquoted embedded newline within a single line of input.  "
                             "This is currently not supported.")
        return start + body + "\n" * self.ended

    def scan(self, body):
        """Whether a line end lies in an item, and neither in quotes nor in a comment."""
        at, start = 0, not self.quoted
        while at < len(body):
            c, at = body[at], at + 1
            if self.quoted:
                if c == self.quotechar:
                    self.quoted = body[at:at + 1] == c
                    at, start = at + self.quoted, False
            elif start and c == self.quotechar:
                self.quoted = True
            elif c == self.comment:
                return False
            elif c in "\r\n":
                return True
            else:
                start = c.isspace() if self.delimiter is None else c == self.delimiter
        return False
