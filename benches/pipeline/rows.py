"""The rows of the evidence: what races against what, as commands. Standard library only."""
import glob
import os
import subprocess
import sys

from . import machine
from .turns import Race, Recipe
from .workloads import workload

WHOLE = ["numpy-mp", "pandas", "pandas-mp", "polars", "polars-mp", "pyarrow", "pyarrow-mp", "duckdb"]
ARRAY = ["numpy", "pandas", "polars", "pyarrow", "duckdb"]
PACKED = ["polars-gzip", "polars-zlib", "polars-isal"]
GROWTH = ["numpy-mp", "pandas", "polars", "pyarrow"]
THREADED = ["polars", "pyarrow"]
# What ndshm is asked for beside the rest, in the gzip row.
STORAGE = {"": ["--compress", "gzip:4"], " --layout columns": ["--compress", "gzip:4", "--layout", "columns"]}
WAYS = {
    "": "{} + h5py",
    "mp": "{} + SharedMemory + queue + h5py, one process per file",
    "gzip": "{} + h5py, its gzip 4 and shuffle",
    "zlib": "{} + zlib 4 in threads + h5py, write_direct_chunk",
    "isal": "{} + isal 3 in threads + h5py, write_direct_chunk",
}
SHARED_WAYS = {"": "{} + SharedMemory", "mp": "{} + SharedMemory, one process per file"}
CALLS = {"numpy": "np.loadtxt", "pandas": "pandas.read_csv", "polars": "polars.read_csv", "pyarrow": "pyarrow.csv",
         "duckdb": "duckdb read_csv"}
# Text of this share of the memory that is free still fits, with all that its readers make of it.
FITS = 0.2


def needs_of(library):
    return {"duckdb": ("numpy", "duckdb", "pyarrow"), "ndshm": ("numpy",)}.get(library, ("numpy", library))


def python(module, *words):
    return [sys.executable, "-B", "-m", f"pipeline.{module}", *map(str, words)]


