"""lonc under fire: real processes, real sockets, a fault every few milliseconds. See docs/reliability.md."""
import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from chaos import faults, field  # noqa: E402

FINAL = ("crossed", "doubled", "lost", "hung", "late")
DELAYED_EVERY = 0.2  # seconds between two messages left in the spool
REST_EVERY = 20  # seconds between two looks at the memory
DRAINED_WITHIN = 30


class Run:
    def __init__(self, options, directory):
        self.options = options
        self.kinds = set(options.kinds.split(",")) if options.kinds else faults.DEFAULT
        self.random = random.Random(options.seed)
        self.directory = directory
        self.peers, self.lonc, self.load = [], None, None
        self.memory = []  # (seconds, kB, with which life of lonc)
        self.left = {}  # host: numbers of its delayed messages
        self.messages = 0
        self.moves, self.comes_and_goes = f"p{options.peers - 2}", f"p{options.peers - 1}"
        self.net = f"127.{20 + os.getpid() % 200}"

    def start(self):
        build = pathlib.Path(self.options.build) / "test/chaos"
        options = ["--combine-faults", "1"] if self.options.combine_faults else []
        port = 0  # the first takes a free one, the others the same at addresses of their own
        for number in range(self.options.peers + 1):
            host = f"p{number}" if number < self.options.peers else self.moves
            self.peers.append(field.Peer(build / "chaos-peer", host, f"{self.net}.1.{number + 1}", port,
                                         self.directory / f"journal-{host}", options))
            port = self.peers[0].port
        for peer in self.peers:
            peer.command[peer.command.index("--port") + 1] = str(port)
        self.lonc = field.Lonc(self.options.lonc, self.directory / "node", port, self.options.threads,
                               dict(setting.split("=", 1) for setting in self.options.set))
        if "spool" in self.kinds and (why_not := self.lonc.give_spool_a_disk()):
            print(f"the spool disk is never full: {why_not}")
            self.kinds = self.kinds - {"spool"}
        self.write_hosts(True, False)
        self.lonc.start()
        self.load = field.Load(build / "chaos-load", self.lonc.directory / "sockets", self.options.peers,
                               self.options.requests, self.options.seed, self.options.limit * 1000)

    def write_hosts(self, with_last, is_moved):
        hosts = {field.OWN_ID: "127.0.0.1"} | {peer.host: peer.address for peer in self.peers[:self.options.peers]}
        if is_moved:
            hosts[self.moves] = self.peers[-1].address
        if not with_last:
            del hosts[self.comes_and_goes]
        self.lonc.write_hosts(hosts)

    def fire(self):
        happening = faults.Faults(self, self.random)
        begun = time.monotonic()
        next_fault = next_message = begun
        next_rest = begun + REST_EVERY
        try:
            while self.load.is_running():
                now = time.monotonic()
                if now - begun > self.options.seconds:
                    self.load.tell("stop")
                if now - begun > self.options.seconds + 2 * self.options.limit:
                    raise RuntimeError("the clients do not come to their end")
                if self.lonc.process.poll() is not None:
                    raise RuntimeError(f"lonc ended by itself: {self.lonc.process.returncode}")
                if now >= next_fault:
                    happening.step(now)
                    next_fault = max(next_fault + self.options.every / 1000, now - 0.1)
                if now >= next_message:
                    self.leave_message()
                    next_message = now + DELAYED_EVERY
                if now >= next_rest:
                    self.look_at_memory(now - begun)
                    next_rest = time.monotonic() + REST_EVERY
                time.sleep(max(0, min(next_fault - time.monotonic(), 0.05)))
        finally:
            self.faults = happening.counts
            if self.lonc.process.poll() is None:
                happening.end()
        self.seconds = time.monotonic() - begun

    def look_at_memory(self, seconds):
        self.load.tell("pause")
        time.sleep(0.5)  # not a wait for a condition: rest is what is looked at
        self.memory.append((round(seconds), self.lonc.resident_kb(), self.lonc.process.pid))
        self.load.tell("go")

    def leave_message(self):
        """As programs do: a whole file under its final name. Only for hosts that stay."""
        host = f"p{self.random.randrange(self.options.peers - 2)}"
        number = self.messages + 1
        new = self.lonc.spool / f".new{number}"
        then = 1_700_000_000 + number
        try:
            new.write_text(f"chaosdelayed:{number}\n")
            os.utime(new, (then, then))
            new.rename(self.lonc.spool / f"{then}.{number}.1.chaosdel.{host}")
        except OSError:  # the disk is full: a program would tell its user
            new.unlink(missing_ok=True)
            return
        self.messages = number
        self.left.setdefault(host, []).append(number)

    def recover(self):
        """Seconds until each peer has answered right again after the last fault."""
        begun = time.monotonic()
        waiting = {peer.host for peer in self.peers}
        while waiting and time.monotonic() - begun < 60:
            waiting = {host for host in waiting if not self.lonc.ask(host).startswith(f"A:{host}:")}
        return (time.monotonic() - begun, sorted(waiting))

    def delayed(self):
        """What the journals say of the messages left in the spool: (missing, out of order, doubled)."""
        try:
            field.wait_for(lambda: not [name for name in os.listdir(self.lonc.spool) if name[0].isdigit()], "an empty spool",
                           DRAINED_WITHIN)
        except RuntimeError as error:
            print(error)
        missing = misplaced = doubled = 0
        for host, left in self.left.items():
            got = next(peer for peer in self.peers if peer.host == host).delayed()
            first = list(dict.fromkeys(got))
            doubled += len(got) - len(first)
            missing += len(set(left) - set(first))
            misplaced += first != sorted(first)
        return missing, misplaced, doubled

    def stop(self):
        for part in (self.load, self.lonc, *self.peers):
            if part:
                part.stop()


