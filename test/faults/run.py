"""Makes the system calls of lonc fail, while it runs and while it starts: see docs/reliability.md.

A triple is a call, which one of them fails, and how: with what errno, and once or until the fault is lifted.
The last line of the output is "N triples, N failed"; the exit status is 1 if any has failed.
"""
import argparse
import pathlib
import subprocess
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
            "connect-wait": "1s", "delayed-timeout": "2s", "delayed-max-attempts": "1000", "status-interval": "1s",
            "hosts-without-ip": "resolve"}
CLIENTS = 3
# A client whose own connection fails reads end of file.
MAY_CLOSE = {"accept4", "recv", "send", "sendmsg", "epoll_ctl", "setsockopt", "malloc"}
# These may have hit the log, or the journal that tells about copies.
MAY_HIDE = {"write", "open"}
# A message that cannot be read is put aside, and named there.
MAY_QUARANTINE = {"open", "read"}
DISK_CALLS = {"open", "read", "write", "fsync", "fdatasync", "rename", "unlink"}
# The status is written every second.
PERIODIC = {"rename", "fsync", "write", "open", "unlink"}
MAY_DIE = {"malloc"}
PATIENCE = 4.0  # for answers: request-timeout and connect-wait, and a second
DELAYED_PATIENCE = 12.0  # after an error of the disk they wait for five seconds, or twice
ARGUMENTS = argparse.Namespace()


class Crossed(AssertionError):
    """A client has got what is not its answer."""


