"""lonc as a service of a booted systemd: start, reload, restart, and what happens when it dies or hangs."""
import json
import re
import time

from e2e.harness import wait_for
from boot.booted_node import HOSTS, VARIABLES, NodeTest

DIED = (r"^systemd: lonc\.service: Main process exited, code=(killed|dumped)",
        r"^systemd: lonc\.service: Failed with result")
DROP_IN = "/run/systemd/system/lonc.service.d/test.conf"


class ServiceTest(NodeTest):
    def wait_new_process(self, old, seconds=20):
        def is_new():
            pid = self.node.main_pid()
            return pid if pid not in (0, old) and self.node.is_active() else None

        return wait_for(is_new, "systemd has started lonc again", seconds)

    def status_text(self):
        return self.container.properties("lonc", "StatusText")["StatusText"]


class StartTest(ServiceTest):
    def test_stop_and_start(self):
        """`systemctl start` returns when every socket listens; `stop` leaves neither sockets nor a pid file."""
        self.container.systemctl("stop", "lonc")
        self.node.wait_state(ActiveState="inactive", Result="success")
        self.assertEqual([path.name for path in self.node.sockets.iterdir() if path.is_socket()], [])
        self.assertFalse(self.node.pid_file.exists())
        self.assertEqual(self.node.pids(), [])

        self.container.systemctl("start", "lonc")
        for host in HOSTS:
            self.assertIn(self.node.ask(host, "whoami"), (host, "con_lost"))
        self.node.wait_serving()
        self.assertEqual(self.node.pids(), [self.node.main_pid()])
        self.assertEqual(self.node.pid_file.read_text(), f"{self.node.main_pid()}\n")

    def test_is_enabled_and_runs_as_www(self):
        self.assertEqual(self.container.systemctl("is-enabled", "lonc").stdout.strip(), "enabled")
        user = self.container.run("ps", "-o", "user=", "-p", self.node.main_pid()).stdout.strip()
        self.assertEqual(user, "www")

    def test_status_names_peers_that_are_away(self):
        self.assertIn("3 up", wait_for(lambda: (text := self.status_text()) and "3 up" in text and text, "all are up"))
        self.expect_warning(r"^lonc msul3: ")
        self.node.stop_lond("msul3")
        self.node.wait_lost("msul3")
        text = wait_for(lambda: (text := self.status_text()) and "1 away" in text and text, "one is away", 20)
        self.assertRegex(text, r"3 peers.*2 up.*1 away \(msul3\)")
        self.assertIn(text, self.container.systemctl("status", "lonc").stdout)

    def test_restart(self):
        before = self.node.main_pid()
        self.container.systemctl("restart", "lonc")
        self.assertNotEqual(self.node.main_pid(), before)
        self.node.wait_serving()
        self.assertEqual(self.node.pids(), [self.node.main_pid()])

    def test_exposure(self):
        """At most 1.5 of 10."""
        out = self.container.run("systemd-analyze", "security", "--no-pager", "lonc.service", check=False).stdout
        exposure = re.search(r"Overall exposure level for lonc\.service: ([\d.]+)", out)
        self.assertTrue(exposure, out)
        self.assertLessEqual(float(exposure[1]), 1.5, out)

    def test_does_not_see_other_homes(self):
        """ProtectHome=tmpfs: of /home and /root only the directories of the node are visible."""
        for name in ("/home/httpd/private", "/home/korte/private", "/root/private"):
            self.container.write(name, "x")
            self.addCleanup(self.container.run, "rm", "-rf", name)
        seen = self.container.run("nsenter", "--target", self.node.main_pid(), "--mount",
                                  "find", "/home", "/root").stdout
        self.assertIn("/home/httpd/sockets/msul1", seen)
        self.assertNotIn("private", seen)


