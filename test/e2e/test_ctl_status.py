"""loncctl status and top: what an administrator sees of a daemon, or why nothing can be seen."""
import json
import os
import pathlib
import re
import signal
import socket
import time
import unittest

from e2e.ctl import NO_MATCH, OK, UNREACHABLE, USAGE, CtlTest, Terminal
from e2e.harness import wait_for
from e2e.peers import Load


class StatusTest(CtlTest):
    def setUp(self):
        super().setUp()
        self.peer = self.standin(["msul1", "msul2", "refusing"], faults={"refusing": "refuse"})
        self.lonc = self.node(["msul1", "msul2", "refusing", "closed"])
        for host in ("msul1", "msul2"):
            self.lonc.wait_up(host)
        for host in ("refusing", "closed", "data1"):
            self.lonc.wait_lost(host)
        wait_for(lambda: self.out(self.lonc, "status").startswith("5 peers: 2 up, 3 away\n"), "the peers are known")

    def test_table(self):
        self.assertEqual(self.lonc.request("msul1", "echo:x"), "x")
        lines = self.out(self.lonc, "status").splitlines()
        self.assertRegex(lines[1], rf"^lonc \d+\.\d+\.\d+ on data1, process {self.lonc.pid()}, started \d+s ago$")
        rows = [line.split() for line in lines[4:]]
        self.assertEqual({row[0] for row in rows[:3]}, {"refusing", "closed", "data1"})
        self.assertEqual([row[:2] for row in rows[3:]], [["msul1", "up"], ["msul2", "up"]])
        self.assertRegex(next(line for line in lines if line.startswith("refusing")), "lond refused this server")
        self.assertRegex(next(line for line in lines if line.startswith("closed")), "Connection refused")
        for row in rows:
            self.assertRegex(row[2], r"^\d+[sm]$")
        self.assertNotIn("\x1b", "".join(lines))

    def test_one_peer(self):
        text = self.out(self.lonc, "status", "refusing")
        self.assertRegex(text, r"state: +away for \d+[sm]: Away: lond refused this server")
        self.assertRegex(text, r"what to do: +the peer does not know this server's address")
        self.assertNotIn("what to do", self.out(self.lonc, "status", "msul1"))
        self.assertRegex(self.out(self.lonc, "status", "msul1"), rf"address: +{re.escape(self.network.place('msul1'))}\n")
        done = self.run_ctl(self.lonc, "status", "nobody1", code=NO_MATCH)
        self.assertIn("lonc has no peer nobody1", done.stderr)

    def test_json(self):
        status = json.loads(self.out(self.lonc, "status", "--json"))
        self.assertEqual(status["version"], 1)
        self.assertEqual([peer["id"] for peer in status["peers"]], ["closed", "data1", "msul1", "msul2", "refusing"])
        self.assertEqual(json.loads(self.out(self.lonc, "status", "msul2", "--json"))["state"], "up")
        self.run_ctl(self.lonc, "status", "nobody1", "--json", code=NO_MATCH)

    def test_terminal(self):
        with Terminal(self.lonc, "status", columns=50) as terminal:
            code, text = terminal.finish()
        self.assertEqual(code, OK)
        self.assertIn("\x1b[31maway", text)
        self.assertIn("\x1b[32mup", text)
        for line in re.sub(r"\x1b\[\d*m", "", text).splitlines():
            self.assertLessEqual(len(line), 50, line)
        with Terminal(self.lonc, "status", environment={"NO_COLOR": "1"}) as terminal:
            self.assertNotIn("\x1b", terminal.finish()[1])

    def test_no_daemon(self):
        self.lonc.stop()
        for words in (("status",), ("top",), ("status", "msul1"), ("status", "--json")):
            done = self.run_ctl(self.lonc, *words, code=UNREACHABLE)
            self.assertIn(f"lonc is not running: nothing listens on its admin socket {self.lonc.logs}/lonc.admin",
                          done.stderr)
            self.assertIn("systemctl start lonc", done.stderr)
            self.assertEqual(done.stdout, "")

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_another_user(self):
        done = self.run_ctl(self.lonc, "status", code=UNREACHABLE, user="nobody", group="nogroup")
        self.assertRegex(done.stderr,
                         r"you may not use .*lonc\.admin: it belongs to `root` \(uid 0\), and you are `nobody`")
        self.assertIn("or root", done.stderr)

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_member_of_the_group(self):
        """May read, and gets the reason when anything else is refused."""
        self.lonc.stop()
        self.lonc.settings["admin-group"] = "nogroup"
        self.lonc.start()
        somebody = {"user": "nobody", "group": "nogroup"}
        self.assertIn("5 peers", self.out(self.lonc, "status", **somebody))
        self.assertEqual(self.out(self.lonc, "log-level", **somebody), "info\n")
        for words in (("reload",), ("reconnect", "--all"), ("log-level", "debug")):
            self.assertIn("lonc says: ", self.run_ctl(self.lonc, *words, code=UNREACHABLE, **somebody).stderr)

    def test_frozen_daemon(self):
        """Reported soon, with the state of its process."""
        self.freeze(self.lonc)
        done = self.assert_quick(20, lambda: self.run_ctl(self.lonc, "status", code=UNREACHABLE))
        self.assertIn(f"lonc does not answer in time at its admin socket {self.lonc.logs}/lonc.admin: process "
                      f"{self.lonc.pid()} (lonc) of its pid file {self.lonc.pid_file} is stopped", done.stderr)
        self.assertIn(f"kill -CONT {self.lonc.pid()}", done.stderr)
        self.lonc.signal(signal.SIGCONT)
        self.assertIn("5 peers", self.out(self.lonc, "status"))

    def test_silent_daemon(self):
        """The pid file names a process that is not stopped, or none at all."""
        self.lonc.stop()
        self.addCleanup(self.lonc.pid_file.unlink, missing_ok=True)
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(self.lonc.logs / "lonc.admin"))
            silent.listen()
            for pid, says in ((os.getpid(), rf"process {os.getpid()} \(.+\) of .*lonc\.pid hangs, or is overloaded; "
                                            rf"try again; .*watchdog.*kill -KILL {os.getpid()}, and start"),
                              (0, r"names no process; systemd's watchdog .* `fuser .*lonc\.admin`")):
                self.lonc.pid_file.write_text(f"{pid}\n")
                done = self.assert_quick(20, lambda: self.run_ctl(self.lonc, "log-level", code=UNREACHABLE))
                self.assertRegex(done.stderr, says)
        (self.lonc.logs / "lonc.admin").unlink()

    def test_usage(self):
        for words in (("status", "a", "b"), ("status", "--all"), ("top", "msul1"), ("top", "--count", "0"),
                      ("top", "--interval", "0"), ("top", "--interval", "x"), ("status", "--count", "3"), ("statsu",)):
            self.assertTrue(self.run_ctl(self.lonc, *words, code=USAGE).stderr, words)

    def test_top_frames(self):
        with Load(self.lonc, ["msul1"], clients=2, seconds=60) as load:
            text = self.out(self.lonc, "top", "--interval", "0.5", "--count", "2")
            load.stop()
        frames = text.split("\n5 peers")
        self.assertEqual(len(frames), 2, text)
        for frame in frames:
            self.assertGreater(float(re.search(r"per second: ([\d.]+) requests", frame)[1]), 10, text)
        self.assertRegex(text, r"(?m)^msul1 +up .* [1-9]\d*(\.\d)? ")
        self.assertNotIn("\x1b", text)

    def test_top_on_a_terminal(self):
        for end in ("key", "signal", "interrupt"):
            with self.subTest(end), Terminal(self.lonc, "top", "--interval", "0.2") as terminal:
                before = terminal.modes()
                wait_for(lambda t=terminal: t.read().count("5 peers") >= 2, "two frames")
                self.assertNotEqual(terminal.modes(), before)
                if end == "key":
                    terminal.press(b"xq")
                else:
                    terminal.process.send_signal(signal.SIGTERM if end == "signal" else signal.SIGINT)
                code, text = terminal.finish()
                self.assertEqual(code, OK, text)
                self.assertEqual(terminal.modes(), before)
                self.assertTrue(text.startswith("\x1b[?1049h"), text)
                self.assertTrue(text.endswith("\x1b[?25h\x1b[?1049l"), text)

    def wait_until_it_asks_in_vain(self, pid):
        """Between two requests it has no socket, and with a daemon that answers no socket is open for so long."""
        since = {}

        def asks_long():
            links = [os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
            now = time.monotonic()
            for link in [link for link in links if link.startswith("socket:")]:
                if now > since.setdefault(link, now) + 0.5:
                    return True
            return False

        wait_for(asks_long, "it waits for an answer")

    def test_top_ends_while_the_daemon_is_frozen(self):
        """Even in the middle of a request that is not answered."""
        for end in (b"q", signal.SIGTERM, signal.SIGINT):
            with self.subTest(end), Terminal(self.lonc, "top", "--interval", "0.05") as terminal:
                before = terminal.modes()
                wait_for(lambda t=terminal: "5 peers" in t.read(), "a frame")
                self.lonc.signal(signal.SIGSTOP)
                try:
                    self.wait_until_it_asks_in_vain(terminal.process.pid)
                    if end == b"q":
                        terminal.press(end)
                    else:
                        terminal.process.send_signal(end)
                    code, text = self.assert_quick(2, terminal.finish)
                finally:
                    self.lonc.signal(signal.SIGCONT)
                self.assertEqual(code, OK, text)
                self.assertNotIn("does not answer", text)
                self.assertEqual(terminal.modes(), before)

    def test_top_outlives_the_daemon(self):
        with Terminal(self.lonc, "top", "--interval", "0.2") as terminal:
            wait_for(lambda: "5 peers" in terminal.read(), "a frame")
            self.lonc.stop()
            wait_for(lambda: "lonc is not running" in terminal.read(), "it says so")
            self.lonc.start()
            shown = len(terminal.text)
            wait_for(lambda: "5 peers" in terminal.read()[shown:], "it is back")
            terminal.press(b"q")
            self.assertEqual(terminal.finish()[0], OK)
