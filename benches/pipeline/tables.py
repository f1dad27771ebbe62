"""The tables, from results, as Markdown. Standard library only."""
from . import machine, native
from . import results as res

TITLES = {
    "machine": "The machine", "hdf5": "Text to HDF5", "gzip": "Compressed", "array": "Text to an array, from Python",
    "segment": "Text to a segment", "small": "Small files", "workers": "Workers", "growth": "From 1 MB to several GB",
    "limit": "Distance to the copy limit", "memory": "Peak memory", "handoff": "Handing an array on",
    "attach": "Attaching",
}
KINDS = {"array": "text to array", "segment": "text to segment", "hdf5": "text to HDF5", "gzip": "text to HDF5, gzip"}
PEERS = {"numpy": "np.loadtxt", "pandas": "pandas", "polars": "polars", "pyarrow": "pyarrow", "duckdb": "duckdb"}


def titles():
    """Every place of a document, and its heading."""
    return {**TITLES, **{f"native-{name}": f"cargo bench: {name}" for name in native.BENCHES}}


def grid(head, lines):
    """A Markdown table; all columns but the first are numbers."""
    out = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(out + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def seconds(value):
    """Three digits that count, as people read them."""
    return "-" if value is None else f"{value:.4f}" if value < 0.01 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def whole(value):
    return "-" if value is None else f"{value:,.0f}"


def name_of(recipe):
    words = recipe["title"]
    return f"**{words}**" if recipe["kind"] == "own" else f"*{words}*" if recipe["kind"] == "limit" else words


def state_of(recipe):
    """Why there is no time, so that it stands in a cell."""
    return recipe["state"].replace("|", "/").replace("\n", " ")


def span(recipe, key=None):
    ends = res.spread(recipe, key)
    return "-" if ends is None else f"{seconds(ends[0])} - {seconds(ends[1])}"


def ratio(value, base):
    return "-" if not value or not base else f"{value / base:.2f}"


def megabytes(race):
    """Of text, with digits only where there are few."""
    return f"{race['text_mb']:,.{0 if race['text_mb'] >= 10 else 3}f}"


def caption(race):
    count = race["files"]
    return (f"**{race['title']}**: {count:,} file{'s' * (count > 1)}, {race['rows']:,} rows of {race['columns']} columns, "
            f"{megabytes(race)} MB of text")


def how(results, row, ends=True):
    """One line about the runs of a row; `ends`: the fastest and slowest are shown, too."""
    others = res.others(results["rows"][row])
    runs = results["options"]["runs"]
    text = f"Median of {runs} run{'s' * (runs > 1)} taken in turns" + ", and the fastest and slowest of them" * ends
    return text + ("." if others is None else f"; other programs used {others:.2f} processors meanwhile (median).")


def sorted_recipes(race):
    """The fastest first, those without a time last, limits at the end."""
    def key(recipe):
        value = res.median(recipe)
        return recipe["kind"] == "limit", value is None, value or 0
    return sorted(race["recipes"].values(), key=key)


# ------------------------------------------------------------------ one race


def race_table(race, columns):
    """Columns are (title, function of (recipe, race)); a recipe without a time says why."""
    lines = []
    for recipe in sorted_recipes(race):
        if res.median(recipe) is None:
            lines.append([name_of(recipe), state_of(recipe)] + [""] * (len(columns) - 1))
        else:
            lines.append([name_of(recipe)] + [value(recipe, race) for _, value in columns])
    return caption(race) + "\n\n" + grid(["", *[title for title, _ in columns]], lines)


def speed(recipe, race):
    return whole(race["text_mb"] / res.median(recipe))


def against_own(recipe, race):
    own = res.first_own(race)
    return ratio(res.median(recipe), own and res.median(own))


MEDIAN = ("median s", lambda recipe, race: seconds(res.median(recipe)))
SPAN = ("fastest-slowest s", lambda recipe, race: span(recipe))
SPEED = ("MB/s", speed)
CPU = ("CPU s", lambda recipe, race: seconds(res.median(recipe, "cpu")))
TREE = ("memory MB", lambda recipe, race: whole(recipe.get("tree_mb")))
FILE = ("file MB", lambda recipe, race: "-" if res.median(recipe, "file_mb") is None
        else f"{res.median(recipe, 'file_mb'):,.1f}")
AGAINST = ("time / ndshm", against_own)
STEPS = [(title, lambda recipe, race, key=key: seconds(res.median(recipe, key)))
         for title, key in (("import s", "import"), ("text to its table s", "parse"), ("to the array s", "convert"))]
COLUMNS = {
    "hdf5": [MEDIAN, SPAN, SPEED, CPU, TREE, AGAINST],
    "segment": [MEDIAN, SPAN, SPEED, CPU, TREE, AGAINST],
    "gzip": [MEDIAN, SPAN, SPEED, CPU, TREE, FILE, AGAINST],
    "array": [MEDIAN, SPAN, SPEED, *STEPS, TREE, AGAINST],
    "small": [MEDIAN, SPAN, CPU, *STEPS, TREE],
}


def race_row(results, row):
    parts = [how(results, row), ""]
    return "\n".join(parts + [race_table(race, COLUMNS[row]) for race in results["rows"][row].values()])


# ------------------------------------------------------------------ several races in one table


def workers_row(results, row="workers"):
    """Recipes named NAME@N: a line for each name, a column for each N."""
    parts = [how(results, row, ends=False) + " Seconds, and how many times as fast as with one.", ""]
    for race in results["rows"][row].values():
        counts = sorted({int(name.split("@")[1]) for name in race["recipes"]})
        lines = []
        for name in dict.fromkeys(name.split("@")[0] for name in race["recipes"]):
            each = [race["recipes"][f"{name}@{n}"] for n in counts]
            one = res.median(each[0])
            cells = [state_of(r) if res.median(r) is None else
                     seconds(res.median(r)) + (f" ({one / res.median(r):.2f})" if one else "") for r in each]
            lines.append([name_of(each[0]), *cells])
        parts += [caption(race) + "\n", grid(["", *[f"{n} worker{'s' * (n > 1)}" for n in counts]], lines)]
    return "\n".join(parts)


def growth_row(results, row="growth"):
    races = results["rows"][row]
    names = list(dict.fromkeys(name for race in races.values() for name in race["recipes"]))
    head = ["", *[f"{megabytes(race)} MB" for race in races.values()]]
    parts, notes = [how(results, row, ends=False), "", "Seconds:", ""], []
    for race in races.values():
        runs = max((len(recipe["runs"]) for recipe in race["recipes"].values()), default=0)
        if 0 < runs < results["options"]["runs"]:
            notes.append(f"- {race['text_mb']:,.0f} MB: median of {runs} run{'s' * (runs > 1)}")
    for what in ("time", "memory"):
        lines = []
        for name in names:
            each = [race["recipes"].get(name) for race in races.values()]
            one = next(r for r in each if r)
            label = name_of(one)
            if what == "time" or one["kind"] != "limit":
                lines.append([label, *[growth_cell(r, what) for r in each]])
            if what == "time":
                notes += [f"- {label}, {race['text_mb']:,.0f} MB: {state_of(race['recipes'][name])}"
                          for race in races.values() if race["recipes"][name]["state"] != "ok"]
        parts += [grid(head, lines), *([] if what == "memory" else ["Peak memory, MB:", ""])]
    return "\n".join(parts + notes)


def growth_cell(recipe, what):
    if what == "memory":
        return whole(recipe and recipe.get("tree_mb"))
    return seconds(recipe and res.median(recipe))


def handoff_row(results, row="handoff"):
    race = next(iter(results["rows"][row].values()))
    base = next((res.median(r) for r in race["recipes"].values() if r["kind"] == "limit"), None)
    lines = [[name_of(r), seconds(res.median(r)), span(r), ratio(res.median(r), base), "-" if r["kind"] == "limit"
              else seconds(res.median(r, "look")), whole(r.get("tree_mb"))] if res.median(r) is not None
             else [name_of(r), state_of(r), "", "", "", ""] for r in race["recipes"].values()]
    head = ["from child to parent", "median s", "fastest-slowest s", "time / stores", "parent's first sum s", "memory MB"]
    return "\n".join([f"{race['title']}. {how(results, row)}", "", grid(head, lines)])


def attach_row(results, row="attach"):
    race = next(iter(results["rows"][row].values()))
    lines = []
    for recipe in race["recipes"].values():
        if "summary" not in recipe:
            lines.append([name_of(recipe), state_of(recipe), "", ""])
            continue
        low, middle, high, gone = (f"{1e6 * recipe['summary'][key]:.1f}" for key in ("p5", "median", "p95", "whole"))
        lines.append([name_of(recipe), middle, f"{low} - {high}", gone])
    head = ["", "median µs", "5-95 % µs", "attach and let go µs"]
    return race["title"] + ":\n\n" + grid(head, lines)


def native_block(bench):
    if bench["state"] != "ok":
        return bench["state"]
    return f"```text\n$ {bench['command']}\n{bench['output']}\n```"


# ------------------------------------------------------------------ views


def best_limit(race):
    return res.fastest(race, "limit")


def limit_view(results):
    lines = []
    for row in ("array", "segment", "hdf5"):
        for race in results["rows"][row].values():
            limit, own, peer = (res.fastest(race, kind) for kind in ("limit", "own", "peer"))
            base = limit and res.median(limit)
            lines.append([f"{KINDS[row]}: {race['title']}", seconds(base)]
                         + [cell for r in (own, peer) for cell in
                            ((seconds(res.median(r)), ratio(res.median(r), base)) if r else ("-", "-"))]
                         + [peer["title"] if peer else "-"])
    return grid(["", "limit s", "ndshm s", "ndshm / limit", "fastest other s", "other / limit", "which"], lines)


def memory_view(results):
    """A line for each recipe, a column for each race."""
    parts = []
    for row in ("array", "segment", "hdf5", "gzip"):
        races = list(results["rows"][row].values())
        names = list(dict.fromkeys(name for race in races for name, r in race["recipes"].items() if r["kind"] != "limit"))
        lines = []
        for name in names:
            each = [race["recipes"].get(name) for race in races]
            lines.append([name_of(next(r for r in each if r)), *[whole(r and r.get("tree_mb")) for r in each]])
        parts.append(grid([f"{KINDS[row]}, MB", *[f"{r['title']} ({r['text_mb']:,.0f} MB)" for r in races]], lines))
    return "\n".join(parts)


def times_faster(row):
    """(least, most) that the fastest peer takes of what ndshm takes; None if there are none."""
    found = []
    for race in row.values():
        own, peer = res.first_own(race), res.fastest(race, "peer")
        if own and peer:
            found.append(res.median(peer) / res.median(own))
    return (min(found), max(found)) if found else None


def summary_view(results):
    """The README's sentence: only what the tables hold."""
    words = {"hdf5": "text to HDF5", "gzip": "text to HDF5 with gzip", "array": "text to a NumPy array"}
    said = []
    for row, what in words.items():
        ends = times_faster(results["rows"].get(row, {}))
        if ends:
            least, most = (f"{end:.1f}" for end in ends)
            times = least if least == most else f"{least} to {most}"
            said.append(f"{what} {times} times as fast as the fastest of the others")
    peers = ", ".join(title for name, title in PEERS.items() if name in results["machine"]["versions"])
    return (f"Measured on {results['machine']['cores']} cores ({results['machine']['processor']}), whole processes beside "
            f"{peers} (with h5py):\n" + ",\n".join(said) + ".")


# ------------------------------------------------------------------ all of it


def machine_block(results):
    options = results["options"]
    scale = "" if options["scale"] == 1 else f" The data had {options['scale']:g} of its full size."
    return "\n".join([f"{machine.line(results['machine'])}.{scale}", ""] + [f"- {note}" for note in results["notes"]])


ROWS = {**dict.fromkeys(COLUMNS, race_row), "workers": workers_row, "growth": growth_row, "handoff": handoff_row,
        "attach": attach_row}
VIEWS = {"limit": limit_view, "memory": memory_view, "summary": summary_view}


def stamped(results, text):
    """With when and of what it is, as rows may have been measured at different times."""
    m = results["machine"]
    version = f"ndshm {m['versions'].get('ndshm', '')}".strip()
    stamp = f"{version}, commit {m['commit'] or 'unknown'}, {m['date']}, {m['processor']}, {m['cores']} cores"
    return f"{text.strip()}\n\n<sub>{stamp}.</sub>"


# Name of the marked place -> plots shown above its tables: their text, and the file without its suffix.
PLOTS = {
    **{row: [(f"Time of {KINDS[row]}", f"time-{row}")] for row in ("array", "segment", "hdf5", "gzip")},
    "limit": [("Speed of all of them", "speed"), ("Time as a multiple of the copy limit", "limit")],
    "memory": [("Peak memory", "memory")], "workers": [("Speed by workers", "workers")],
    "growth": [("Time and memory by size", "growth")],
}


def with_plots(name, text, there):
    """The text behind the links to those of its plots that there are."""
    links = [f"![{words}](plots/{plot}.svg)" for words, plot in PLOTS.get(name, []) if f"{plot}.svg" in there]
    return "\n\n".join([*links, text])


def blocks(results, views, plots=()):
    """Name of the marked place -> its text, of whatever was measured. `views` is rows.VIEWS."""
    there, out = results["rows"], {"machine": machine_block(results)}
    for row, table in ROWS.items():
        if there.get(row):
            out[row] = with_plots(row, stamped(results, table(results, row)), plots)
    for view, sources in views.items():
        if all(there.get(row) for row in sources):
            text = VIEWS[view](results)
            out[view] = text if view == "summary" else with_plots(view, stamped(results, text), plots)
    for name, bench in there.get("native", {}).items():
        out[f"native-{name}"] = native_block(bench)
    return out
