"""One process makes an array and may end; another one takes it over by its name."""

import multiprocessing
import os

import numpy as np

import ndshm


def produce(name: str) -> None:
    """Makes a (1000, 3) float64 array, and ends."""
    with ndshm.create(name, (1000, 3), "f8", policy="handoff") as made:
        made.array[:] = np.random.default_rng(1).random((1000, 3))
        made.publish()


def main() -> None:
    name = f"example-{os.getpid()}"
    producer = multiprocessing.get_context("spawn").Process(target=produce, args=(name,))
    producer.start()
    with ndshm.attach(name, timeout=30) as seen:
        producer.join()
        print(seen)
        print("means of the columns:", seen.array.mean(axis=0).round(3))
    assert not [found for found in ndshm.ls() if found.name == name], "the last one takes the name with it"


if __name__ == "__main__":
    main()
