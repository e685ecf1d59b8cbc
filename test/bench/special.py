"""The special cases: each returns its measurements."""
import json
import os
import socket
import subprocess
import threading
import time

from bench import contestants as make
from bench.measure import in_turn, load, measure, median, ratios


def encryption(setup):
    """CPU per request of encrypt: lines of 64 bytes relative to plain ones: {(depth, kept)}. With a depth of one that
    is the cost of the cipher; encrypted requests are never pipelined."""
    more = {}
    for depth in (1, None):
        # The difference is small compared with the variation, also between processes: the median needs more of both.
        for process in range(3):
            peer = make.Peer(setup.programs, setup.directory)
            lonc = make.start_lonc(setup.binary, setup.directory, peer.port, name=f"enc{depth}-{process}",
                                   settings={"pipeline-depth": depth} if depth else {})
            try:
                for kept in (0, 1):
                    costs = {"get ": [], "encrypt:get ": []}
                    for number in range(setup.rounds):
                        for begin in in_turn(number, costs):
                            costs[begin].append(measure(setup.programs, lonc, clients=64, keep=kept, begin=begin,
                                                        line_bytes=64 + len(begin) - len("get "),
                                                        milliseconds=setup.milliseconds)["cpu"])
                    more.setdefault((depth, kept), []).extend(ratios(costs["encrypt:get "], costs["get "]))
            finally:
                lonc.stop()
                peer.stop()
    return {which: median(values) for which, values in more.items()}


def latency(setup, maxima):
    """p99.9 of each at half of its own maximum rate, a connection per request, open loop."""
    peer = make.Peer(setup.programs, setup.directory)
    started = [make.start_lonc(setup.binary, setup.directory, peer.port, name="latency"),
               make.start_nutcracker(setup.directory, peer.port, 1, name="nutcracker-l")]
    try:
        times = {contestant.name: [] for contestant in started}
        for number in range(setup.rounds):
            for contestant, name in in_turn(number, zip(started, ("lonc", "nutcracker-1"))):
                result = load(setup.programs, contestant.target, clients=512, keep=0, rate=int(maxima[name] / 2),
                              milliseconds=2 * setup.milliseconds)
                times[contestant.name].append(result["p999"])
        return {"ratio": median(ratios(times["latency"], times["nutcracker-l"])),
                "rates": maxima["lonc"] / maxima["nutcracker-1"]}
    finally:
        for contestant in started:
            contestant.stop()
        peer.stop()


class BlackHole:
    """A listener whose accept queue is full: SYNs are not answered."""

    def __init__(self, address, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, port))
            self.fillers.append(filler)

    def close(self):
        for each in (*self.fillers, self.listener):
            each.close()


def dead_peers(setup):
    """p99 of the healthy one of 250 peers, the others black holes or dribbling, relative to all being healthy."""
    peer = make.Peer(setup.programs, setup.directory)
    hole = BlackHole("127.0.0.2", peer.port)
    dribbling = make.Peer(setup.programs, setup.directory, name="dribble", address="127.0.0.3", port=peer.port,
                          dribble_us=20_000)
    well = {"peer1": "127.0.0.1"} | {f"p{i}": "127.0.0.1" for i in range(249)}
    ill = {"peer1": "127.0.0.1"} | {f"p{i}": f"127.0.0.{2 + i % 2}" for i in range(249)}
    p99 = {"well": [], "ill": []}
    try:
        # A p99 varies by more than the bound allows, also between processes: the median needs more of both.
        for process in range(3):
            started = []
            try:
                for name, hosts in (("well", well), ("ill", ill)):
                    started.append(make.start_lonc(setup.binary, setup.directory, peer.port, name=f"{name}{process}",
                                                   hosts=hosts))
                for number in range(setup.rounds):
                    for contestant, name in in_turn(number, zip(started, p99)):
                        p99[name].append(load(setup.programs, contestant.target, clients=256, keep=0, rate=4000,
                                              milliseconds=2 * setup.milliseconds)["p99"])
            finally:
                for contestant in started:
                    contestant.stop()
        return median(ratios(p99["ill"], p99["well"]))
    finally:
        dribbling.stop()
        hole.close()
        peer.stop()