class ReloadTest(ServiceTest):
    def test_new_peer(self):
        """The others are not affected."""
        self.addCleanup(self.node.write_hosts, HOSTS)
        before = self.node.main_pid()
        msul1 = self.node.londs["msul1"].connections()
        self.node.write_hosts(HOSTS | {"msul5": "127.0.1.5"})
        self.expect_warning(r"^lonc msul5: ")  # there is no lond
        self.container.systemctl("reload", "lonc")
        wait_for(lambda: self.node.ask("msul5", "whoami") == "con_lost", "the socket of the new peer")
        self.assertEqual(self.node.ask("msul1", "whoami"), "msul1")
        self.assertEqual(self.node.londs["msul1"].connections(), msul1)

        self.node.write_hosts(HOSTS)
        self.container.systemctl("reload", "lonc")
        wait_for(lambda: not (self.node.sockets / "msul5").exists(), "the socket of the old peer is gone")
        self.assertEqual(self.node.main_pid(), before)
        self.assertTrue(self.node.is_active())

    def test_bad_settings(self):
        """Nothing changes, and the journal says which line it is."""
        conf = self.node.path("/etc/lonc/lonc.conf")
        old = conf.read_text()
        self.addCleanup(conf.write_text, old)
        before = self.node.main_pid()
        conf.write_text(old + "no-such-setting = 1\n")
        self.expect_warning(r"^lonc: .*(lonc\.conf|no-such-setting|nothing was changed)")
        self.container.systemctl("reload", "lonc", check=False)
        wait_for(lambda: "no-such-setting" in self.node.log_file.read_text(), "the log names the setting")
        place = f"lonc.conf:{len(old.splitlines()) + 1}: error: "
        wait_for(lambda: any(place in entry["MESSAGE"] for entry in self.lonc_entries()), "the journal names the line")
        self.assertEqual(self.node.main_pid(), before)
        self.node.wait_serving()
        conf.write_text(old)
        self.container.systemctl("reload", "lonc")
        self.node.wait_serving()


class DeathTest(ServiceTest):
    def test_killed(self):
        before = self.node.main_pid()
        self.expect_warning(*DIED)
        self.container.run("kill", "-KILL", before)
        self.wait_new_process(before)
        self.node.wait_serving()
        self.assertEqual(self.node.pids(), [self.node.main_pid()])
        self.assertEqual(self.node.browser.page("msul1", "echo:again")["answer"], "again")

    def test_killed_with_messages_in_flight(self):
        """No message that its predecessor had an answer for is sent again: the journal is also trusted in the unit."""
        lond = self.node.londs["msul3"]
        hang = lond.journal.with_name(lond.journal.name + ".hang")
        hang.touch()
        self.addCleanup(hang.unlink, missing_ok=True)
        self.expect_warning(*DIED, r"^lonc msul3: ")
        commands = [f"echo:answered {number}" for number in range(5)] + ["hang"]
        for command in commands:
            self.node.spool.message("msul3", command)
        wait_for(lambda: ("plain", "hang") in lond.arrived(), "all were sent", 20)
        before = self.node.main_pid()
        boot_id = self.container.run("nsenter", "--target", before, "--mount",
                                     "cat", "/proc/sys/kernel/random/boot_id").stdout.strip()
        journal = (self.node.spool.directory / ".sending").read_bytes()
        self.container.run("kill", "-KILL", before)
        hang.unlink()
        self.assertIn(f"lonc-sending-2\t{boot_id}\t".encode(), journal)
        self.wait_new_process(before)
        wait_for(lambda: not self.node.spool.waiting(), "all are through", 20)
        counts = [lond.arrived().count(("plain", command)) for command in commands]
        self.assertEqual(counts, [1, 1, 1, 1, 1, 2])  # whether the last one was answered is unknown
        self.assertEqual(sorted(self.node.spool.permanent()), sorted(commands))

    def test_sandbox_takes_nothing_that_is_needed(self):
        """Restrictions that would fail silently are visible in the properties of the process."""
        pid = self.node.main_pid()
        niceness = self.container.run("ps", "-L", "-o", "ni=", "-p", pid).stdout.split()
        self.assertIn("5", niceness, "the thread of status and metrics is not modest")
        limits = self.node.path(f"/proc/{pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0")
        self.assertRegex(limits, r"Max open files +(\d+) +\1 ")

    def test_killed_often(self):
        """However often it dies, systemd does not give up."""
        self.expect_warning(*DIED)
        for _ in range(7):
            before = self.node.main_pid()
            self.container.run("kill", "-KILL", before)
            self.wait_new_process(before)
        self.node.wait_serving()

    def test_stuck(self):
        """A process that hangs is detected by the watchdog, and is replaced by another one."""
        own = self.container.properties("lonc", "WatchdogUSec")["WatchdogUSec"]
        self.assertNotIn(own, ("0", "infinity"), "the unit has no WatchdogSec")
        self.container.write(DROP_IN, "[Service]\nWatchdogSec=2s\n")
        self.addCleanup(self.forget_drop_in)
        self.container.systemctl("daemon-reload")
        self.container.systemctl("restart", "lonc")
        self.node.wait_serving()
        before = self.node.main_pid()
        self.assert_stays(5, lambda: self.node.main_pid() == before, "the loop gives signs of life, again and again")

        self.expect_warning(*DIED, r"^systemd: lonc\.service: Watchdog timeout")
        start = time.monotonic()
        self.container.run("kill", "-STOP", before)
        self.wait_new_process(before, 30)
        self.assert_less_time(time.monotonic() - start, 15)
        self.node.wait_serving()
        messages = [entry["MESSAGE"] for entry in self.container.journal(self.cursor, UNIT="lonc.service")]
        self.assertTrue(any("Watchdog timeout" in message for message in messages), messages)

    def forget_drop_in(self):
        self.node.path(DROP_IN).unlink()
        self.container.systemctl("daemon-reload")
        self.container.systemctl("restart", "lonc")
        self.node.wait_serving()


