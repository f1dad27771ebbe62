"""What the tests share: names of their own, folders, processes."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent
# What a program of the tests begins with; with NDSHM_INSTALLED the package that is installed is tested.
PATH = "" if "NDSHM_INSTALLED" in os.environ else f"import sys; sys.path.insert(0, {str(PACKAGE)!r})\n"
exec(PATH)

import ndshm  # noqa: E402

NUMBERS = itertools.count()

# A shell starts background jobs with SIGINT ignored, which what they start would inherit.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Child(subprocess.Popen):
    """A process whose end is not waited for by a test that failed."""

    def __exit__(self, failure, *rest):
        if failure is not None:
            self.kill()
        super().__exit__(failure, *rest)


@pytest.fixture
def name():
    """A segment's name that nobody else has; it is gone afterwards."""
    made = f"pytest-{os.getpid()}-{next(NUMBERS)}"
    yield made
    left = [segment.name for segment in ndshm.ls() if segment.name.startswith(made)]
    for segment in left:
        ndshm.unlink(segment)


@pytest.fixture
def python():
    """Runs a program in another Python, with `ndshm` and `np` imported; what it prints."""
    def run(code, *arguments, check=True, timeout=60):
        program = PATH + "import ndshm, sys\nimport numpy as np\n" + textwrap.dedent(code)
        done = subprocess.run([sys.executable, "-X", "faulthandler", "-B", "-c", program, *map(str, arguments)],
                              capture_output=True, text=True, timeout=timeout, check=False)
        if check:
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""
        return done.stdout if check else done
    return run


@pytest.fixture
def folder(tmp_path):
    """A folder of the test's own."""
    return tmp_path
