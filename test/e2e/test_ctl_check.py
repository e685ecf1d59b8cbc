"""loncctl check: every kind of problem is found, with its cause and a remedy, with and without a daemon."""
import datetime
import fcntl
import json
import os
import subprocess
import unittest

from e2e.ctl import FAILED, OK, UNREACHABLE, USAGE, CtlTest
from e2e.harness import SLOWNESS, wait_for
from e2e.spool import Spool


def http_date(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%a, %d %b %Y %H:%M:%S GMT")


class CheckTest(CtlTest):
    def setUp(self):
        super().setUp()
        # No clock is queried unless a test has a web server.
        self.http_port = self.network.port

    def make(self, hosts=("msul1",), faults=None, start=True, standin=None, **options):
        self.peer = self.standin([*(standin or hosts), "data1"], faults=faults)
        self.lonc = self.node(list(hosts), start=start, **options)
        if start:
            self.lonc.wait_up("data1")

    def check(self, code=FAILED):
        text = self.out(self.lonc, "check", "--json", "--timeout", str(0.5 * SLOWNESS), "--http-port",
                        str(self.http_port), code=code)
        report = json.loads(text)
        for finding in report["findings"]:
            self.assertTrue(finding["cause"] and finding["remedy"], finding)
        return report

    def findings(self, code=FAILED):
        return self.check(code)["findings"]

    def one(self, pattern, kind, remedy, code=FAILED):
        """The only finding; its file or cause matches `pattern`."""
        found = self.findings(code)
        self.assertEqual(len(found), 1, found)
        self.assertRegex(f"{found[0]['file']}: {found[0]['cause']}", pattern)
        self.assertEqual(found[0]["kind"], kind)
        self.assertRegex(found[0]["remedy"], remedy)
        return found[0]

    def down(self):
        """The findings except the first one, that the daemon is not running."""
        found = self.findings()
        self.assertRegex(found[0]["cause"], "lonc is not running: nothing listens on")
        return found[1:]

    def test_nothing(self):
        self.make(("msul1", "msul2"))
        self.lonc.wait_up("msul1")
        self.lonc.wait_up("msul2")
        report = self.check(OK)
        self.assertEqual((report["findings"], report["daemon"], report["peers"], report["visited"]), ([], "running", 3, 0))
        self.assertRegex(self.out(self.lonc, "check", "--http-port", str(self.http_port)),
                         "^No problem found: .* 3 peers ")

    def test_daemon_down(self):
        self.make(start=False)
        found = self.one("lonc is not running: nothing listens on", "error", "systemctl start lonc")
        self.assertIn(str(self.lonc.logs / "lonc.admin"), found["cause"])
        report = self.check()
        self.assertEqual((report["daemon"], report["visited"]), ("stopped", 2))
        text = self.out(self.lonc, "check", code=FAILED)
        self.assertRegex(text, r"(?m)^error:  lonc is not running.*\n  do: start it")
        self.assertIn("1 error, 0 warnings. lonc is stopped.", text)

    def test_frozen_daemon(self):
        """It is queried once, for as long as --timeout says."""
        self.make()
        self.lonc.wait_up("msul1")
        self.freeze(self.lonc)
        report = self.assert_quick(15, self.check)
        self.assertEqual(report["daemon"], "unreachable")
        found = [each for each in report["findings"] if "does not answer" in each["cause"]]
        self.assertEqual(len(found), 1, report)
        self.assertRegex(found[0]["cause"], rf"process {self.lonc.pid()} \(lonc\) of its pid file .* is stopped")
        self.assertRegex(found[0]["remedy"], rf"^resume it with `kill -CONT {self.lonc.pid()}`")

    def test_settings(self):
        self.make(start=False)
        self.lonc.config.write_text("\nrequest-timeout = soon\n")
        self.lonc.write_perl_set_var(lonHostID="")
        found = self.findings()
        self.assertIn((str(self.lonc.config), 2), [(each["file"], each["line"]) for each in found])
        self.assertRegex(self.out(self.lonc, "check", code=FAILED), rf"(?m)^error:  {self.lonc.config}:2: ")

    def test_hosts_tab(self):
        self.make()
        self.lonc.wait_up("msul1")
        self.lonc.write_hosts(["msul1", "bad line:"])
        self.assertEqual(self.one("hosts.tab", "error", ".")["line"], 2)
        self.lonc.hosts_tab.unlink()
        self.assertIn("cannot be read", self.findings()[0]["cause"])

    def test_peers(self):
        hosts = ["refusing", "closed", "silent", "slow", "msul1", "gone:msu:library:no-such-host.invalid:http"]
        faults = {"refusing": "refuse", "silent": "silent-init", "slow": "drip"}
        self.make(hosts, faults, standin=["refusing", "silent", "slow", "msul1"],
                  settings={"connect-timeout": "500ms", "resolve-timeout": "500ms"})
        for host in ("refusing", "closed", "silent", "gone"):
            self.lonc.wait_lost(host)
        for host in ("msul1", "slow"):
            self.lonc.wait_up(host)
        causes = {"refusing": (r"refusing \(127\.[\d.]+:\d+\): lond refused this server \(at init\)", "error", "peer's hosts.tab"),
                  "closed": ("closed .*: Connection refused", "warning", "lond does not listen there"),
                  "silent": (r"silent .*: lond did not answer the handshake in time \(at init\)", "warning", "overloaded or hangs"),
                  "gone": (r"gone \(no-such-host.invalid:\d+\): the peer's name could not be resolved", "warning", "name service")}
        for is_running in (True, False):
            if not is_running:
                self.lonc.stop()
            found = {each["cause"].split()[0]: each for each in self.findings()}
            for host, (cause, kind, remedy) in causes.items():
                with self.subTest(host, is_running=is_running):
                    self.assertRegex(found[host]["cause"], cause)
                    self.assertEqual(found[host]["kind"], kind)
                    self.assertRegex(found[host]["remedy"], remedy)
            self.assertEqual(set(found) - set(causes), set() if is_running else {"lonc"})

    def test_peer_that_has_come_back(self):
        self.make(settings={"backoff-first": "60s", "backoff-longest": "60s"})
        self.lonc.wait_up("msul1")
        self.peer.down("msul1")
        wait_for(lambda: json.loads(self.out(self.lonc, "status", "msul1", "--json"))["state"] == "away", "it is away")
        self.peer.up("msul1")
        self.one("msul1 .* answers now, but lonc has not reconnected to it: ", "warning", "^loncctl reconnect msul1$")
        self.out(self.lonc, "reconnect", "msul1")
        self.lonc.wait_up("msul1")
        self.assertEqual(self.findings(OK), [])
        self.out(self.lonc, "drain", "msul1")
        self.one("msul1 is drained", "warning", "^loncctl reconnect msul1$")

    def test_delayed_messages(self):
        self.make(settings={"delayed-rescan": "1s"})
        self.lonc.wait_up("msul1")
        spool = Spool(self.lonc)
        spool.message("nobody1", "log:x")
        spool.leave("1700000000.9.9.log.msul1", "log:a\nlog:b\n")

        def both_are_seen():
            causes = [each["cause"] for each in self.findings()]
            self.assertEqual(causes, ["one delayed message was quarantined and will not be sent",
                                      "one delayed message waits for a host that hosts.tab does not name"])
            return True

        wait_for(both_are_seen, "lonc has seen both")

    def test_killed_daemon(self):
        self.make()
        self.lonc.process.kill()
        self.lonc.process.wait()
        pid_file, sockets = sorted(self.down(), key=lambda each: each["file"] != str(self.lonc.pid_file))
        self.assertRegex(pid_file["cause"], "left by a lonc that ended without cleaning up")
        self.assertEqual(sockets["file"], str(self.lonc.sockets))
        self.assertRegex(sockets["cause"], "2 files, data1 among them, were left by a daemon")

    def test_pid_file_of_another_process(self):
        self.make(start=False)
        self.lonc.pid_file.write_text(f"{os.getpid()}\n")
        found, = self.down()
        self.assertRegex(found["cause"], rf"it is stale and names process {os.getpid()} \(.+\), which is not a lonc")
        self.lonc.pid_file.unlink()

    def test_lock_of_another_process(self):
        self.make(start=False)
        path = self.lonc.sockets / "delayed" / ".lock"
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found, = self.down()
            self.assertEqual(found["file"], str(path))
            self.assertRegex(found["cause"], rf"^process {os.getpid()} \(.+\) holds this lock and is not the lonc of the pid file")
            self.assertRegex(found["remedy"], f"kill {os.getpid()}$")
        self.assertEqual(self.down(), [])

    def test_lock_that_a_child_has_inherited(self):
        self.make(start=False)
        path = self.lonc.sockets / "delayed" / ".lock"
        # flock takes the lock and ends; the child of the shell keeps the file open.
        done = subprocess.run(["bash", "-c", f"exec 9>{path}; flock 9; sleep 1000 >/dev/null 2>&1 & echo $!"],
                              capture_output=True, text=True, check=True)
        child = int(done.stdout)
        self.addCleanup(lambda: os.kill(child, 9))
        found, = self.down()
        self.assertRegex(found["cause"], r"it is locked, but process \d+ that took the lock has ended")
        self.assertIn(f"fuser -v {path}", found["remedy"])

    def test_lock_of_the_perl_daemon(self):
        self.make()
        self.lonc.wait_up("msul1")
        (self.lonc.sockets / "msul1.lock").touch()
        self.one("msul1.lock was left by a daemon", "warning", "start lonc, or restart it")

    def test_modes(self):
        self.make()
        self.lonc.wait_up("msul1")
        self.lonc.sockets.chmod(0o777)
        found = self.one(f"{self.lonc.sockets}: any local user could replace lonc's sockets", "warning", "^chmod o-w ")
        subprocess.run(found["remedy"].split(), check=True)
        self.assertEqual(self.findings(OK), [])

    @unittest.skipIf(os.getuid() != 0, "only root can give a file away")
    def test_user(self):
        """As root, everything is checked with the rights of lonc's user."""
        self.make(start=False)
        os.chmod(self.directory, 0o711)
        self.lonc.log_file.write_text("")
        self.lonc.log_file.chmod(0o644)
        done = self.lonc.ctl("check", "--json", lonc_user="nobody")
        text = json.dumps(json.loads(done.stdout)["findings"])
        self.assertIn("lonc.log", text)
        self.assertIn("lonc cannot write to it: Permission denied; it belongs to `root` (uid 0)", text)
        self.assertIn("chown nobody ", text)
        self.assertRegex(text, f"{self.lonc.sockets} cannot be used: Permission denied")
        done = self.run_ctl(self.lonc, "check", user="nobody", group="nogroup", code=UNREACHABLE)
        self.assertRegex(done.stderr, "you are `nobody` .*call it as root or as ")
        done = self.lonc.ctl("check", "--json", lonc_user="no-such-user")
        self.assertIn("does not exist here", done.stdout)

    def test_missing_directory(self):
        self.make(start=False)
        self.lonc.status_file.parent.rmdir()
        found = self.findings()
        self.assertRegex(found[0]["cause"], "lon-status cannot be used: No such file or directory")
        self.lonc.status_file.parent.mkdir()

    @unittest.skipIf(os.getuid() != 0, "only root may mount file systems")
    def test_full_disk(self):
        self.make(start=False)
        place = self.lonc.sockets / "delayed"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(place)],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode:
            self.skipTest(mounted.stderr)
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(place)], check=False)
        with self.assertRaises(OSError), (place / ".filler").open("wb") as filler:
            while True:
                filler.write(b"x" * 4096)
                filler.flush()
        found, = self.down()
        self.assertEqual((found["kind"], found["file"]), ("error", str(place)))
        self.assertRegex(found["cause"], "the disk is full")

    def test_files_from_the_future(self):
        self.make(start=False)
        Spool(self.lonc).message("msul1", "log:x", age=-3 * 3600 - 60)
        found, = self.down()
        self.assertRegex(found["cause"], "was changed 3h ahead of this server's clock")
        self.assertIn("timedatectl", found["remedy"])

    def test_clock(self):
        self.make()
        self.lonc.wait_up("msul1")
        for seconds, says in ((7300, "2h behind that of msul1"), (-600, r"(10|9)m ahead of that of msul1")):
            web = self.web(self.network.address("msul1"), date=http_date(seconds), status=404)
            self.http_port = web.port
            self.one(f"this server's clock is {says}", "warning", "time service")
        self.http_port = self.web(self.network.address("msul1")).port
        self.assertEqual(self.findings(OK), [])

    def test_usage(self):
        self.make(start=False)
        for words in (("check", "msul1"), ("check", "--timeout", "0"), ("check", "--all")):
            self.run_ctl(self.lonc, *words, code=USAGE)
