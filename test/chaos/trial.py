"""One run: lonc between its peers and its clients, their faults, and the input of the judges."""
import os
import random
import time

from chaos import delayed, faults, field
from support.waiting import NotInTime, wait_for

DELAYED_EVERY = 0.2  # seconds between two messages left in the spool
REST_EVERY = 20  # seconds between two measurements of the memory
DRAINED_WITHIN = 30
RECOVERED_WITHIN = 60


class Trial:
    def __init__(self, options, directory):
        self.options = options
        self.kinds = set(options.kinds.split(",")) if options.kinds else faults.DEFAULT
        self.random = random.Random(options.seed)
        self.directory = directory
        self.peers, self.lonc, self.load = [], None, None
        self.memory = []  # (seconds, kB, pid of lonc)
        self.left = {}  # host: numbers of its delayed messages
        self.messages = self.probes = 0
        self.moves, self.comes_and_goes = f"p{options.peers - 2}", f"p{options.peers - 1}"
        self.net = f"127.{20 + os.getpid() % 200}"

    def start(self):
        self.start_peers(["--combine-faults", "1"] if self.options.combine_faults else [])
        self.lonc = field.Lonc(self.options.lonc, self.directory / "node", self.port, self.options.threads,
                               dict(setting.split("=", 1) for setting in self.options.set))
        if "spool" in self.kinds and (why_not := self.lonc.give_spool_a_disk()):
            print(f"the spool disk is never full: {why_not}")
            self.kinds = self.kinds - {"spool"}
        self.write_hosts(True, False)
        self.lonc.start()
        self.start_load(self.lonc.directory / "sockets")

    def start_peers(self, options):
        """One for each host, and one at the second address of the host that moves."""
        program = self.options.build / "test/chaos/chaos-peer"
        self.port = 0  # the first takes a free one, the others the same one at their own addresses
        for number in range(self.options.peers + 1):
            host = f"p{number}" if number < self.options.peers else self.moves
            self.peers.append(field.Peer(program, host, f"{self.net}.1.{number + 1}", self.port,
                                         self.directory / f"journal-{host}", options))
            self.port = self.peers[0].port
        self.peers[0].listen_on(self.port)

    def start_load(self, sockets, options=()):
        self.load = field.Load(self.options.build / "test/chaos/chaos-load", sockets, self.options.peers,
                               self.options.requests, self.options.seed, self.options.limit * 1000, options)

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
        next_fault = begun
        try:
            while self.load.is_running():
                now = time.monotonic()
                if now - begun > self.options.seconds:
                    self.load.tell("stop")
                if now - begun > self.options.seconds + 2 * self.options.limit:
                    raise RuntimeError("the clients do not come to their end")
                if now >= next_fault:
                    happening.step(now)
                    next_fault = max(next_fault + self.options.every / 1000, now - 0.1)
                self.look_after(now - begun)
                time.sleep(max(0, min(next_fault - time.monotonic(), 0.05)))
        finally:
            self.faults = happening.counts
            happening.end()
        self.seconds = time.monotonic() - begun

    def look_after(self, seconds):
        """Work beside the faults, after `seconds` of the run."""
        if not self.lonc.is_running():
            raise RuntimeError(f"lonc ended by itself: {self.lonc.process.returncode}")
        if seconds >= self.messages * DELAYED_EVERY:
            self.leave_message()
        if seconds >= (len(self.memory) + 1) * REST_EVERY:
            self.look_at_memory(seconds)

    def look_at_memory(self, seconds):
        self.load.tell("pause")
        time.sleep(0.5)  # not a wait for a condition: the memory is measured at rest
        self.memory.append((round(seconds), self.lonc.resident_kb(), self.lonc.process.pid))
        self.load.tell("go")

    def leave_message(self):
        """As programs do: a complete file with its final name. Only for hosts that are never removed or moved."""
        self.messages += 1
        host = f"p{self.random.randrange(self.options.peers - 2)}"
        if self.lonc.leave_message(delayed.file_name(self.messages, host), f"{delayed.WORD}:{self.messages}\n",
                                   delayed.FIRST_SECOND + self.messages):
            self.left.setdefault(host, []).append(self.messages)

    def end_faults(self, is_moved):
        """Puts all hosts back into the table."""
        if self.lonc.is_running():
            self.write_hosts(True, is_moved)
            self.lonc.reload()

    def probe(self):
        """A unique request: the answer to an earlier one is never the answer to it."""
        self.probes += 1
        return f"chaosprobe{self.probes}"

    def answers_right(self, host):
        text = self.probe()
        return field.is_answer(self.lonc.ask(host, text), host, text)

    def recover(self):
        """Seconds until each peer has answered correctly again after the last fault, and the peers that have not."""
        begun = time.monotonic()
        waiting = {peer.host for peer in self.peers}
        while waiting and time.monotonic() - begun < RECOVERED_WITHIN:
            waiting = {host for host in waiting if not self.answers_right(host)}
        return time.monotonic() - begun, sorted(waiting)

    def judge_delayed(self):
        try:
            wait_for(lambda: not self.lonc.waiting_messages(), "an empty spool", DRAINED_WITHIN)
        except NotInTime as error:
            print(error)
        received = {peer.host: peer.delayed() for peer in self.peers[:self.options.peers]}
        return delayed.judge(self.left, received, self.lonc.log_lines())

    def stop(self):
        for part in (self.load, self.lonc, *self.peers):
            if part:
                part.stop()
