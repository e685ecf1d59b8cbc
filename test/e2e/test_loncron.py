"""The classic side: an unmodified loncron finds, counts, signals, rotates and starts this lonc like the old one."""
import os
import signal

from e2e.harness import E2eTest, wait_for
from e2e.loncron import LARGE, MAIL_AT, Loncron
from e2e.peers import Critical, load
from e2e.spool import Spool
from e2e.test_log_status import LOG_LINE


class LoncronTest(E2eTest):
    def prepare(self, hosts=("msul1", "msul2"), **options):
        self.peer, self.lonc = self.pair(list(hosts), **options)
        self.loncron = Loncron(self.lonc)

    def lose(self, host):
        self.peer.down(host)
        self.lonc.wait_lost(host)

    def test_responding(self):
        """kill 0 finds it, and USR1 makes it write the status and try the peers again."""
        self.prepare()
        self.lose("msul2")
        self.wait_told(lambda line: "Away" in line, "msul2 is away")
        self.peer.up("msul2")
        self.wait_told(lambda line: "Away" not in line, "msul2 is back")

    def wait_told(self, is_as_wanted, what):
        def is_told():
            self.assertEqual(self.loncron.check(), "responding")
            lines, pid = self.loncron.status_lines()
            self.assertEqual(pid, self.loncron.pid())
            self.assertEqual(sorted(lines), ["PARENT", "data1", "msul1", "msul2"])
            return is_as_wanted(lines["msul2"])

        wait_for(is_told, f"the status tells that {what}", 20)

    def test_page_of_log_and_status(self):
        """It puts both into a web page unchanged."""
        self.prepare()
        self.lose("msul2")
        self.loncron.check()
        for line in [*self.loncron.tail(), *self.loncron.status_lines()[0].values()]:
            self.assertNotRegex(line, "[<>]")

    def test_no_mail_after_a_bad_day(self):
        """Outages, hundreds of failed requests, and a reload: far below its threshold for a mail."""
        self.prepare()
        for _ in range(3):
            self.lose("msul2")
            tally = load(self.lonc, ["msul2"], requests=200)
            self.assertGreater(tally["con_lost"], 100, f"{tally}")
            self.peer.up("msul2")
            self.lonc.wait_up("msul2")
        self.lonc.hang_up()
        self.lonc.wait_logged("HUP: reloaded")
        # data1, for which there is no lond here, causes one WARNING.
        self.assertEqual(self.loncron.warnings(), 0, self.lonc.log())
        self.assertGreater(self.loncron.notices(), 0, "an outage is told")
        self.assertLess(self.loncron.score(), MAIL_AT / 10, self.lonc.log())

    def test_delayed_minus_completed(self):
        self.prepare()
        spool = Spool(self.lonc)
        self.lose("msul1")
        with Critical(self.lonc, "msul1", "echo:one", "encrypt:echo:two") as perl:
            self.assertEqual(perl.finish(), ["con_delayed", "con_delayed"])
        self.assertEqual(self.loncron.unsent(), 2)
        inode = self.loncron.permanent_log.stat().st_ino
        self.peer.up("msul1")
        self.assertEqual(self.loncron.check(), "responding")
        wait_for(lambda: self.loncron.unsent() == 0, "both are completed", 30)
        wait_for(lambda: not spool.waiting(), "both files are gone")
        self.assertEqual(self.loncron.unsent(), 0)
        self.assertEqual(self.loncron.warnings(), 0)
        self.assertEqual(self.loncron.permanent_log.stat().st_ino, inode, "this log is only ever added to")

    def write_log(self, lines):
        for _ in range(lines):
            self.assertIsNone(self.lonc.request("msul1", "close_connection_exit"))

    def count(self):
        paths = [self.loncron.log, *map(self.loncron.rotated, (1, 2, 3))]
        text = "".join(path.read_text() for path in paths if path.exists())
        self.assertTrue(all(map(LOG_LINE.match, text.splitlines())))
        return text.count("Request Close Connection")

    def test_rotation(self):
        """A log above 40,000 bytes is renamed while lonc writes; no line is lost and the new one is used at once."""
        self.prepare()
        self.assertFalse(self.loncron.rotate())
        written = 0
        for number in (1, 2, 3):
            while self.loncron.log.stat().st_size <= LARGE:
                self.write_log(20)
                written += 20
            self.assertTrue(self.loncron.rotate())
            self.write_log(1)
            written += 1
            wait_for(self.loncron.log.exists, "the new log")
            self.assertTrue(self.loncron.rotated(number).exists())
        wait_for(lambda: self.count() == written, "each line is there once")

    def test_dead(self):
        """It is started without arguments, returns, and its pid file exists within two seconds."""
        self.prepare()
        self.lonc.process.kill()
        self.lonc.process.wait()
        self.assertTrue(self.lonc.pid_file.exists(), "kill -9 leaves it behind")
        self.assertFalse(self.loncron.is_alive())
        self.assertEqual(self.assert_quick(3, self.loncron.check), "started")
        pid = self.loncron.pid()
        self.addCleanup(self.end, pid)
        self.lonc.wait_up("msul1")
        self.assertEqual(self.loncron.errors.read_text(), "")
        self.assertEqual(self.loncron.check(), "responding")
        self.assertEqual(self.loncron.pid(), pid)

    def test_started_twice(self):
        """Reported on standard error, which goes to lonc_errors, and the running one continues."""
        self.prepare()
        before = self.loncron.pid()
        done = self.assert_quick(2, self.loncron.start)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(before), self.loncron.errors.read_text())
        self.assertEqual(self.loncron.pid(), before)
        self.assertEqual(self.lonc.request("msul1", "echo:undisturbed"), "undisturbed")

    def end(self, pid):
        """Ends a lonc that is not a child of this process."""
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not self.loncron.is_alive(), "the daemon has ended", 20)
