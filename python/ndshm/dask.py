"""Text tables to one HDF5 file on many machines: Dask schedules, each of its workers runs the library on its own files.

Needs `pip install 'ndshm[dask]'`. `import ndshm` does not import Dask; this module does when it is used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._convert import Conversion
from ._errors import WorkersError
from ._progress import Progress, Reporter, reporter
from ._shards import STORAGE, Place, check_names, check_options, checked_dtype, make, split

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["Sharded", "convert"]
# What is wrong with the text, or with what was asked for, is as wrong the second time.
LASTING = (ValueError, TypeError)


@dataclass(frozen=True)
class Sharded(Conversion):
    """What a conversion on many machines made; `shards` are the files that hold the rows, none if there is one file."""

    shards: tuple[str, ...] = ()


def convert(files: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], dtype: DTypeLike, *,
            client: Any = None, shards: str | os.PathLike[str] | None = None, files_per_shard: int | None = None,
            workers: int | None = 1, retries: int = 2, materialize: bool = False, replace: bool = False,
            sync: bool = False, progress: Reporter = None, **options: Any) -> Sharded:
    """Converts text tables to one HDF5 file as `ndshm.convert` does, on the machines of a Dask cluster.

    Each task converts `files_per_shard` files (1, or more if there are over 1000 files) to a shard of their own, and
    verifies it; when all are complete they are joined with checksums as `ndshm.join` does, and `output` is verified.
    Shards `STEM.part-00000.h5`, ... lie beside `output` or in the directory `shards`, and belong to it. With
    `materialize` the rows are copied to one real file, and no shards stay; layout and compression are that file's.

    `client` is a `distributed.Client`, the current one if left out. This process and the workers need the same files
    under the same paths. `dtype` must be given, with widths and units, as types that are found could differ between
    shards. `workers` are the processes that parse in each task, None for as many as the Dask worker has threads: for
    clusters whose workers run one task at a time. Dask makes a shard again whose worker died, and tries `retries` times
    again if it could not be read or written; errors in the text are final. `options` are those of `ndshm.convert`;
    refused is what makes one dataset depend on all files: `append`, `append_rows`, `source_column`, arrange="groups",
    categories without labels. `progress` is told of each shard that is complete.

    An error, Ctrl-C, or a client that is cancelled or closed ends all tasks, and leaves everything as it was. Raises
    what `ndshm.convert` raises, with `file`, `line` and `column`, and `WorkersError` if workers died too often, or
    somebody cancelled the tasks.

    >>> paths = [f"{folder}/{name}.tsv" for name in "ab"]
    >>> for path in paths:
    ...     np.savetxt(path, [[1, 2], [3, 4]], fmt="%d")
    >>> made = ndshm.dask.convert(paths, folder + "/all.h5", dtype="i4", dataset="t", client=client)
    >>> made.rows, made.datasets, len(made.shards)
    (4, 1, 2)
    """
    text = checked_dtype(dtype)
    check_options(text, options)
    lists = split(files, files_per_shard)
    single = options.get("dataset") is not None
    if not single:
        check_names([path for paths in lists for path in paths])
    storage = {name: options.pop(name) for name in STORAGE if materialize and name in options}
    cluster = connected(client)
    place = Place.of(output, shards, len(lists), materialize, replace)
    futures: list[Any] = []
    try:
        futures += submitted(cluster, lists, place, (text, options, workers), retries)
        done = gathered(futures, lists, progress)
        made = place.join(materialize, replace, sync, None if single else sum(part.datasets for part in done), storage)
    finally:
        cancel(cluster, futures)
        place.clear()
    return Sharded(sum(part.rows for part in done), made.datasets, made.nbytes, sum(part.bad_rows for part in done),
                   [message for part in done for message in part.bad_row_messages][:10], tuple(place.shards))


def connected(client: Any) -> Any:
    """The client, or the current one."""
    try:
        import distributed
    except ImportError as error:
        raise ImportError("ndshm.dask needs Dask: pip install 'ndshm[dask]'") from error
    found = distributed.get_client() if client is None else client
    if getattr(found, "asynchronous", True):
        raise TypeError(f"client must be a distributed.Client that is not asynchronous, not {type(found).__name__}")
    return found


def submitted(client: Any, lists: list[list[str]], place: Place, how: tuple[str, dict[str, Any], int | None],
              retries: int) -> list[Any]:
    """A task for each shard. Its key has the run's folder in it: a task of another run has another one."""
    run = os.path.basename(place.folder).strip(".")
    keys = [f"ndshm-convert-{run}-{number:05}" for number in range(len(lists))]
    return [client.submit(task, files, part, key, *how, key=key, pure=False, retries=retries)
            for files, part, key in zip(lists, place.parts, keys)]


def task(files: list[str], part: str, key: str, dtype: str, options: dict[str, Any], workers: int | None) -> Any:
    """One shard, in a worker of Dask's. Errors that last are returned: Dask would try again."""
    import distributed
    worker = distributed.get_worker()

    def stop(_now: Progress) -> None:
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            raise WorkersError(f"{key} was cancelled")

    try:
        return make(files, part, dtype, options, workers or worker.state.nthreads, stop)
    except LASTING as error:
        return error


def gathered(futures: list[Any], lists: list[list[str]], progress: Reporter) -> list[Conversion]:
    """What the tasks made, in their order. The first error ends it."""
    import distributed
    shown = reporter(progress)
    number_of = {future.key: number for number, future in enumerate(futures)}
    sizes = [sum(map(size_of, files)) for files in lists]
    done: dict[int, Conversion] = {}
    try:
        for future in distributed.as_completed(futures):
            number = number_of[future.key]
            done[number] = result_of(future, lists[number])
            shown.show(Progress(sum(sizes[n] for n in done), sum(sizes), sum(part.rows for part in done.values()),
                                sum(len(lists[n]) for n in done), sum(map(len, lists)),
                                sum(part.bad_rows for part in done.values()), len(done) == len(lists)))
    finally:
        shown.close()
    return [done[number] for number in range(len(lists))]


def size_of(path: str) -> int:
    """Bytes of a file, 0 of what has none."""
    try:
        return os.path.getsize(path)
    except OSError:  # the task says so
        return 0


def result_of(future: Any, files: list[str]) -> Conversion:
    """What a task made."""
    import distributed
    try:
        made = future.result()
    except distributed.KilledWorker as error:
        raise WorkersError(f"{error.allowed_failures + 1} workers of Dask died while they read {', '.join(files):.500}") \
            from error
    except CancelledError as error:
        raise WorkersError("the tasks were cancelled, or the client was closed") from error
    if isinstance(made, Exception):
        raise made
    return made  # type: ignore[no-any-return]


def cancel(client: Any, futures: list[Any]) -> None:
    """Ends the tasks that go on; done ones are forgotten."""
    try:
        client.cancel(futures, force=True)
    except Exception:  # noqa: BLE001 - the client or the cluster is gone, and so are they
        futures.clear()
