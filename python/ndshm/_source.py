"""Where the text comes from: a path that the workers read themselves, or Python objects whose lines are fed to them."""

import bz2
import codecs
import contextlib
import gzip
import itertools
import locale
import lzma
import os
import re
import stat

from ._errors import name_of
from ._transcode import Transcoder

OPENERS = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open, ".lzma": lzma.open}
# What these files begin with.
MAGIC = {".bz2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", ".gz": rb"\x1f\x8b\x08", ".xz": rb"\xfd7zXZ\0"}
# What the library decodes itself, by the names that Python's codecs have.
NATIVE = {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "iso8859-1": "latin1", "ascii": "ascii", "utf-16": "utf-16",
          "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "utf-32": "utf-32", "utf-32-le": "utf-32-le",
          "utf-32-be": "utf-32-be"}
# Lines that are fed at once.
BATCH = 4096


class Source:
    """Text for the library: a path, or a function that gives bytes. It is closed when the text has been read."""

    def __init__(self, path=None, read=None, encoding="utf-8", reopen=None, again=None, close=None, check=None,
                 label=None):
        self.path, self.read, self.encoding, self.label = path, read, encoding, label or path
        # Whether Python's lines are fed, and not what is in a file.
        self.by_lines = isinstance(read, Reader)
        self.reopen, self.again = reopen, again  # None if it can be read once only
        self.close, self.check = close or (lambda: None), check or (lambda: None)
        # Lines that the library does not see.
        self.skipped = 0

    def retry(self, strings=False):
        """Python's own reader says in its own words what is wrong with a file, if it finds something. It reads as NumPy
        does, which goes line by line if it cuts off comment strings: places in messages depend on that."""
        if self.reopen is not None:
            with contextlib.closing(self.reopen()) as file:
                while next(file, "") if strings else file.read(1 << 14):
                    pass

    def without(self, skiprows, comment, delimiter, header=False):
        """Leaves out the first lines, as far as the library need not do it; returns the rest."""
        if not self.by_lines:
            return skiprows
        self.read.skip, self.read.comment, self.read.delimiter = skiprows, comment, delimiter
        self.read.header, self.skipped = header, skiprows
        return 0

    def has_lines(self):
        return next(self.lines(), None) is not None

    def lines(self):
        """The first lines, once more."""
        if self.reopen is None:
            yield from self.read.first
        else:
            with contextlib.closing(self.reopen()) as file:
                yield from file


def open_source(fname, encoding, call):
    """The source for anything that NumPy takes as `fname`."""
    if isinstance(fname, os.PathLike):
        fname = os.fspath(fname)
    try:
        if isinstance(fname, str):
            return open_path(fname, encoding)
        lines = iter(fname)
    except TypeError as error:
        raise ValueError("fname must be a string, filehandle, list of strings,\nor generator. "
                         f"Got {type(fname)} instead.") from error
    if encoding is None:
        encoding = getattr(fname, "encoding", "latin1")
    return Source(read=Reader(lines, encoding, call.quotechar, call.strings), label=label_of(fname))


def open_sources(files, encoding, call):
    """The sources of several files. Where one of them is an object of Python's, all are read by lines: the library leaves
    out the first lines of all inputs, or of none."""
    sources = [open_source(file, encoding, call) for file in files]
    if any(source.by_lines for source in sources):
        return [source if source.by_lines else lines_of(source, call) for source in sources]
    return sources


def lines_of(source, call):
    """A file as lines of Python's."""
    source.close()
    if source.reopen is None:
        raise ValueError(f"{source.label} can be opened once only: it cannot be read together with objects of Python's")
    file = source.reopen()
    return Source(read=Reader(file, None, call.quotechar, call.strings), close=file.close, label=source.label)


def label_of(file):
    """The name of a file of Python's."""
    return name_of(file) if hasattr(file, "read") else None


# What a file's name has, and a row of numbers has not.
NAMED = re.compile(r"/|\.[A-Za-z]")


def files_of(fname, concat):
    """The files, if `fname` is a list of files; None if it is one file, or lines of text.

    NumPy takes a list for lines. Paths and files in it are none; names are files if `concat` says so, or if each looks
    like the name of a file and one is there.
    """
    if not isinstance(fname, (list, tuple)):
        return None if concat is None or not isinstance(fname, (str, os.PathLike)) else [fname]
    if concat is not None or any(isinstance(item, os.PathLike) or hasattr(item, "read") for item in fname[:1]):
        return list(fname)
    if fname and all(isinstance(item, str) and NAMED.search(item) and "\n" not in item for item in fname) \
            and any(map(is_there, fname)):
        return list(fname)
    return None


def is_there(path):
    """Whether a file has this name, or a compressed one."""
    try:
        return bool(find(path))
    except (OSError, ValueError):
        return False


def find(path):
    """The file of this name, or the compressed one beside it."""
    if "\0" not in path and "://" not in path:
        for name in itertools.chain([path], (path + suffix for suffix in OPENERS if not path.endswith(tuple(OPENERS)))):
            if os.path.exists(name):
                return name
    raise FileNotFoundError(f"{path} not found.")


def open_path(fname, encoding):
    path = find(fname)
    opener = OPENERS.get(os.path.splitext(path)[1], open)
    name = native_name(encoding)
    once = stat.S_ISFIFO(os.stat(path).st_mode)  # it can be opened once only
    if once and name is not None:
        return Source(path=path, encoding=name)

    def reopen():
        return opener(path, "rt", encoding=encoding)

    def again():
        return open_path(path, encoding)

    file = reopen()
    if name is None:
        return Source(read=Transcoder(file.buffer, file.encoding), reopen=None if once else reopen,
                      again=None if once else again, close=file.close, label=path)
    file.close()
    check = None if opener is open else (lambda: check_magic(path, opener))
    return Source(path=path, encoding=name, reopen=reopen, again=again, check=check)


def native_name(encoding):
    """What the library calls an encoding; None for one that only Python knows."""
    if encoding is None:
        encoding = locale.getpreferredencoding(False)
    if not isinstance(encoding, str):
        return None
    try:
        return NATIVE.get(codecs.lookup(encoding).name)
    except LookupError:
        return None


def check_magic(path, opener):
    """A compressed file by its name must be one: the library goes by what is in it."""
    with open(path, "rb") as file:
        known = re.match(MAGIC.get(os.path.splitext(path)[1], b""), file.read(16))
    if not known:
        with contextlib.closing(opener(path, "rb")) as file:
            file.read(1)


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
