"""Where the text comes from: a path that the workers read themselves, or Python objects whose lines are fed to them."""

import codecs
import contextlib
import importlib
import io
import itertools
import os
import re
import stat

from ._errors import name_of
from ._lines import Reader
from ._transcode import Transcoder

# The modules that read compressed files.
PACKERS = {".bz2": "bz2", ".gz": "gzip", ".xz": "lzma", ".lzma": "lzma"}
# What these files begin with.
MAGIC = {".bz2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", ".gz": rb"\x1f\x8b\x08", ".xz": rb"\xfd7zXZ\0"}
# What the library decodes itself, by the names that Python's codecs have.
NATIVE = {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "iso8859-1": "latin1", "ascii": "ascii", "utf-16": "utf-16",
          "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "utf-32": "utf-32", "utf-32-le": "utf-32-le",
          "utf-32-be": "utf-32-be"}


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
        for name in itertools.chain([path], (path + suffix for suffix in PACKERS if not path.endswith(tuple(PACKERS)))):
            if os.path.exists(name):
                return name
    raise FileNotFoundError(f"{path} not found.")


def open_path(fname, encoding):
    path = find(fname)
    opener = opener_of(path)
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


def opener_of(path):
    """What opens a file of this name."""
    packer = PACKERS.get(os.path.splitext(path)[1])
    return open if packer is None else importlib.import_module(packer).open


def native_name(encoding):
    """What the library calls an encoding; None for one that only Python knows."""
    if encoding is None:
        encoding = io.TextIOWrapper(io.BytesIO()).encoding  # that of `open`
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
