"""The plots, from results, as SVG: the same results give the same bytes. Needs matplotlib."""
import math
import os

import matplotlib

from . import results as res
from . import tables

matplotlib.use("svg")
import matplotlib.pyplot as plt

OWN, PEER, LIMIT = "#c8400f", "#8797a8", "#4a5562"
LINES = {"ndshm": OWN, "numpy": "#6b7f2a", "pandas": "#7a4fa3", "polars": "#1f6fb2", "pyarrow": "#2a8a7a",
         "duckdb": "#b08a00"}
STYLE = {
    "svg.hashsalt": "ndshm", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "axes.titlesize": 10,
    "font.sans-serif": ["DejaVu Sans"], "figure.facecolor": "white", "axes.facecolor": "white",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#e3e6ea", "grid.linewidth": 0.8, "axes.edgecolor": "#9aa4ae", "text.color": "#1b2126",
    "axes.labelcolor": "#1b2126", "xtick.color": "#3a444d", "ytick.color": "#3a444d", "legend.frameon": False,
}
COLORS = {"own": OWN, "peer": PEER, "limit": LIMIT}


def footer(figure, results):
    """Where it was measured, small, below."""
    m = results["machine"]
    version = f"ndshm {m['versions'].get('ndshm', '')}"
    words = f"{m['processor']}, {m['cores']} cores; {version}, commit {m['commit']}, {m['date']}"
    figure.supxlabel(words, x=0.99, ha="right", fontsize=7, color="#6b757e")


def save(figure, folder, name, results):
    footer(figure, results)
    figure.savefig(os.path.join(folder, name), metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return name


def library(name):
    """numpy-mp, polars@2 and 'ndshm --layout columns' are variants of one thing."""
    return name.replace("@", "-").replace(" ", "-").split("-")[0]


def label(name):
    """A recipe's name as an axis has room for it."""
    if name.startswith("limit-"):
        processes = int(name[len("limit-"):])
        return f"copy limit, {processes} process{'es' * (processes > 1)}"
    return name.replace("numpy", "np.loadtxt").replace("-mp", ", processes")


# ------------------------------------------------------------------ bars of one row: time


def bars(axes, race):
    """Horizontal bars, the shortest on top, each with its number; a line from the least to the most."""
    found = [(name, r) for name, r in race["recipes"].items() if res.median(r) is not None]
    found.sort(key=lambda item: res.median(item[1]))
    for place, (_, recipe) in enumerate(found):
        middle, (low, high) = res.median(recipe), res.spread(recipe)
        axes.barh(place, middle, color=COLORS[recipe["kind"]], height=0.68)
        axes.plot([low, high], [place, place], color="#1b2126", linewidth=1)
        axes.annotate(tables.seconds(middle), (max(high, middle), place), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=8)
    axes.set_yticks(range(len(found)), [label(name) for name, _ in found])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.16)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds, whole process")
    axes.set_title(f"{race['title']}, {tables.megabytes(race)} MB", loc="left")


def time_plot(results, row, folder):
    races = list(results["rows"][row].values())
    most = max(len(race["recipes"]) for race in races)
    figure, axes = plt.subplots(1, len(races), figsize=(4.2 * len(races), 1.1 + 0.27 * most), layout="constrained",
                                squeeze=False)
    for axis, race in zip(axes[0], races):
        bars(axis, race)
    return save(figure, folder, f"time-{row}.svg", results)


# ------------------------------------------------------------------ dots of many rows: speed, memory, limit