def report(run):
    seconds, away = run.recover()
    missing, misplaced, doubled = run.delayed()
    counts = run.load.counts
    for complaint in run.load.complaints:
        print(complaint)
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(run.faults.items())))
    print("memory at rest, kB: " + ", ".join(f"{at}s {kb} ({pid})" for at, kb, pid in run.memory))
    print(f"delayed messages: {run.messages} left, {missing} missing, {misplaced} hosts out of order, "
          f"{doubled} more than once")
    print(f"back {seconds:.2f} s after the last fault" + (f", but not {' '.join(away)}" if away else ""))
    print(f"seed {run.options.seed}, {run.options.threads} threads, {run.seconds:.0f} s, "
          f"{counts['requests'] / run.seconds:.0f} requests/s, {sum(run.faults.values())} faults: "
          + ", ".join(f"{value} {name}" for name, value in counts.items()))
    is_well = (not any(counts[name] for name in FINAL) and not away and missing == 0 and misplaced == 0
               and run.load.process.returncode == 0)
    return 0 if is_well or run.options.combine_faults else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="where chaos-peer and chaos-load were built")
    parser.add_argument("--lonc", help="the binary (src/lonc of the build)")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=170, help="after which no request is begun")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", type=int, default=20)
    parser.add_argument("--every", type=float, default=10, help="milliseconds between two faults")
    parser.add_argument("--limit", type=int, default=20, help="seconds after which a request hangs")
    parser.add_argument("--kinds", help="only these faults, with commas between them: " + ", ".join(
        [*faults.PEER_FAULTS, *faults.LONC_FAULTS]))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of lonc")
    parser.add_argument("--combine-faults", action="store_true",
                        help="omit and add lines on one connection, which no relay can tell; only reports")
    parser.add_argument("--keep", action="store_true", help="leave the directory where it is")
    options = parser.parse_args()
    options.lonc = options.lonc or pathlib.Path(options.build) / "src/lonc"
    print(f"seed {options.seed}", flush=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="chaos"))
    run = Run(options, directory)
    try:
        run.start()
        run.fire()
        return report(run)
    finally:
        run.stop()
        if options.keep:
            print(f"left: {directory}")
        else:
            shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
