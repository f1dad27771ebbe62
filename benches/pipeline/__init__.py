"""The evidence: times ndshm beside what people use today, and writes docs/performance.md.

`python -m pipeline --help` says how (with benches/ on PYTHONPATH), `make bench` does it. The measuring process
uses the standard library alone; whatever is measured is a process of its own.

cli        options, and the order of the work
workloads  the tables: files, types, sizes            data      makes them
rows       what races against what, as commands       turns     runs the commands in turns
process    one process, timed or asked
readers    text to array, by each library             recipes   what the timed processes do with arrays
equal      is a result right                          memory    peak of a tree of processes
limit      what no program can avoid                  handoff   arrays between processes
native     the Rust benches                           machine   where this was measured
results    what was measured, as JSON                 tables, plots, document   what it is shown by
"""