class Rows:
    """Makes the races of each row. `options` are those of the command line."""

    def __init__(self, options):
        self.options = options
        self.scale, self.folder = options.scale, options.folder
        self.out = os.path.join(options.out, f"bench-{os.getpid()}.h5")
        self.name = f"ndshm-bench-{os.getpid()}"

    # -------------------------------------------------------------- pieces

    def work(self, key):
        return workload(key, self.scale)

    def wanted(self, names):
        """Those that --recipes names; all if it names none."""
        chosen = self.options.recipes
        return [name for name in names if not chosen or name in chosen]

    def binaries(self):
        return self.options.binaries if not self.options.recipes or "ndshm" in self.options.recipes else {}

    def place(self, key):
        return key, repr(self.scale), self.folder

    def text_options(self, work):
        return ["--dtype", work.dtype_text(), "--delimiter", work.delimiter, "--quiet"]

    def remove_file(self):
        for path in [self.out, *glob.glob(glob.escape(self.out) + "*")]:
            if os.path.exists(path):
                os.unlink(path)

    def remove_shared(self):
        for path in glob.glob(f"/dev/shm/{self.name}*"):
            os.unlink(path)
        for binary in self.options.binaries.values():
            subprocess.run([binary, "rm", self.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def file_list(self, work):
        """The names of many files, in a file, as no command line takes them all."""
        path = os.path.join(self.options.out, "files0")
        with open(path, "wb") as f:
            f.write(b"".join(p.encode() + b"\0" for p in work.paths(self.folder)))
        return path

    # -------------------------------------------------------------- recipes

    def own_state(self, binary):
        return "ok" if os.path.exists(binary) else f"not built: {binary}"

    def convert(self, work, key, binary, more=(), title="ndshm convert"):
        command = [binary, "convert", *work.paths(self.folder), "-o", self.out, *self.text_options(work), *more]
        return Recipe(title, command, "own", ("numpy", "h5py"), python("equal", "hdf5", *self.place(key), self.out),
                      output=self.out, clean=self.remove_file, state=self.own_state(binary))

    def load(self, work, key, binary, more=(), title="ndshm load"):
        inputs = work.paths(self.folder) if len(work.files) < 100 else ["--files-from0", self.file_list(work)]
        command = [binary, "load", *inputs, "--name", self.name, *self.text_options(work), *more]
        return Recipe(title, command, "own", ("numpy",), python("equal", "segment", *self.place(key), self.name),
                      clean=self.remove_shared, state=self.own_state(binary))

    def to_hdf5(self, recipe, key, threads=None):
        library, _, way = recipe.partition("-")
        more = ["--threads", threads] if threads else []
        needs = (*needs_of(library), "h5py", *(["isal"] if way == "isal" else []))
        return Recipe(WAYS[way].format(CALLS[library]),
                      python("recipes", *more, "hdf5", recipe, *self.place(key), self.out), "peer", needs,
                      python("equal", "hdf5", *self.place(key), self.out), output=self.out, clean=self.remove_file)

    def to_segment(self, recipe, key):
        library, _, way = recipe.partition("-")
        return Recipe(SHARED_WAYS[way].format(CALLS[library]),
                      python("recipes", "segment", recipe, *self.place(key), self.name), "peer", needs_of(library),
                      python("equal", "blocks", *self.place(key), self.name), clean=self.remove_shared)

    def to_array(self, library, key):
        own = library == "ndshm"
        command = python("recipes", "array", library, *self.place(key))
        state = self.own_state(self.options.library) if own else "ok"
        return Recipe("ndshm.loadtxt" if own else CALLS[library], command, "own" if own else "peer", needs_of(library),
                      [*command, "--check"], alone=True, state=state)

    def limits(self, work, target, clean):
        """By one process, and by as many as there are processors."""
        out = {}
        for processes in sorted({1, machine.CORES}):
            command = python("limit", processes, target, work.array_bytes(), *work.paths(self.folder))
            title = f"copy limit, {processes} process{'es' * (processes > 1)}"
            out[f"limit-{processes}"] = Recipe(title, command, "limit", clean=clean, metric="work")
        return out

    # -------------------------------------------------------------- rows of several races

    def race(self, key, recipes):
        work = self.work(key)
        return Race(key, work.title, work, recipes)

    def array(self):
        for key in self.options.workloads:
            libraries = (["ndshm"] if self.binaries() else []) + self.wanted(ARRAY)
            recipes = {library: self.to_array(library, key) for library in libraries}
            yield self.race(key, {**recipes, **self.limits(self.work(key), "-", lambda: None)})

    def segment(self):
        for key in self.options.workloads:
            work = self.work(key)
            recipes = {name: self.load(work, key, binary, title=f"{name} load") for name, binary in self.binaries().items()}
            recipes.update((r, self.to_segment(r, key)) for r in self.usual(WHOLE, work))
            target = f"/dev/shm/{self.name}-limit"
            yield self.race(key, {**recipes, **self.limits(work, target, self.remove_shared)})

    def usual(self, recipes, work):
        """A process per file is for several files; of np.loadtxt, which has no threads, it is the only way."""
        return [r for r in self.wanted(recipes) if r == "numpy-mp" or len(work.files) > 1 or not r.endswith("-mp")]

    def hdf5(self):
        for key in self.options.workloads:
            work = self.work(key)
            recipes = {n: self.convert(work, key, b, title=f"{n} convert") for n, b in self.binaries().items()}
            recipes.update((r, self.to_hdf5(r, key)) for r in self.usual(WHOLE, work))
            yield self.race(key, {**recipes, **self.limits(work, self.out, self.remove_file)})

    def gzip(self):
        for key in self.options.workloads:
            work, recipes = self.work(key), {}
            for name, binary in self.binaries().items():
                for more, options in STORAGE.items():
                    if work.fields or not more:  # a table without fields has no columns that could be datasets
                        recipes[name + more] = self.convert(work, key, binary, options, f"{name} convert{more}")
            recipes.update((r, self.to_hdf5(r, key)) for r in self.wanted(PACKED))
            yield self.race(key, recipes)

    def small(self):
        for key in ("many", "ten"):
            work = self.work(key)
            recipes = {name: self.load(work, key, binary, title=f"{name} load") for name, binary in self.binaries().items()}
            libraries = (["ndshm"] if self.binaries() else []) + self.wanted(ARRAY)
            recipes.update(("loadtxt" if library == "ndshm" else library, self.to_array(library, key))
                           for library in libraries)
            yield self.race(key, recipes)

    def workers(self):
        counts = sorted({n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < machine.CORES} | {machine.CORES})
        for key in self.options.workloads:
            work, recipes = self.work(key), {}
            for n in counts:
                for name, binary in self.binaries().items():
                    recipes[f"{name}@{n}"] = self.convert(work, key, binary, ["--workers", str(n)], f"{name} convert")
                for library in self.wanted(THREADED):
                    recipes[f"{library}@{n}"] = self.to_hdf5(library, key, n)
            yield self.race(key, recipes)

    def growth_race(self, key):
        work = self.work(key)
        recipes = {n: self.convert(work, key, b, title=f"{n} convert") for n, b in self.binaries().items()}
        for recipe in self.wanted(GROWTH):
            recipes[recipe] = self.to_hdf5(recipe, key)
            if self.too_large(float(key[len("grow"):])):
                recipes[recipe].state = "left out: it may not fit the memory"
        *_, (most, limit) = self.limits(work, self.out, self.remove_file).items()
        return self.race(key, {**recipes, most: limit})

    @staticmethod
    def too_large(megabytes):
        return megabytes > FITS * machine.available_mb()


RACES = ["array", "segment", "hdf5", "gzip", "small", "workers", "growth"]
OTHERS = ["handoff", "attach", "native"]
ROWS = RACES + OTHERS
# What is shown of several rows together; in --only, a view's name stands for its rows.
VIEWS = {"limit": ["array", "segment", "hdf5"], "memory": ["array", "segment", "hdf5", "gzip"],
         "summary": ["array", "hdf5", "gzip"]}