def far_peer(setup):
    """Throughput with a peer 50 ms away and 500 clients, relative to one request at a time on ten connections."""
    peer = make.Peer(setup.programs, setup.directory, delay_us=50_000)
    started = []
    try:
        for name, settings in (("pipelined", {}), ("one", {"pipeline-depth": 1})):
            started.append(make.start_lonc(setup.binary, setup.directory, peer.port, name=name, settings=settings))
        rates = {"pipelined": [], "one": []}
        for number in range(max(3, setup.rounds // 2)):
            for contestant in in_turn(number, started):
                rates[contestant.name].append(measure(setup.programs, contestant, clients=500, keep=1,
                                                      milliseconds=2000)["throughput"])
        return median(ratios(rates["pipelined"], rates["one"]))
    finally:
        for contestant in started:
            contestant.stop()
        peer.stop()


def overload(setup):
    """A peer that can answer 2,000 requests a second gets 20,000 a second, each on its own connection."""
    peer = make.Peer(setup.programs, setup.directory, service_us=500)
    lonc = make.start_lonc(setup.binary, setup.directory, peer.port, name="overload")
    try:
        peak = measure(setup.programs, lonc, clients=64, keep=0, milliseconds=3000)["throughput"]
        memory = []
        is_over = threading.Event()

        def watch():
            while not is_over.wait(0.2):
                memory.append(make.status_kb(lonc.pid, "VmRSS"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        seconds = 5 if setup.quick else 30
        result = load(setup.programs, lonc.target, clients=12_000, keep=0, rate=20_000, milliseconds=seconds * 1000)
        is_over.set()
        watcher.join()
        half = len(memory) // 2
        return {"answered": result["answered"] / result["seconds"] / peak, "refused_p99_ms": result["con_lost_p99"] / 1000,
                "memory_mb": max(memory) / 1024, "grows": max(memory[half:]) / max(memory[:half]),
                "offered": (result["answered"] + result["con_lost"]) / result["seconds"] / peak, "seconds": seconds}
    finally:
        lonc.stop()
        peer.stop()


def idle_clients(setup, number=1000):
    """User memory per idle client, in bytes."""
    peer = make.Peer(setup.programs, setup.directory)
    lonc = make.start_lonc(setup.binary, setup.directory, peer.port, name=f"idle{number}",
                           settings={"max-clients": 2 * number})
    idle = None
    try:
        load(setup.programs, lonc.target, clients=64, keep=0, milliseconds=500)
        before = make.status_kb(lonc.pid, "RssAnon")
        idle = subprocess.Popen([setup.programs / "bench-load", *lonc.target, "--clients", str(number), "--only-connect",
                                 "1"], stdout=subprocess.PIPE)
        idle.stdout.readline()
        time.sleep(1)
        descriptors = len(os.listdir(f"/proc/{lonc.pid}/fd"))
        if descriptors < number:
            raise RuntimeError(f"only {descriptors} descriptors are open")
        return (make.status_kb(lonc.pid, "RssAnon") - before) * 1024 / number
    finally:
        if idle:
            idle.kill()
            idle.wait()
        lonc.stop()
        peer.stop()


def many_peers(setup, number):
    """`number` peers that all refuse, and a limit of 16,384 descriptors."""
    lonc, ready = make.start_lonc_alone(setup.binary, setup.memory_directory, setup.directory, number)
    try:
        time.sleep(5 if setup.quick or number < 10_000 else 50)  # until the backoff has reached its bound
        window = 5 if setup.quick or number < 10_000 else 15
        before = make.cpu_ns(lonc.pid)
        time.sleep(window)
        return {"ready_s": ready, "cpu": (make.cpu_ns(lonc.pid) - before) / 1e9 / window,
                "rss_mb": make.status_kb(lonc.pid, "VmRSS") / 1024}
    finally:
        lonc.stop()


def threads(setup):
    """Throughput of two threads relative to one, with four peers and a load for each."""
    peer = make.Peer(setup.programs, setup.directory)
    hosts = {f"peer{i}": "127.0.0.1" for i in range(1, 5)}
    started = []
    try:
        for name, number in (("threads-1", 1), ("threads-2", 2)):
            started.append(make.start_lonc(setup.binary, setup.directory, peer.port, name=name, hosts=hosts,
                                           settings={"threads": number}))
        rates, costs = {}, {}
        for number in range(setup.rounds):
            for contestant in in_turn(number, started):
                before = contestant.cpu_ns()
                loads = [subprocess.Popen([setup.programs / "bench-load", "--socket", contestant.path.parent / host,
                                           "--clients", "16", "--keep", "1", "--milliseconds", str(setup.milliseconds)],
                                          stdout=subprocess.PIPE, text=True) for host in hosts]
                answered = sum(json.loads(each.communicate()[0])["answered"] for each in loads)
                rates.setdefault(contestant.name, []).append(answered)
                costs.setdefault(contestant.name, []).append((contestant.cpu_ns() - before) / answered)
        return {"throughput": median(ratios(rates["threads-2"], rates["threads-1"])),
                "cpu": median(ratios(costs["threads-2"], costs["threads-1"]))}
    finally:
        for contestant in started:
            contestant.stop()
        peer.stop()
