"""The benchmark, one command: `cmake/bootstrap.sh bench`, with `--quick` for a short run.

Prints the table of requirements, and the matrix behind it; with --write the table also replaces that of
docs/performance.md, the matrix docs/benchmark.md, and the plot is redrawn. Exits with 1 if a requirement fails."""
import argparse
import datetime
import os
import pathlib
import platform
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bench import contestants as make  # noqa: E402
from bench import scraping, special  # noqa: E402
from bench.plot import plot  # noqa: E402
from bench.shapes import Shapes  # noqa: E402
from bench.measure import median  # noqa: E402
from bench.table import Table, metrics_rows, shape_rows, shapes_markdown, special_rows  # noqa: E402

DOCS = HERE.parent.parent / "docs"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Setup:
    def __init__(self, given, directory):
        self.quick = given.quick
        self.rounds = given.rounds or (3 if given.quick else 7)
        self.milliseconds = 300 if given.quick else 400
        build = pathlib.Path(given.build).resolve()
        self.programs = build / "test" / "bench"
        self.binary = build / "src" / "lonc"
        self.directory = directory
        # Ten thousand sockets are created here: the time of a disk for that must not count for lonc.
        self.memory_directory = pathlib.Path(tempfile.mkdtemp(prefix="lonc-bench-", dir=next(
            place for place in ("/dev/shm", directory) if os.access(place, os.W_OK))))

    def say(self, text):
        print(f"-- {text}", file=sys.stderr, flush=True)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"


def special_cases(setup, shapes):
    maxima = {name: median(shapes.values((0, 64, 32), name, "throughput")) for name in ("lonc", "nutcracker-1")}
    cases = {
        "latency": lambda: special.latency(setup, maxima), "encryption": lambda: special.encryption(setup),
        "dead": lambda: special.dead_peers(setup), "far": lambda: special.far_peer(setup),
        "overload": lambda: special.overload(setup), "idle": lambda: special.idle_clients(setup),
        "idle 10,000": lambda: special.idle_clients(setup, 10_000),
        "many 1,000": lambda: special.many_peers(setup, 1000), "many": lambda: special.many_peers(setup, 10_000),
        "threads": lambda: special.threads(setup), "metrics": lambda: scraping.metrics(setup),
    }
    found = {}
    for name, case in cases.items():
        setup.say(name)
        found[name] = case()
    return found


def metrics_text(many):
    return (f"A scrape with 1,000 peers is {many['bytes'] / 1e6:.1f} MB of text; before the first one lonc had "
            f"{many['rss_before_mb']:.0f} MB.")


def report_metrics(found):
    table = Table()
    metrics_rows(table, found)
    return f"{table.markdown()}\n\n{metrics_text(found['many'])}"


def origin(setup):
    """When, how and where the figures were measured."""
    command = "cmake/bootstrap.sh bench" + (" --quick" if setup.quick else "")
    return f"{datetime.date.today()}, `{command}`, {setup.rounds} rounds, {machine()}"


def summary(setup, table, found):
    many, overload = found["many 1,000"], found["overload"]
    return "\n".join([
        f"{origin(setup)}; client, peer and contestant on the same machine. `pipeline-depth` and `pipeline-safe` are the "
        "defaults.", "", table.markdown(), "",
        f"10,000 idle clients: {found['idle 10,000']:.0f} bytes each. 1,000 peers away: ready after "
        f"{many['ready_s']:.2f} s, {many['cpu'] * 100:.1f} % of a core, {many['rss_mb']:.0f} MB. Overload: at most "
        f"{overload['memory_mb']:.0f} MB; {overload['offered']:.1f} times the capacity came through as answers and "
        f"refusals. {metrics_text(found['metrics']['many'])}"])


def matrix(setup, shapes):
    calls = [f"| {name} | {shapes.calls[name, 0]:.2f} | {shapes.calls[name, 1]:.2f} |"
             for name, kept in shapes.calls if kept == 0]
    return "\n".join([
        "# Benchmark: every contestant", "",
        f"{origin(setup)}. How it is measured, and what follows from it, is in [performance.md](performance.md).", "",
        "## Ratios", "",
        "Against nutcracker with one server connection, or against lonc where nutcracker cannot run: the median of the "
        "rounds, and the least and the largest.", "", shapes_markdown(shapes), "",
        "## System calls per request", "", "64 clients, counted by strace, which slows each call.", "",
        "| contestant | a connection each | kept open |", "| --- | --- | --- |", *calls, ""])


def write(text, raw, picture):
    document = DOCS / "performance.md"
    head, rest = document.read_text().split(BEGIN)
    document.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")
    (DOCS / "benchmark.md").write_text(raw)
    (DOCS / "performance.svg").write_text(picture)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=HERE.parent.parent / "build" / "bench", help="an optimised build with tests")
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--rounds", type=int, help="in place of 7")
    parser.add_argument("--shapes-only", action="store_true", help="only the matrix, printed")
    parser.add_argument("--metrics-only", action="store_true", help="only what the metrics cost, printed")
    parser.add_argument("--write", action="store_true", help="put what was measured into docs/")
    given = parser.parse_args()
    for program in ("nutcracker", "haproxy", "strace", "perl"):
        if not make.is_installed(program):
            sys.exit(f"{program} is missing: cmake/bootstrap.sh install bench")
    with tempfile.TemporaryDirectory(prefix="lonc-bench-") as directory:
        setup = Setup(given, pathlib.Path(directory))
        if given.metrics_only:
            print(report_metrics(scraping.metrics(setup)))
            shutil.rmtree(setup.memory_directory, ignore_errors=True)
            return
        shapes = Shapes(setup)
        shapes.run()
        if given.shapes_only:
            table = Table()
            shape_rows(table, shapes)
            print(table.markdown(), "", shapes_markdown(shapes), sep="\n")
            shutil.rmtree(setup.memory_directory, ignore_errors=True)
            return
        found = special_cases(setup, shapes)
        table = Table()
        shape_rows(table, shapes)
        special_rows(table, found)
        text, raw = summary(setup, table, found), matrix(setup, shapes)
        print(text, raw, sep="\n\n")
        if given.write:
            write(text, raw, plot(shapes))
        shutil.rmtree(setup.memory_directory, ignore_errors=True)
    sys.exit(1 if any(row[3] == "no" for row in table.rows) else 0)


if __name__ == "__main__":
    main()
