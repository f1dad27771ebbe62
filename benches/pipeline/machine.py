"""Where and when something was measured: processor, memory, file system, versions, commit. Standard library only."""
import datetime
import os
import platform
import subprocess

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def busy_seconds():
    """CPU seconds that all processors have been busy since the machine started."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        named = (line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
        return next(named, platform.machine())


def memory_gib():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def available_mb():
    """Memory that a program may still take."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable:")) / 1000


def free_mb(folder):
    """Room on the file system of a folder."""
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize / 1e6


def file_system(folder):
    """Type of the file system that a folder is on."""
    best = ("", "unknown")
    with open("/proc/mounts", encoding="utf-8") as f:
        for line in f:
            _, point, kind, *_ = line.split()
            inside = folder == point or folder.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]


def git(*words):
    try:
        done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def commit():
    """The commit that is checked out, and whether files differ from it."""
    name = git("rev-parse", "--short=10", "HEAD")
    return name + (" with changes" if name and git("status", "--porcelain", "--untracked-files=no") else "")


def own_version(binary):
    """What a binary of ndshm says, or nothing if there is none."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.split()[-1] if done.returncode == 0 and done.stdout.split() else ""


def describe(out, versions):
    """All of it, as the results keep it."""
    return {
        "processor": processor(), "cores": CORES, "gib": round(memory_gib()), "kernel": platform.release(),
        "file_system": file_system(out), "versions": versions, "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    }


def line(machine):
    """The same for people."""
    named = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (f"{machine['processor']}, {machine['cores']} cores, {machine['gib']} GiB, Linux {machine['kernel']}, "
            f"output on {machine['file_system']}; {named}; commit {machine['commit'] or 'unknown'}, {machine['date']}")
