"""kill -9 in the middle of a replay, again and again: nothing is lost, and possible duplicates are named."""
import collections
import os
import random
import re
import time

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.peers import load
from e2e.spool import Spool

KILLS = 200
HOSTS = ["msul1", "msul2"]
NAMED = re.compile(r"Delayed message (\S+) may have two S: lines")


class DelayedCrashTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("LONC_SEED", time.time_ns() % 1_000_000))
        print(f"seed: LONC_SEED={self.seed}", flush=True)
        self.random = random.Random(self.seed)
        self.peer = self.standin(HOSTS, journal=self.directory / "journal")
        self.left = {host: [] for host in HOSTS}  # commands, in the expected order of arrival
        self.names = {}  # of the files, by command

        self.backlog = 5000  # waiting messages for each host: more than ten daemons send before they are killed

    def leave(self, host, number):
        for _ in range(number):
            at = len(self.left[host])
            # The names are ordered as numbers, not as text.
            name = f"{1000000000 + at // 100}.{at % 100}.4711.echo.{host}"
            command = f"echo:{host}-{at}"
            self.spool.leave(name, command + "\n")
            self.left[host].append(command)
            self.names[command] = name

    def arrived(self, host):
        return [request for request in self.peer.arrived(host) if request.startswith("echo:msul")]

    def top_up(self):
        waiting = collections.Counter(name.rsplit(".", 1)[1] for name in self.spool.waiting())
        for host in HOSTS:
            self.leave(host, max(0, self.backlog - waiting[host]))

    def run_and_kill(self):
        """Lets the daemon replay for a random time after its first message of this life."""
        before = self.peer.journal.stat().st_size
        self.lonc.launch()
        wait_for(lambda: self.peer.journal.stat().st_size > before, "the replay has begun", 20)
        time.sleep(self.random.uniform(0.001, 0.060) * SLOWNESS)
        self.lonc.process.kill()
        self.lonc.process.wait()
        # The kernel itself does this at one in some hundreds of kills, at the end of a page.
        if self.random.random() < 0.2:
            with self.spool.permanent_log.open("a") as log:
                log.write("1700000000:S:msul2:echo:ha")

    def drain(self):
        """The last life: it sends what is left."""
        self.lonc.start()
        left = len(self.spool.waiting())
        while left:
            # How long each takes is up to the disk.
            wait_for(lambda before=left: len(self.spool.waiting()) < before, f"one of {left} is sent", 30)
            left = len(self.spool.waiting())
        self.lonc.stop()

    def check_order(self, host, arrivals):
        """The first arrivals are all messages, in their order."""
        first = list(dict.fromkeys(arrivals))
        self.assertEqual(len(first), len(self.left[host]), f"{host}: lost {set(self.left[host]) - set(first)}")
        self.assertTrue(first == self.left[host], f"{host}: out of order")

    def check_doubled(self, host, arrivals, named):
        """At most one for each killed process; each has its warning and arrived again before those behind it."""
        doubled = {command: count for command, count in collections.Counter(arrivals).items() if count > 1}
        extra = sum(doubled.values()) - len(doubled)
        self.assertLessEqual(extra, self.kills, f"{host}: {doubled}")
        unnamed = [self.names[command] for command in doubled if self.names[command] not in named]
        self.assertFalse(unnamed, f"{host}: doubled and not named")
        last = -1
        for command in arrivals:
            at = int(command.rsplit("-", 1)[1])
            self.assertIn(at, (last, last + 1), f"{host}: {command} after {last}")
            last = at
        return extra

    def traces(self, host, sent):
        """What the logs say about messages without an S: line, and about their neighbours."""
        found = []
        for command in [command for command in self.left[host] if command not in sent][:3]:
            at = self.left[host].index(command)
            neighbours = self.left[host][max(0, at - 2):at + 3]
            for path in (self.spool.permanent_log, self.lonc.log_file):
                lines = path.read_text().splitlines()
                words = [f":{near}:" for near in neighbours] + [self.names[near] for near in neighbours]
                found += [f"{path.name}:{number}: {line}" for number, line in enumerate(lines, 1)
                          if any(word in line for word in words)]
        return "\n".join(found)

    def check_permanent_log(self, host, named):
        sent = collections.Counter(self.spool.permanent("S", host, halves=self.kills))
        self.assertEqual(set(sent), set(self.left[host]), f"{host}: S: lines; {self.traces(host, sent)}")
        unnamed = [command for command, count in sent.items() if count > 1 and self.names[command] not in named]
        self.assertFalse(unnamed, f"{host}: several S: lines and not named")
        self.assertLessEqual(sum(sent.values()) - len(sent), self.kills, host)

    def check_all(self):
        named = NAMED.findall(self.lonc.log())
        self.assertEqual(self.spool.quarantined(), {})
        # At most one of each host for each process. A process killed before its log was written names it again.
        self.assertLessEqual(len(set(named)), self.kills * len(HOSTS))
        doubled = {}
        for host in HOSTS:
            arrivals = self.arrived(host)
            self.check_order(host, arrivals)
            doubled[host] = self.check_doubled(host, arrivals, set(named))
            self.check_permanent_log(host, set(named))
        messages = sum(map(len, self.left.values()))
        print(f"{self.kills} kills, {messages} messages, doubled {doubled}, named {len(named)}")

    def crash(self, kills, **settings):
        self.kills = kills
        self.lonc = self.node(HOSTS, start=False, settings={name.replace("_", "-"): value
                                                            for name, value in settings.items()})
        self.spool = Spool(self.lonc)
        for number in range(kills):
            if number % 10 == 0:
                self.top_up()
            self.run_and_kill()
        self.drain()
        self.check_all()

    def test_batch_of_32(self):
        self.crash(KILLS - KILLS // 4)

    def test_batch_of_1(self):
        self.backlog = 1500  # each has syncs of its own
        self.crash(KILLS // 4, delayed_sync_batch="1")

    def test_killed_during_recovery(self):
        """Processes that live too briefly to send anything; then live requests."""
        self.kills = 40
        self.lonc = self.node(HOSTS, start=False)
        self.spool = Spool(self.lonc)
        self.top_up()
        for _ in range(self.kills):
            self.lonc.launch()
            time.sleep(self.random.uniform(0.0, 0.1) * SLOWNESS)
            self.lonc.process.kill()
            self.lonc.process.wait()
        self.lonc.start()
        for host in HOSTS:
            self.lonc.wait_up(host)
        self.assert_all_right(load(self.lonc, HOSTS, clients=4, requests=400))
        self.lonc.stop()
        self.drain()
        self.check_all()
