"""What was measured, as JSON, and the few numbers that tables and plots take from it. Standard library only.

    {"machine": machine.describe(), "options": {"scale": 1, "runs": 5, ...}, "notes": [text],
     "rows": {ROW: {RACE: {"title", "files", "rows", "columns", "text_mb", "recipes": {NAME: recipe}}}}}
    recipe = {"title", "kind": "own" | "peer" | "limit", "state": "ok" or why there are no runs,
              "runs": [{"wall", "cpu", "largest_mb", "others", ...}], "tree_mb": peak of all its processes}
"""
import json
import os
import statistics


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def save(path, results):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".part", "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    os.replace(path + ".part", path)


def values(recipe, key=None):
    """One number of each run; the recipe's seconds if none is named."""
    key = key or recipe.get("metric", "wall")
    return [run[key] for run in recipe["runs"] if key in run]


def median(recipe, key=None):
    """Of a recipe's runs; None if there are none."""
    found = values(recipe, key)
    return statistics.median(found) if found else None


def spread(recipe, key=None):
    """(least, most) of a recipe's runs; None if there are none."""
    found = values(recipe, key)
    return (min(found), max(found)) if found else None


def ranked(race, kinds=("own", "peer")):
    """(name, recipe) of those that have a time, the fastest first."""
    found = [(name, r) for name, r in race["recipes"].items() if r["kind"] in kinds and median(r) is not None]
    return sorted(found, key=lambda item: median(item[1]))


def fastest(race, kind):
    """The fastest recipe of a kind; None if there is none."""
    found = ranked(race, (kind,))
    return found[0][1] if found else None


def first_own(race):
    """What ratios are of: ndshm as it is by default."""
    return next((r for r in race["recipes"].values() if r["kind"] == "own" and median(r) is not None), None)


def others(row):
    """Processors that other programs used meanwhile, median over all runs."""
    runs = [run for race in row.values() for recipe in race["recipes"].values() for run in recipe["runs"]]
    found = [run["others"] for run in runs if "others" in run]
    return statistics.median(found) if found else None