def dots(results, rows, value, xlabel, name, folder):
    """A line for each race; a dot for each recipe, in its library's colour, the larger ones ndshm's."""
    races = [(f"{tables.KINDS[row]}: {race['title']}", race) for row in rows for race in results["rows"][row].values()]
    figure, axis = plt.subplots(figsize=(8.4, 1.2 + 0.36 * len(races)), layout="constrained")
    for place, (_, race) in enumerate(races):
        marks = [(library(n), r["kind"], value(r, race)) for n, r in race["recipes"].items()]
        for who, kind, number in marks:
            if number:
                axis.plot(number, place, "o" if kind != "limit" else "|", color=LINES.get(who, LIMIT),
                          markersize=9 if kind != "peer" else 6, alpha=1 if kind != "peer" else 0.8, zorder=3)
    if value is limits_away:
        axis.axvline(1, color=LIMIT, linewidth=1.4)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda number, _: f"{number:g}")
    axis.set_yticks(range(len(races)), [title for title, _ in races])
    axis.set_ylim(len(races) - 0.5, -0.5)
    axis.set_xlabel(xlabel)
    seen = {library(n) for _, race in races for n, r in race["recipes"].items() if value(r, race)}
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=color, label=who.replace("numpy", "np.loadtxt"))
               for who, color in LINES.items() if who in seen]
    if "limit" in seen:
        handles.append(plt.Line2D([], [], marker="|", linestyle="", color=LIMIT, markersize=9, label="copy limit"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return save(figure, folder, name, results)


def megabytes_a_second(recipe, race):
    middle = res.median(recipe)
    return middle and race["text_mb"] / middle


def limits_away(recipe, race):
    limit, middle = res.fastest(race, "limit"), res.median(recipe)
    return middle and limit and recipe["kind"] != "limit" and middle / res.median(limit)


def tree(recipe, race):
    return recipe.get("tree_mb")


# ------------------------------------------------------------------ lines: workers, growth


def named_lines(axis, series):
    """Lines with their names at the right end, moved apart where they would lie on each other."""
    ends = []
    axis.set_yscale("log")
    axis.margins(y=0.12)
    for who, xs, ys, text in series:
        axis.plot(xs, ys, marker="o", markersize=4, linewidth=2 if who == "ndshm" else 1.4, color=LINES.get(who, PEER))
        ends.append((math.log(ys[-1]), xs[-1], who, text))
    low, high = axis.get_ylim()
    apart = (math.log(high) - math.log(low)) * 0.06
    last = -math.inf
    for at, x, who, text in sorted(ends):
        place = max(at, last + apart)
        axis.annotate(text, (x, math.exp(place)), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8,
                      color=LINES.get(who, PEER))
        last = place
    axis.set_ylim(low, max(high, math.exp(last + apart)))


def workers_plot(results, folder):
    races = list(results["rows"]["workers"].values())
    figure, axes = plt.subplots(1, len(races), figsize=(3.6 * len(races), 3.2), layout="constrained", squeeze=False)
    for axis, race in zip(axes[0], races):
        series = []
        for name in dict.fromkeys(n.split("@")[0] for n in race["recipes"]):
            points = sorted((int(n.split("@")[1]), megabytes_a_second(r, race)) for n, r in race["recipes"].items()
                            if n.split("@")[0] == name and res.median(r) is not None)
            if points:
                series.append((library(name), [p[0] for p in points], [p[1] for p in points], name))
        named_lines(axis, series)
        counts = sorted({x for _, xs, _, _ in series for x in xs})
        axis.set_xticks(counts, [str(n) for n in counts])
        axis.margins(x=0.3)
        axis.yaxis.set_major_formatter(lambda number, _: f"{number:g}")
        axis.yaxis.set_minor_formatter(lambda number, _: "")
        axis.set_xlabel("workers or threads")
        axis.set_ylabel("MB of text a second")
        axis.set_title(race["title"], loc="left")
    return save(figure, folder, "workers.svg", results)


def growth_plot(results, folder):
    races = list(results["rows"]["growth"].values())
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    values = [(lambda r: res.median(r), "seconds, whole process"), (lambda r: r.get("tree_mb"), "peak memory, MB")]
    for axis, (value, ylabel) in zip(axes, values):
        series = []
        for name in dict.fromkeys(n for race in races for n in race["recipes"]):
            points = [(race["text_mb"], value(race["recipes"][name])) for race in races
                      if name in race["recipes"] and value(race["recipes"][name])]
            if points:
                series.append((library(name), [p[0] for p in points], [p[1] for p in points], label(name)))
        axis.set_xscale("log")
        named_lines(axis, series)
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(lambda number, _: f"{number:g}")
        axis.margins(x=0.22)
        axis.set_xlabel("MB of text")
        axis.set_ylabel(ylabel)
    return save(figure, folder, "growth.svg", results)


# ------------------------------------------------------------------ all of them


def write(results, folder):
    """Every plot whose rows were measured; their names."""
    os.makedirs(folder, exist_ok=True)
    there, out = results["rows"], []
    text = [row for row in ("array", "segment", "hdf5", "gzip") if there.get(row)]
    with plt.rc_context(STYLE):
        out += [time_plot(results, row, folder) for row in text]
        if len(text) == 4:
            out.append(dots(results, text, megabytes_a_second, "MB of text a second, whole process (more is better)",
                            "speed.svg", folder))
            out.append(dots(results, text, tree, "peak memory of all processes, MB (less is better)", "memory.svg", folder))
        if {"array", "segment", "hdf5"} <= set(text):
            out.append(dots(results, text[:3], limits_away, "time as a multiple of the copy limit (1 is the limit)",
                            "limit.svg", folder))
        if there.get("workers"):
            out.append(workers_plot(results, folder))
        if there.get("growth"):
            out.append(growth_plot(results, folder))
    return out
