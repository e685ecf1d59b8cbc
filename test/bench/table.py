"""The table of requirements, with the measured values."""
from bench.measure import median, ratios
from bench.shapes import NUTCRACKER


class Table:
    def __init__(self):
        self.rows = []

    def at_most(self, what, value, must, aim=None, form="{:.2f}"):
        self.add(what, value, f"at most {form.format(must)}", value <= must, aim is None or value <= aim, aim, form)

    def at_least(self, what, value, must, form="{:.2f}"):
        self.add(what, value, f"at least {form.format(must)}", value >= must, True, None, form)

    def report(self, what, value, form="{:.2f}"):
        self.rows.append((what, form.format(value), "reported", ""))

    def add(self, what, value, bound, holds, reaches_aim, aim, form):
        if aim is not None:
            bound += f", aim {form.format(aim)}"
        verdict = "no" if not holds else "yes" if reaches_aim or aim is None else "yes, not the aim"
        self.rows.append((what, form.format(value), bound, verdict))

    def markdown(self):
        lines = ["| what | measured | bound | holds |", "| --- | --- | --- | --- |"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in self.rows])


def shape_rows(table, shapes):
    def cpu(kept, clients, other):
        shape = (kept, clients, 32)
        return median(ratios(shapes.values(shape, "lonc", "cpu"), shapes.values(shape, other, "cpu")))

    def throughput(other):
        shape = (0, 64, 32)
        return median(ratios(shapes.values(shape, "lonc", "throughput"), shapes.values(shape, other, "throughput")))

    table.at_most("a connection per request, 64 clients: CPU against nutcracker", cpu(0, 64, NUTCRACKER), 0.90, 0.70)
    table.at_most("kept open, 64 clients: CPU against nutcracker", cpu(1, 64, NUTCRACKER), 0.80, 0.60)
    for clients in (16, 256):
        table.at_most(f"a connection per request, {clients} clients: CPU against nutcracker",
                      cpu(0, clients, NUTCRACKER), 1.00, 0.80)
        table.at_most(f"kept open, {clients} clients: CPU against nutcracker", cpu(1, clients, NUTCRACKER), 1.00, 0.80)
    table.at_least("a connection per request, 64 clients: throughput against nutcracker", throughput(NUTCRACKER), 1.15)
    table.at_least("the same against direct", throughput("direct"), 1.3)
    table.at_most("a connection per request, 64 clients: CPU against haproxy", cpu(0, 64, "haproxy"), 0.30)
    table.at_most("the same against the Perl model", cpu(0, 64, "perl-2002"), 0.125, form="{:.3f}")
    bare = median(ratios(shapes.values((0, 64, 32), "bare", "cpu"), shapes.values((0, 64, 32), "perl-2002", "cpu")))
    table.report("the bare relay against the Perl model", bare, form="{:.3f}")
    for kept, title in ((0, "a connection per request"), (1, "kept open")):
        table.report(f"{title}, 64 clients: CPU against the bare relay", cpu(kept, 64, "bare"))
    table.at_most("system calls per request, 64 clients, kept open", shapes.calls[("lonc", 1)], 3.5)
    table.at_most("system calls per request, 64 clients, a connection each", shapes.calls[("lonc", 0)], 6.5)


def metrics_rows(table, metrics):
    for kept, title in ((0, "a connection per request"), (1, "kept open")):
        table.report(f"watchdog and admin endpoint over TCP, 64 clients, {title}: CPU per request against neither",
                     metrics["unasked"][kept])
    for kept, title in ((0, "a connection per request"), (1, "kept open")):
        load = metrics["load"][kept]
        table.report(f"a scrape of /metrics each second, 250 peers, 64 clients, {title}: CPU per request against none",
                     load["cpu"])
        table.report("the same: p99", load["p99"])
    many = metrics["many"]
    table.report("1,000 peers: CPU per scrape, ms", many["cpu_ms"], form="{:.1f}")
    table.report("1,000 peers, ten scrapes: RSS, MB", many["rss_mb"], form="{:.0f}")


def special_rows(table, found):
    table.at_most("p99.9 at half of its own maximum, against nutcracker", found["latency"]["ratio"], 1.0)
    cipher = found["encryption"]
    table.at_most("`encrypt:` of 64 B, a connection per request: CPU on top of plain, `pipeline-depth` 1 for both",
                  cipher[1, 0] - 1, 0.10)
    table.at_most("the same, kept open", cipher[1, 1] - 1, 0.10)
    table.report("the same by default, where plain ones are pipelined: a connection per request", cipher[None, 0] - 1)
    table.report("the same, kept open", cipher[None, 1] - 1)
    table.at_most("249 of 250 peers dead or dribbling: p99 of the healthy one against all healthy",
                  found["dead"], 1.05)
    table.at_least("peer 50 ms away, 500 clients: throughput against one at a time on 10 connections", found["far"], 4)
    over = found["overload"]
    table.at_least(f"ten times capacity offered for {over['seconds']} s: answered against the peak", over["answered"], 0.9)
    table.at_most("the same: con_lost answered within, p99, ms", over["refused_p99_ms"], 10)
    table.at_most("the same: memory of the second half against the first", over["grows"], 1.1)
    table.at_most("idle clients: user memory per client, bytes", found["idle"], 1024, form="{:.0f}")
    many = found["many"]
    table.at_most("10,000 peers away: start to ready, s", many["ready_s"], 1)
    table.at_most("10,000 peers away: CPU, part of a core", many["cpu"], 0.02, form="{:.3f}")
    table.at_most("10,000 peers away: RSS, MB", many["rss_mb"], 100, form="{:.0f}")
    table.report("two threads against one, 4 peers: throughput", found["threads"]["throughput"])
    table.report("two threads against one, 4 peers: CPU per request", found["threads"]["cpu"])
    metrics_rows(table, found["metrics"])


def shapes_markdown(shapes):
    """Medians relative to nutcracker with one server connection, or to lonc where nutcracker cannot run."""
    names = ("lonc", "bare", "nutcracker-1", "nutcracker-10", "haproxy", "perl-2002", "direct")
    lines = ["| shape | figure | " + " | ".join(names) + " |", "| --- | --- |" + " --- |" * len(names)]
    for shape, results in shapes.results.items():
        kept, clients, size = shape
        base = NUTCRACKER if NUTCRACKER in results else "lonc"
        title = f"{'kept open' if kept else 'a connection each'}, {clients} clients, {size} B"
        for what in ("cpu", "throughput", "p99"):
            cells = [cell(shapes, shape, name, base, what) if name in results else "" for name in names]
            lines.append(f"| {title} | {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(shapes, shape, name, base, what):
    if name == "direct" and what == "cpu":
        return ""
    values = ratios(shapes.values(shape, name, what), shapes.values(shape, base, what))
    ordered = sorted(values)
    return f"{median(values):.2f} ({ordered[0]:.2f}-{ordered[-1]:.2f})"
