"""Runs whole processes: one timed, and those of a race in turns. Standard library only.

Before a recipe is timed it has run once, and its result was compared with the exact values; a wrong result is not
timed. Then one more run shows its memory. Then all take turns (A B C, A B C, ...), so that a slow minute of the
machine falls on all of them. A recipe that cannot run says why, and the others go on.
"""
import os
import sys
from dataclasses import dataclass, field
from typing import Callable, Optional

from . import memory
from .process import ask, timed

MOST_ULP = 1  # a peer that is off by this much in the last place is timed, with a note


@dataclass
class Recipe:
    """A command to be timed, and how one knows that its result is right."""

    title: str
    command: list
    kind: str = "peer"  # own, peer, limit
    needs: tuple = ()  # libraries
    check: Optional[list] = None  # prints what was different; runs after the command, or, if `alone`, instead of it
    alone: bool = False
    output: Optional[str] = None  # a file whose size counts
    clean: Callable = lambda: None
    metric: str = "wall"
    state: str = "ok"
    runs: list = field(default_factory=list)
    tree_mb: Optional[float] = None

    def kept(self):
        """As the results have it."""
        out = {"title": self.title, "kind": self.kind, "state": self.state, "runs": self.runs}
        if self.metric != "wall":
            out["metric"] = self.metric
        if self.tree_mb is not None:
            out["tree_mb"] = round(self.tree_mb, 1)
        return out


@dataclass
class Race:
    """Recipes that make the same of the same text."""

    key: str
    title: str
    work: object
    recipes: dict


class Track:
    """Where races are run: what is installed, how often, and what was noted."""

    def __init__(self, env, installed, runs, limit=600.0, weigh=2, say=None):
        self.env, self.installed, self.runs, self.limit, self.weigh = env, installed, runs, limit, weigh
        self.say = say or (lambda text: print(text, file=sys.stderr, flush=True))
        self.notes = []

    def run(self, race):
        """Verifies, weighs and times; the race as the results have it."""
        for name, recipe in race.recipes.items():
            self.verify(race, name, recipe)
            self.measure_memory(recipe)
        for number in range(self.runs):
            for name, recipe in race.recipes.items():
                if recipe.state == "ok":
                    self.one_turn(race, name, recipe, number)
        return {"title": race.title, "recipes": {name: recipe.kept() for name, recipe in race.recipes.items()}}

    def verify(self, race, name, recipe):
        """Runs once (this is the warm-up) and compares the result; says in `state` whether it may be timed."""
        missing = [library for library in recipe.needs if library not in self.installed]
        if recipe.state == "ok" and missing:
            recipe.state = f"not installed: {', '.join(missing)}"
        if recipe.state != "ok":
            self.say(f"{race.key}: {name}: {recipe.state}")
            return
        recipe.clean()
        try:
            if not recipe.alone:
                self.first_run(recipe)
            result = ask(recipe.check, self.env, self.limit) if recipe.check else {"different": 0, "ulp": 0}
        except (RuntimeError, OSError) as error:
            recipe.state = f"failed: {error}"
        else:
            recipe.state = self.judge(race, recipe, result)
        finally:
            recipe.clean()
        if recipe.state != "ok":
            self.say(f"{race.key}: {name}: {recipe.state}")

    def judge(self, race, recipe, result):
        if result.get("fault") or "different" not in result:
            return f"wrong: {result.get('fault', 'its check said nothing')}"
        if result["different"]:
            words = f"{result['different']:,} values differ by up to {result['ulp']} in the last place"
            self.notes.append(f"{race.title}: {recipe.title}: {words}")
            if recipe.kind != "peer" or result["ulp"] > MOST_ULP:
                return f"wrong: {words}"
        return "ok"

    def weighs(self, recipe):
        return self.weigh and recipe.kind != "limit"

    def first_run(self, recipe):
        """What is verified; its memory counts, as it is not timed."""
        if self.weighs(recipe):
            recipe.tree_mb = memory.peak_mb(recipe.command, self.env, self.limit)
        else:
            timed(recipe.command, self.env, self.limit)

    def measure_memory(self, recipe):
        """The runs that are still to be weighed: the most of all counts."""
        if recipe.state != "ok" or not self.weighs(recipe):
            return
        try:
            for _ in range(self.weigh - (recipe.tree_mb is not None)):
                recipe.tree_mb = max(recipe.tree_mb or 0.0, memory.peak_mb(recipe.command, self.env, self.limit))
                recipe.clean()
        except (RuntimeError, OSError) as error:
            self.notes.append(f"{recipe.title}: no memory: {error}")
        finally:
            recipe.clean()

    def one_turn(self, race, name, recipe, number):
        try:
            result = timed(recipe.command, self.env, self.limit)
            if recipe.output:
                result["file_mb"] = round(os.path.getsize(recipe.output) / 1e6, 3)
            recipe.runs.append(result)
            self.say(f"{race.key} {number + 1:2d} {name:16s} {result[recipe.metric]:8.3f} s")
        except (RuntimeError, OSError) as error:
            recipe.state, recipe.runs = f"failed: {error}", []
            self.say(f"{race.key} {number + 1:2d} {name}: {recipe.state}")
        finally:
            recipe.clean()