class Faults(E2eTest):
    def setUp(self):
        super().setUp()
        self.tried = self.missed = self.bad = self.number = self.ended = self.restarts = 0
        self.worst = {"answer": 0.0, "recovery": 0.0, "status": 0.0, "delivery": 0.0}
        self.network.pin("msul2", "127.0.0.1")
        self.journal = self.directory.with_suffix(".journal")
        self.addCleanup(lambda: self.journal.unlink(missing_ok=True))
        self.page = Page(self.directory.with_suffix(".page"))
        self.addCleanup(lambda: self.directory.with_suffix(".page").unlink(missing_ok=True))
        self.addCleanup(self.page.close)
        self.peer = self.standin(HOSTS, journal=self.journal)
        self.lonc = None
        self.clients = []

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
                # A long line goes another way than a short one.
                line = f"echo:{self.number}-{host}-{i}" + "x" * (2000 if i == 0 else 0)
                # lonc may have closed it already: then its answer is end of file.
                try:
                    client.send(line + "\n")
                except BrokenPipeError:
                    pass
                self.clients.append((client, line))
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
            if answer not in ("con_lost", line[5:]):
                raise Crossed(f"{line:.40} was answered {answer!r:.60}")
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
        # Its reason has a file of its own, which may be what could not be written.
        aside = self.spool.quarantine_directory
        quarantined = [path.read_text().strip() for path in aside.iterdir() if path.suffix != ".reason"] \
            if aside.exists() else []
        self.must(not self.spool.waiting(), f"waiting: {self.spool.waiting()}")
        lost = [message for message, times in arrived.items() if not times and message not in quarantined]
        self.must(not lost, f"lost: {lost}")
        return arrived, [message for message in quarantined if message in arrived]

    def recovered(self):
        start = time.monotonic()
        for host in HOSTS:
            wait_for(lambda host=host: self.lonc.request(host, "whoami") == host, f"{host} answers again", 2, 0.02)
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
            wait_for(lambda: self.alive() or self.delivered(), "all delayed messages arrive", DELAYED_PATIENCE)
        self.alive()
        if self.call in PERIODIC and not self.page.failed():
            end = time.monotonic() + 1.2
            while not self.page.failed() and time.monotonic() < end:
                time.sleep(0.01)
        self.page.lift()
        self.must(all_answered or self.answers(PATIENCE), f"{len(self.clients)} clients have no answer")
        self.recovered()
        arrived, quarantined = wait_for(self.delivered, "all delayed messages arrive", DELAYED_PATIENCE)
        self.worst["delivery"] = max(self.worst["delivery"], time.monotonic() - self.began)
        self.must(not quarantined or self.call in MAY_QUARANTINE, f"quarantined: {quarantined}")
        copies = {message: times for message, times in arrived.items() if times > 1}
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
        # After an error of the disk, delayed messages wait for five seconds.
        if ARGUMENTS.short and call in DISK_CALLS:
            return found[:1]
        # Each thing that is watched has its own way to go on without.
        if ARGUMENTS.short and call == "epoll_ctl":
            return [triple for triple in found if triple[0] == "ENOSPC"]
        return found[::max(1, len(found) // 2)][:2] if ARGUMENTS.short else found

    def attempt(self, name, judge, *arguments):
        try:
            judge(*arguments)
            return True
        except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            if self.call in MAY_DIE and not isinstance(error, Crossed) and self.restart_helps():
                return False
            self.bad += 1
            print(f"FAILED {name}: {str(error)[:600]}", flush=True)
            if ARGUMENTS.verbose:
                print(self.lonc.log()[-3000:], self.lonc.errors()[-1000:], flush=True)
            return False
        finally:
            # A call that was not made in this round proves nothing.
            hit = self.page.lift() > 0
            self.tried += hit
            self.missed += not hit

    def restart_helps(self):
        """After a lack of memory, lonc may end, or stop to work on delayed messages; but nothing may be lost."""
        self.page.lift()
        self.lonc.process.kill()
        self.lonc.process.wait()
        try:
            self.lonc.start()
            self.recovered()
            wait_for(self.delivered, "all delayed messages arrive", DELAYED_PATIENCE)
        except (AssertionError, OSError, RuntimeError) as error:
            print(f"not even after a restart: {error}", flush=True)
            return False
        self.restarts += 1
        return True

    def running(self):
        for call in ARGUMENTS.calls:
            self.call = call
            self.fresh()
            self.begin_round()
            self.answers(PATIENCE)
            before = self.page.seen(call)
            self.begin_round()
            self.must(self.answers(PATIENCE), "a round without faults has all answers")
            wait_for(self.delivered, "all delayed messages arrive", DELAYED_PATIENCE)
            most = max(1, min(self.page.seen(call) - before, ARGUMENTS.most))
            tried, missed, start = self.tried, self.missed, time.monotonic()
            for error, nth, always in self.chosen(call, most):
                name = f"{call}:{nth}:{error}:{'always' if always else 'once'}"
                self.page.arm(call, nth, error, always)
                if not self.attempt(name, self.judge_running, always):
                    self.drop_clients()
                    self.fresh()
            print(f"running {call}: {most} calls, {self.tried - tried} triples, {self.missed - missed} not reached, "
                  f"{time.monotonic() - start:.0f} s", flush=True)

    # --- faults while it starts

    def judge_start(self):
        self.lonc.launch()
        process = self.lonc.process

        def decided():
            # The pid file and the status may come later: lonc tries them again.
            return process.poll() is not None or all(map(self.lonc.is_listening, self.lonc.hosts))

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
        wait_for(self.delivered, "all delayed messages arrive", DELAYED_PATIENCE)
        self.status()

    def starting(self):
        for call in ARGUMENTS.calls:
            self.call = call
            before = self.page.seen(call)
            self.fresh()
            most = min(self.page.seen(call) - before, ARGUMENTS.most_start)
            tried, missed, start, self.ended = self.tried, self.missed, time.monotonic(), 0
            for error, nth, always in self.chosen(call, most):
                self.new_node()
                self.page.arm(call, nth, error, always)
                self.attempt(f"start {call}:{nth}:{error}:{'always' if always else 'once'}", self.judge_start)
                self.drop_clients()
            print(f"starting {call}: {most} calls, {self.tried - tried} triples, {self.missed - missed} not reached, "
                  f"{self.ended} did not start, {time.monotonic() - start:.0f} s", flush=True)

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
              f"in {time.monotonic() - start:.0f} s; {self.missed} more were not reached; "
              f"{self.restarts} needed a restart")
        print(f"{self.tried} triples, {self.bad} failed")
        ARGUMENTS.bad = self.bad or not self.tried


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--library", required=True, help="libfault.so")
    parser.add_argument("--calls", default=" ".join(ERRORS), help="which calls fail")
    parser.add_argument("--only", choices=["running", "start"])
    parser.add_argument("--most", type=int, default=12,
                        help="how many calls of a round fail, each in a round of its own")
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
