"""Where the text comes from: a path that the workers read themselves, or Python objects whose lines are fed to them."""

import bz2
import codecs
import contextlib
import gzip
import io
import itertools
import locale
import lzma
import os

OPENERS = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open, ".lzma": lzma.open}
# What the library decodes itself, by the names that Python's codecs have.
NATIVE = {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "iso8859-1": "latin1", "ascii": "ascii", "utf-16": "utf-16",
          "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "utf-32": "utf-32", "utf-32-le": "utf-32-le",
          "utf-32-be": "utf-32-be"}
# Lines that are fed at once.
BATCH = 4096


class Source:
    """Text for the library: a path, or a function that gives bytes. It is closed when the text has been read."""

    def __init__(self, path=None, read=None, encoding="utf-8", retry=None, close=None):
        self.path, self.read, self.encoding = path, read, encoding
        self.retry, self.close = retry or (lambda: None), close or (lambda: None)


def open_source(fname, encoding, quotechar):
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
    whole = isinstance(fname, io.IOBase) or not isinstance(quotechar, str)
    return Source(read=Reader(encoded(lines, encoding, quotechar, whole)))


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

    def retry():
        # Python's own reader says in its own words what is wrong with the file.
        with contextlib.closing(opener(path, "rt", encoding=encoding)) as file:
            while file.read(1 << 14):
                pass

    if name is None:
        file = opener(path, "rt", encoding=encoding)
        return Source(read=Reader(encoded(file, None, None, True)), close=file.close)
    check_magic(path, opener)
    return Source(path=path, encoding=name, retry=retry)


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
    if opener is not open:
        with contextlib.closing(opener(path, "rb")) as file:
            file.read(1)


class Reader:
    """A function of the library's kind that gives what an iterator of bytes gives. Errors wait until it is over."""

    def __init__(self, blocks):
        self.blocks, self.rest, self.error = blocks, memoryview(b""), None

    def __call__(self, size):
        try:
            while not self.rest:
                self.rest = memoryview(next(self.blocks))
        except StopIteration:
            return b""
        out, self.rest = self.rest[:size], self.rest[size:]
        return out


def encoded(lines, encoding, quotechar, whole):
    """The lines as UTF-8, many at once."""
    lines = iter(lines)
    while batch := list(itertools.islice(lines, BATCH)):
        good, error = checked(batch, encoding, quotechar, whole)
        yield "".join(good).encode()
        if error is not None:
            raise error


def checked(batch, encoding, quotechar, whole):
    """The lines of a batch with their ends, up to the first that is none, and what is wrong with that."""
    out = []
    for line in batch:
        try:
            out.append(as_line(line, encoding, quotechar))
        except (TypeError, ValueError) as error:
            return out, error
    return out, None


def as_line(line, encoding, quotechar):
    if isinstance(line, bytes):
        line = line.decode(encoding)
    elif not isinstance(line, str):
        raise TypeError("non-string returned while reading data")
    body = line.removesuffix("\n").removesuffix("\r")
    if ("\n" in body or "\r" in body) and not (quotechar and quotechar in body):
        raise ValueError("Found an unquoted embedded newline within a single line of input.  "
                         "This is currently not supported.")
    return body + "\n"
