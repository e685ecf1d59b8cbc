"""Makes each system call of a running lonc fail, and of one that starts, and judges what follows: see docs/reliability.md.

A triple is a call, which one of them fails, and how: with what errno, and once or until the fault is lifted.
The last line of the output is "N triples, N failed"; the exit status is 1 if any has failed.
"""
import argparse
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from e2e.harness import E2eTest  # noqa: E402
from e2e.spool import Spool  # noqa: E402
from faults.calls import ERRORS, Page  # noqa: E402
from support.waiting import SLOWNESS, NotInTime, wait_for  # noqa: E402

HOSTS = ["msul1", "msul2"]
SETTINGS = {"backoff-first": "100ms", "backoff-longest": "200ms", "delayed-rescan": "1s", "request-timeout": "2s",
            "connect-wait": "1s", "delayed-timeout": "2s", "delayed-max-attempts": "1000", "hosts-without-ip": "resolve"}
CLIENTS = 3
# A client whose own connection fails reads end of file.
MAY_CLOSE = {"accept4", "recv", "send", "sendmsg", "epoll_ctl", "setsockopt"}
# These may have hit the log, or the journal that tells about copies.
MAY_HIDE = {"write", "open"}
MAY_DIE = {"malloc"}
PATIENCE = 4.0  # for answers: request-timeout and connect-wait, and a second
ARGUMENTS = argparse.Namespace()