class OneLoncTest(ServiceTest):
    """loncron knows nothing of systemd: it ends lonc with killall, and starts `lonDaemons/lonc` without arguments."""

    DAEMON = VARIABLES["lonDaemons"] + "/lonc"

    def setUp(self):
        super().setUp()
        self.expect_warning(*DIED, r"^lonc: .*another lonc is running")
        self.addCleanup(self.back_to_systemd)

    def back_to_systemd(self):
        self.container.systemctl("stop", "lonc")
        self.container.run("killall", "--wait", "lonc", check=False)
        self.container.systemctl("start", "lonc")
        self.node.wait_serving()

    def loncron_starts(self):
        """It has to return within two seconds, with a pid file."""
        self.assertTrue(self.node.path(self.DAEMON).exists(), "the package has not put lonc where loncron looks for it")
        start = time.monotonic()
        done = self.container.run(self.DAEMON, user="www", check=False)
        self.assert_less_time(time.monotonic() - start, 2)
        wait_for(self.node.pid_file.exists, "the pid file", 2)
        return done

    def assert_exactly_one(self, by_systemd=True):
        """In the end there is one process; the pid file names it, it serves, and it stays the same.

        If the service is enabled, it is that of systemd: it takes over from the one that loncron has started.
        """

        def is_the_one():
            pids = self.node.pids()
            self.assertEqual(len(pids), 1)
            self.assertEqual(self.node.main_pid(), pids[0] if by_systemd else 0)
            self.assertEqual(self.node.pid_file.read_text(), f"{pids[0]}\n")
            self.assertTrue(all(map(self.node.is_up, HOSTS)))
            return pids[0]

        pid = wait_for(is_the_one, "exactly one lonc serves", 20)
        # systemd tries again after RestartSec, which must not change anything.
        self.assert_stays(3, lambda: self.node.pid_file.read_text() == f"{pid}\n" and self.node.is_up("msul1"),
                          "it is the same one all the time")
        self.assertEqual(is_the_one(), pid)

    def test_start_while_it_runs(self):
        before = self.node.main_pid()
        self.loncron_starts()
        self.assert_exactly_one()
        self.assertEqual(self.node.main_pid(), before)

    def test_killall_and_start(self):
        """As loncron does with one that it considers dead: killall, pid file removed, started."""
        self.container.run("killall", "lonc", user="www")
        self.container.run("rm", "-f", f"{VARIABLES['lonDaemons']}/logs/lonc.pid", user="www")
        self.loncron_starts()
        self.assert_exactly_one()

    def test_killall_alone(self):
        before = self.node.main_pid()
        self.container.run("killall", "lonc", user="www")
        self.wait_new_process(before)
        self.assert_exactly_one()

    def test_started_by_loncron_first(self):
        """Then by systemd."""
        self.container.systemctl("stop", "lonc")
        self.loncron_starts()
        self.container.systemctl("--no-block", "start", "lonc")
        self.assert_exactly_one()

    def test_without_systemd(self):
        """With the service disabled, only loncron keeps it running."""
        self.container.systemctl("disable", "--now", "lonc")
        self.addCleanup(self.container.systemctl, "enable", "lonc")
        for _ in range(2):
            self.assertEqual(self.loncron_starts().returncode, 0)
            self.assert_exactly_one(by_systemd=False)
            self.container.run("killall", "lonc", user="www")
            wait_for(lambda: not self.node.pids(), "it has ended", 20)


