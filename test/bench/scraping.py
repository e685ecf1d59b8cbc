"""The cost of monitoring: a scrape of /metrics each second during a load, and one with many peers; the watchdog and
the admin endpoint over TCP without requests."""
import http.client
import threading
import time

from bench import contestants as make
from bench.measure import in_turn, measure, median, ratios

PEERS = 250  # of the lonc under load, all up


def scrape(port):
    """Scrapes once; returns the size of the text in bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"/metrics: {response.status}")
        return len(response.read())
    finally:
        connection.close()


class Scraper:
    """A context manager that scrapes once a second, the first time after half a second."""

    def __init__(self, port):
        self.port = port
        self.count = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        pause = 0.5
        while not self.is_over.wait(pause):
            scrape(self.port)
            self.count += 1
            pause = 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def beside_load(setup):
    """CPU per request and p99 of 64 clients with scrapes, relative to without, in turns: {kept: {"cpu", "p99"}}."""
    peer = make.Peer(setup.programs, setup.directory)
    port = make.free_port()
    hosts = {"peer1": "127.0.0.1"} | {f"p{i}": "127.0.0.1" for i in range(PEERS - 1)}
    lonc = make.start_lonc(setup.binary, setup.directory, peer.port, name="scraped", hosts=hosts,
                           settings={"admin-address": f"127.0.0.1:{port}"})
    found = {}
    try:
        for kept in (0, 1):
            results = {"with": [], "without": []}
            for number in range(setup.rounds):
                for which in in_turn(number, results):
                    load = {"clients": 64, "keep": kept, "milliseconds": 1000}
                    if which == "without":
                        results[which].append(measure(setup.programs, lonc, **load))
                        continue
                    with Scraper(port) as scraper:
                        results[which].append(measure(setup.programs, lonc, **load))
                    if not scraper.count:
                        raise RuntimeError("nothing was scraped")
            found[kept] = {what: median(ratios(*([result[what] for result in results[which]]
                                                 for which in ("with", "without")))) for what in ("cpu", "p99")}
        if not {"READY", "WATCHDOG"} <= lonc.notify.heard:
            raise RuntimeError(f"it has told its manager {lonc.notify.heard}, and not READY and WATCHDOG")
        return found
    finally:
        lonc.stop()
        peer.stop()


def unasked(setup):
    """CPU per request of 64 clients with watchdog and admin endpoint over TCP, relative to without both: {kept}. The
    memory layout of a process is fixed and affects its costs: so several of each take turns."""
    costs = {(which, kept): [] for which in ("with", "without") for kept in (0, 1)}
    peer = make.Peer(setup.programs, setup.directory)
    try:
        for pair in range(2 if setup.quick else 5):
            started = [make.start_lonc(setup.binary, setup.directory, peer.port, name=f"with{pair}"),
                       make.start_lonc(setup.binary, setup.directory, peer.port, name=f"without{pair}",
                                       has_manager=False, settings={"admin-address": ""})]
            try:
                for number in range(setup.rounds):
                    for kept in (0, 1):
                        for which, lonc in in_turn(number, zip(("with", "without"), started)):
                            costs[which, kept].append(measure(setup.programs, lonc, clients=64, keep=kept,
                                                              milliseconds=setup.milliseconds)["cpu"])
            finally:
                for lonc in started:
                    lonc.stop()
    finally:
        peer.stop()
    return {kept: median(ratios(costs["with", kept], costs["without", kept])) for kept in (0, 1)}


def many_peers(setup, number, scrapes=10):
    """Milliseconds of CPU per scrape beyond those at rest, bytes of the text, and RSS in MB before and after, with
    `number` peers that are away."""
    port = make.free_port()
    lonc, _ = make.start_lonc_alone(setup.binary, setup.memory_directory, setup.directory, number,
                                    name=f"scraped{number}", settings={"admin-address": f"127.0.0.1:{port}"})
    try:
        time.sleep(3)
        window = 3
        before, rss = make.cpu_ns(lonc.pid), make.status_kb(lonc.pid, "VmRSS")
        time.sleep(window)
        at_rest = (make.cpu_ns(lonc.pid) - before) / window  # ns of CPU per second
        before, begun = make.cpu_ns(lonc.pid), time.monotonic()
        for _ in range(scrapes):
            size = scrape(port)
            time.sleep(0.1)
        spent = make.cpu_ns(lonc.pid) - before - at_rest * (time.monotonic() - begun)
        return {"cpu_ms": max(0, spent) / 1e6 / scrapes, "bytes": size, "rss_before_mb": rss / 1024,
                "rss_mb": make.status_kb(lonc.pid, "VmRSS") / 1024}
    finally:
        lonc.stop()


def metrics(setup):
    return {"unasked": unasked(setup), "load": beside_load(setup), "many": many_peers(setup, 1000)}