class Faults(E2eTest):
    def setUp(self):
        super().setUp()
        self.tried = self.bad = self.number = 0
        self.counts = {}
        self.worst = {"answer": 0.0, "recovery": 0.0, "status": 0.0}
        self.network.pin("msul2", "127.0.0.1")
        self.journal = self.directory.with_suffix(".journal")
        self.addCleanup(lambda: self.journal.unlink(missing_ok=True))
        self.page = Page(self.directory.with_suffix(".page"))
        self.addCleanup(lambda: self.directory.with_suffix(".page").unlink(missing_ok=True))
        self.addCleanup(self.page.close)
        self.peer = self.standin(HOSTS, journal=self.journal)
        self.lonc = None

    def new_node(self):
        if self.lonc:
            self.page.lift()
            if self.lonc.process.poll() is None:
                self.lonc.process.kill()
            self.lonc.process.wait()
        prefix = ["env", f"LD_PRELOAD={ARGUMENTS.library}", f"LONC_FAULT_PAGE={self.page.file.name}"]
        # The second peer has a name, so that it must be resolved.
        self.lonc = self.node(["msul1", "msul2:msu:library:localhost"], start=False, settings=SETTINGS, prefix=prefix)
        self.spool = Spool(self.lonc)

    def fresh(self):
        self.new_node()
        self.lonc.start()
        for host in HOSTS:
            self.lonc.wait_up(host)

    # --- one round: clients, messages, new connections

    def begin_round(self, drop=True):
        self.number += 1
        if drop:
            for host in HOSTS:
                self.peer.drop(host)
        self.messages = []
        for i in range(2):
            text = f"echo:delayed-{self.number}-{i}"
            self.spool.message("msul1", text)
            self.messages.append(text)
        self.clients = []
        for host in HOSTS:
            for i in range(CLIENTS):
                client = self.lonc.client(host, PATIENCE)
                # lonc may have closed it already: then its answer is end of file.
                try:
                    client.send(f"echo:{self.number}-{host}-{i}\n")
                except BrokenPipeError:
                    pass
                self.clients.append((client, f"echo:{self.number}-{host}-{i}"))
        self.began = time.monotonic()

    def answers(self, patience):
        """Judges the answers that come within `patience` seconds of all; returns whether none is left."""
        end = time.monotonic() + patience * SLOWNESS
        while self.clients:
            client, line = self.clients[0]
            client.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                answer = client.line()
            except ConnectionResetError:
                answer = None
            except TimeoutError:
                # A file object that timed out cannot be read again.
                client.file = client.socket.makefile("rb")
                return False
            self.clients.pop(0)
            client.close()
            took = time.monotonic() - self.began
            self.worst["answer"] = max(self.worst["answer"], took)
            if answer is None and self.call in MAY_CLOSE:
                continue
            self.must(answer in ("con_lost", line, line[5:]), f"{line} was answered {answer!r}")
        return True

    def must(self, condition, what):
        if not condition:
            raise AssertionError(what)

    def alive(self):
        code = self.lonc.process.poll()
        self.must(code is None, f"lonc ended with {code}")

    def delivered(self):
        text = self.journal.read_text()
        arrived = {message: text.count(f" {message}\n") for message in self.messages}
        quarantined = self.spool.quarantined()
        self.must(not self.spool.waiting(), f"waiting: {self.spool.waiting()}")
        self.must(all(arrived.values()) or quarantined, f"lost: {arrived}")
        return arrived, quarantined

    def recovered(self):
        start = time.monotonic()
        for host in HOSTS:
            wait_for(lambda host=host: self.lonc.request(host, "whoami") == host, f"{host} answers again", 3, 0.02)
        self.worst["recovery"] = max(self.worst["recovery"], time.monotonic() - start)

    def status(self):
        start = time.monotonic()
        done = self.lonc.ctl("status", seconds=5)
        took = time.monotonic() - start
        self.worst["status"] = max(self.worst["status"], took)
        self.must(done.returncode in (0, 1) and "msul1" in done.stdout, f"loncctl status: {done.stdout}{done.stderr}")
        self.must(took < 1.5 * SLOWNESS, f"loncctl status took {took:.2f} s")

    def judge_running(self, always):
        """A round in which a call fails, then what must hold."""
        log_before = len(self.lonc.log())
        self.begin_round()
        all_answered = self.answers(1 if always else PATIENCE)
        if not always:
            wait_for(lambda: self.alive() or self.delivered(), "all delayed messages arrive", 6)
        self.alive()
        self.page.lift()
        self.must(all_answered or self.answers(PATIENCE), f"{len(self.clients)} clients have no answer")
        self.recovered()
        arrived, quarantined = wait_for(self.delivered, "all delayed messages arrive", 6)
        # A message that lonc may not read is for the administrator.
        self.must(self.call == "open" or not quarantined, f"quarantined: {quarantined}")
        copies = {message: times for message, times in arrived.items() if times != 1}
        named = "sent again" in self.lonc.log()[log_before:] or "may have two" in self.lonc.log()[log_before:]
        self.must(not copies or named or self.call in MAY_HIDE, f"doubled and not named: {copies}")
        self.status()
        self.alive()

    def drop_clients(self):
        for client, _ in self.clients:
            client.close()
        self.clients = []

    # --- the enumeration

    def triples(self, call, most):
        for error in ERRORS[call].split():
            for nth in range(1, most + 1):
                yield error, nth, False
            for nth in sorted({1, most // 2} - {0})[:1 if ARGUMENTS.short else 2]:
                # The kernel interrupts a call once, not always; a short read for ever is a slow network or disk.
                if error != "EINTR":
                    yield error, nth, True

    def chosen(self, call, most):
        found = list(self.triples(call, most))
        return found[::max(1, len(found) // 4)][:5] if ARGUMENTS.short else found

    def attempt(self, name, judge, *arguments):
        self.tried += 1
        try:
            judge(*arguments)
            return True
        except (AssertionError, NotInTime, OSError, RuntimeError) as error:
            if self.call in MAY_DIE and self.lonc.process.poll() is not None:
                return False
            self.bad += 1
            print(f"FAILED {name}: {str(error)[:600]}", flush=True)
            if ARGUMENTS.verbose:
                print(self.lonc.log()[-3000:], self.lonc.errors()[-1000:], self.lonc.ctl("status", "msul1").stdout,
                      self.lonc.ctl("queue", "list").stdout, flush=True)
            return False

    def running(self):
        for call in ARGUMENTS.calls:
            self.call = call
            self.fresh()
            self.begin_round()
            self.answers(PATIENCE)
            before = self.page.seen(call)
            self.begin_round()
            self.must(self.answers(PATIENCE), "a round without faults has all answers")
            wait_for(self.delivered, "all delayed messages arrive", 6)
            most = min(self.page.seen(call) - before, ARGUMENTS.most)
            tried, hit, start = self.tried, 0, time.monotonic()
            for error, nth, always in self.chosen(call, most):
                name = f"{call}:{nth}:{error}:{'always' if always else 'once'}"
                self.page.arm(call, nth, error, always)
                good = self.attempt(name, self.judge_running, always)
                hit += self.page.lift() > 0
                if not good:
                    self.drop_clients()
                    self.fresh()
            print(f"running {call}: {most} calls, {self.tried - tried} triples, {hit} hit, "
                  f"{time.monotonic() - start:.0f} s", flush=True)

    # --- faults while it starts

    def judge_start(self):
        self.lonc.launch()
        process = self.lonc.process

        def decided():
            return process.poll() is not None or self.lonc.is_ready()

        try:
            wait_for(decided, "ready or ended", 1.5)
        except NotInTime:
            self.page.lift()
            wait_for(decided, "ready or ended after the fault", 5)
        self.page.lift()
        code = process.poll()
        if code is not None:
            self.must(code > 0, f"ended with {code}: {self.lonc.errors()[-300:]}")
            self.must(self.lonc.errors().strip(), "ended without a word")
            self.ended += 1
            return
        self.begin_round(drop=False)
        self.must(self.answers(PATIENCE), "a client has no answer")
        self.recovered()
        wait_for(self.delivered, "all delayed messages arrive", 6)
        self.status()

    def starting(self):
        for call in ARGUMENTS.calls:
            self.call = call
            before = self.page.seen(call)
            self.fresh()
            most = min(self.page.seen(call) - before, ARGUMENTS.most_start)
            tried, hit, start, self.ended = self.tried, 0, time.monotonic(), 0
            for error, nth, always in self.chosen(call, most):
                self.new_node()
                self.page.arm(call, nth, error, always)
                self.attempt(f"start {call}:{nth}:{error}:{'always' if always else 'once'}", self.judge_start)
                hit += self.page.lift() > 0
                self.clients = []
            print(f"starting {call}: {most} calls, {self.tried - tried} triples, {hit} hit, {self.ended} did not start, "
                  f"{time.monotonic() - start:.0f} s", flush=True)

    def _end(self, node):
        """Their ends are no subject here."""
        if node.process and node.process.poll() is None:
            node.process.kill()
        if node.process:
            node.process.wait()

    def runTest(self):
        start = time.monotonic()
        self.page.lift()
        if ARGUMENTS.only != "start":
            self.running()
        if ARGUMENTS.only != "running":
            self.starting()
        print(", ".join(f"longest {name} {seconds:.2f} s" for name, seconds in self.worst.items()),
              f"in {time.monotonic() - start:.0f} s")
        print(f"{self.tried} triples, {self.bad} failed")
        ARGUMENTS.bad = self.bad or not self.tried


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", required=True, help="libfault.so")
    parser.add_argument("--calls", default=" ".join(ERRORS), help="which calls fail")
    parser.add_argument("--only", choices=["running", "start"])
    parser.add_argument("--most", type=int, default=12, help="how many calls of a round fail, each in a round of its own")
    parser.add_argument("--most-start", type=int, default=6, help="how many calls of a start fail")
    parser.add_argument("--short", action="store_true", help="a few triples of each call")
    parser.add_argument("--verbose", action="store_true", help="the log of each failure")
    parser.parse_args(namespace=ARGUMENTS)
    ARGUMENTS.calls = ARGUMENTS.calls.split()
    ARGUMENTS.bad = True
    suite = unittest.TestSuite([Faults()])
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(suite)
    return 1 if ARGUMENTS.bad or not result.wasSuccessful() else 0


if __name__ == "__main__":
    sys.exit(main())