class JournalTest(ServiceTest):
    def setUp(self):
        super().setUp()
        # A peer without a warning so far: there is one warning an hour for each peer.
        self.container.systemctl("restart", "lonc")
        self.node.wait_serving()

    def test_fields(self):
        """Journal entries about a peer can be selected by its id, and those about a request by its command."""
        self.expect_warning(r"^lonc msul3: ")
        self.node.stop_lond("msul3")
        self.node.wait_lost("msul3")
        entries = wait_for(lambda: self.lonc_entries(PEER="msul3", PRIORITY="4"), "the warning is in the journal")
        self.assertEqual(len(entries), 1, entries)
        entry = entries[0]
        self.assertEqual((entry["SYSLOG_IDENTIFIER"], entry["_SYSTEMD_UNIT"]), ("lonc", "lonc.service"))
        self.assertIn("msul3", entry["MESSAGE"])
        self.assertNotIn("[msul3]", entry["MESSAGE"], "the journal has time, process and peer of its own")

        self.node.spool.message("msul3", "echo:ok s3cret")
        self.node.start_lond("msul3")
        entry, *more = wait_for(lambda: self.lonc_entries(PEER="msul3", COMMAND="echo"), "the command word", 20)
        self.assertEqual(more, [])
        self.assertIn("Delayed", entry["MESSAGE"])

    def test_also_in_the_classic_file(self):
        """loncron still finds everything there."""
        self.expect_warning(r"^lonc msul3: ")
        self.node.stop_lond("msul3")
        self.node.wait_lost("msul3")
        entry = wait_for(lambda: self.lonc_entries(PEER="msul3", PRIORITY="4"), "the warning is in the journal")[0]
        wait_for(lambda: entry["MESSAGE"] in self.node.log_file.read_text(), "the warning is in the file")


class AdministratorTest(ServiceTest):
    def test_status(self):
        out = self.container.run("loncctl", "status").stdout
        for host in HOSTS:
            self.assertRegex(out, rf"(?m)^\W*{host}\b.*\bup\b")
        status = json.loads(self.container.run("loncctl", "status", "--json").stdout)
        self.assertEqual([(peer["id"], peer["state"]) for peer in status["peers"]],
                         [(host, "up") for host in sorted(HOSTS)])
        self.assertEqual(status["daemon"]["pid"], self.node.main_pid())

    def test_check_of_a_good_node(self):
        done = self.container.run("loncctl", "check", check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_check_finds_what_is_wrong(self):
        self.expect_warning(r"^lonc msul3: ")
        self.node.stop_lond("msul3")
        self.node.wait_lost("msul3")
        done = self.container.run("loncctl", "check", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "msul3.*refused")

    def test_call(self):
        self.assertEqual(self.container.run("loncctl", "call", "msul1", text="echo:a word\n").stdout, "a word\n")
        done = self.container.run("loncctl", "call", "msul1", "--encrypt", text="echo:s3cret\n")
        self.assertEqual(done.stdout, "s3cret\n")

    def test_another_user(self):
        """Gets the reason of the refusal."""
        self.expect_warning(r"^lonc: .*admin")
        done = self.container.run("loncctl", "status", user="nobody", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"root|www|permission|Permission")
