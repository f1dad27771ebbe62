#!/usr/bin/env python3
"""The arrays that `ndshm.loadtxt` gives: what they show, how long it lives, what interrupts a load."""
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import ndshm  # noqa: E402
import numpy as np  # noqa: E402


def mappings():
    """How many segments this process has mapped, and how many descriptors it has open."""
    gc.collect()
    with open("/proc/self/maps") as f:
        return sum("memfd:" in line for line in f), len(os.listdir("/proc/self/fd"))


class Arrays(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "table.txt")
        with open(self.path, "w") as f:
            f.writelines(f"{i} {i / 2}\n" for i in range(1000))

    def test_a_view_keeps_the_segment_and_the_last_one_takes_it_away(self):
        before = mappings()
        array = ndshm.loadtxt(self.path)
        self.assertGreater(mappings(), before)
        column = array[:, 1]
        del array
        self.assertEqual(column.sum(), 999 * 1000 / 4)
        self.assertGreater(mappings(), before)
        del column
        self.assertEqual(mappings(), before)

    def test_it_shows_shared_memory_and_can_be_changed(self):
        array = ndshm.loadtxt(self.path)
        self.assertFalse(array.flags.owndata)
        array[0] = 7
        if os.fork() == 0:
            array[1] = 8
            os._exit(0)
        os.wait()
        self.assertEqual(array[:2].tolist(), [[7, 7], [8, 8]])

    def test_errors_leave_nothing(self):
        before = mappings()
        for _ in range(3):
            with self.assertRaises(ValueError):
                ndshm.loadtxt(self.path, dtype="i4")
            with self.assertRaises(ZeroDivisionError):
                ndshm.loadtxt(str(1 // (i - 5)) for i in range(9))
        self.assertEqual(mappings(), before)

    def test_no_workers_are_left(self):
        ndshm.loadtxt(self.path, workers=4, chunk_bytes=100)
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_pipes_are_read(self):
        fifo = self.path + ".fifo"
        os.mkfifo(fifo)
        with subprocess.Popen(["cp", self.path, fifo]):
            np.testing.assert_array_equal(ndshm.loadtxt(fifo), np.loadtxt(self.path))

    def test_ctrl_c_ends_a_load(self):
        fifo = self.path + ".fifo"
        os.mkfifo(fifo)
        code = f"import sys; sys.path[:0] = {sys.path!r}; import ndshm; print(1, flush=True); ndshm.loadtxt({fifo!r})"
        writer = os.open(fifo, os.O_RDWR)
        os.write(writer, b"1 2\n")
        reading = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        reading.stdout.readline()
        while reading.poll() is None:
            time.sleep(0.2)
            reading.send_signal(signal.SIGINT)
        self.assertIn(b"KeyboardInterrupt", reading.communicate()[1])
        os.close(writer)

    def test_the_process_may_end_with_arrays(self):
        code = f"import sys; sys.path[:0] = {sys.path!r}; import ndshm; kept = ndshm.loadtxt({self.path!r})"
        subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    unittest.main()
