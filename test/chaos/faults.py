"""What happens to peers and to lonc, drawn from one seed."""
import os
import resource
import signal
import time

# Kinds and their weights: a fault of a peer affects little, a fault of lonc makes all clients start again.
PEER_FAULTS = {"fin": 10, "rst": 10, "omit": 10, "half": 10, "double": 10, "unasked": 10, "empty": 10, "garbage": 10,
               "late": 10, "copy": 10, "silent": 10, "freeze": 6, "kill": 6}
LONC_FAULTS = {"usr1": 8, "hup": 8, "spool": 4, "descriptors": 3, "term": 1, "kill lonc": 1}
DEFAULT = {*PEER_FAULTS, *LONC_FAULTS}
LONC_SHARE = 0.005  # of all faults


class Faults:
    def __init__(self, trial, random):
        self.trial, self.random = trial, random
        self.counts = {}
        self.limit_until = None
        self.full_until = None
        self.settled_at = {}  # host: when the effect of a fault is over for its clients
        self.is_in_table = {"added": True, "moved": False}

    def step(self, now):
        """Causes one fault, and ends lasting ones that are due."""
        for peer in self.trial.peers:
            if peer.stopped_until and now >= peer.stopped_until:
                peer.thaw()
        if self.limit_until and now >= self.limit_until:
            self.free_descriptors()
        if self.full_until and now >= self.full_until:
            self.free_spool()
        for host in [host for host, end in self.settled_at.items() if now >= end]:
            del self.settled_at[host]
            self.trial.load.tell(f"settled {host}")
        is_lonc = self.random.random() < LONC_SHARE
        faults = LONC_FAULTS if is_lonc else PEER_FAULTS
        kind = self.random.choices(list(faults), list(faults.values()))[0]
        if kind not in self.trial.kinds:
            return
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if is_lonc:
            self.at_lonc(kind)
        else:
            self.at_peer(self.random.choice(self.trial.peers), kind)

    def at_peer(self, peer, kind):
        if peer.stopped_until:
            return
        if kind == "kill":
            peer.kill()
        elif kind == "freeze":
            peer.freeze(self.random.uniform(0.02, 0.6))
        elif kind == "late":
            peer.fault(f"late {self.random.choice((3, 30, 100, 280, 320, 600))}")
        elif kind == "copy":
            peer.fault(f"copy {self.random.choice((0, 1, 2, 3, 5, 10, 30))}")
        else:
            peer.fault(kind)

    def at_lonc(self, kind):
        lonc = self.trial.lonc
        if kind == "usr1":
            lonc.process.send_signal(signal.SIGUSR1)
        elif kind == "hup":
            self.reload()
        elif kind == "descriptors":
            self.use_up_descriptors()
        elif kind == "spool":
            self.fill_spool()
        else:
            self.trial.load.tell("down")
            self.limit_until = None
            lonc.process.send_signal(signal.SIGTERM if kind == "term" else signal.SIGKILL)
            lonc.process.wait(30)
            lonc.start()
            self.trial.load.tell("up")

    def reload(self):
        """The last host is added or removed, the one before it moves between two addresses."""
        what, host = self.random.choice((("added", self.trial.comes_and_goes), ("moved", self.trial.moves)))
        self.is_in_table[what] = not self.is_in_table[what]
        self.trial.load.tell(f"moving {host}")
        self.settled_at[host] = time.monotonic() + 5
        if what == "added" and not self.is_in_table["added"]:
            self.settled_at[host] = float("inf")  # until it is added again
        self.trial.write_hosts(self.is_in_table["added"], self.is_in_table["moved"])
        self.trial.lonc.reload()

    def use_up_descriptors(self):
        if self.limit_until:
            return
        pid = self.trial.lonc.process.pid
        self.old_limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.trial.lonc.descriptors() + 3, self.old_limit[1]))
        self.limit_until = time.monotonic() + self.random.uniform(0.1, 1)

    def free_descriptors(self):
        self.limit_until = None
        pid = self.trial.lonc.process.pid
        if os.path.exists(f"/proc/{pid}"):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, self.old_limit)

    def fill_spool(self):
        if self.full_until:
            return
        with (self.trial.lonc.spool / ".filling").open("wb", buffering=0) as filling:
            try:
                while True:
                    filling.write(b"x" * 4096)
            except OSError:
                pass  # the disk is full
        self.full_until = time.monotonic() + self.random.uniform(0.1, 3)

    def free_spool(self):
        self.full_until = None
        (self.trial.lonc.spool / ".filling").unlink()

    def end(self):
        """Ends all faults."""
        for peer in self.trial.peers:
            if peer.stopped_until:
                peer.thaw()
            peer.fault("well")
        if self.limit_until:
            self.free_descriptors()
        if self.full_until:
            self.free_spool()
        self.trial.end_faults(is_moved=self.is_in_table["moved"])
