"""The start: one instance at a time, stale files, the background, and the wrong user."""
import fcntl
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import time

from e2e.harness import SLOWNESS, E2eTest, wait_for

OTHER_USER = next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != os.getuid())


def process_name(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()


class PidFileTest(E2eTest):
    def test_second_instance(self):
        """Refused clearly and within a second, and the first is not affected."""
        _, node = self.pair(["msul1"])
        pid = node.pid()
        for arguments in ([], ["--daemonize"]):
            done = self.assert_quick(1, node.run, *arguments)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(str(pid), done.stderr)
        self.assertEqual(node.pid(), pid)
        self.assertEqual(node.request("msul1", "echo:undisturbed"), "undisturbed")

    def test_stale_pid_file(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], start=False)
        # A dead process, a living one that is not a lonc, and what a crash or a full disk may leave.
        for text in ("4194300\n", f"{os.getpid()}\n", "", "rubbish\n", "-1\n"):
            node.pid_file.write_text(text)
            node.start()
            self.assertEqual(node.pid(), node.process.pid)
            node.wait_up("msul1")
            node.stop()

    def test_process_name(self):
        _, node = self.pair(["msul1"])
        self.assertEqual(process_name(node.pid()), "lonc")

    def test_pid_file_of_a_successor_is_not_removed(self):
        _, node = self.pair(["msul1"])
        node.pid_file.unlink()
        node.pid_file.write_text("1\n")
        node.process.terminate()
        self.assertEqual(node.process.wait(10), 0)
        self.assertEqual(node.pid_file.read_text(), "1\n")

    def test_socket_of_a_successor_is_not_removed(self):
        _, node = self.pair(["msul1"])
        path = node.socket_path("msul1")
        path.unlink()
        path.write_text("not ours")
        node.process.terminate()
        self.assertEqual(node.process.wait(10), 0)
        self.assertEqual(path.read_text(), "not ours")


class InheritedTest(E2eTest):
    def test_open_files_of_the_starter_are_closed(self):
        """Otherwise a lock of the starter would last as long as lonc."""
        self.standin(["msul1"])
        path = self.directory / "lock"
        for number, arguments in enumerate(([], ["--daemonize"])):
            node = self.node(["msul1"], start=False)
            with path.open("w", encoding="ascii") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                node.process = subprocess.Popen(node.command(*arguments), pass_fds=[held.fileno()])
                wait_for(node.pid_file.exists, f"lonc {number} runs", 20)
            pid = node.pid()
            with path.open("w", encoding="ascii") as free:
                fcntl.flock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)
            node.wait_up("msul1")
            os.kill(pid, signal.SIGTERM)
            node.process.wait(20)
            wait_for(lambda: not node.pid_file.exists(), "it has ended")


class ServiceTest(E2eTest):
    """A lonc started by systemd replaces one started by loncron; a second service waits and ends."""

    def service(self, node):
        """lonc as the main process of a unit, as far as lonc can tell."""
        path = node.directory / "notify"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(30 * SLOWNESS)
        process = subprocess.Popen(
            ["sh", "-c", 'SYSTEMD_EXEC_PID=$$ exec "$0" "$@"', *node.command()], text=True, stderr=subprocess.PIPE,
            env=os.environ | {"NOTIFY_SOCKET": str(path)})

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()

        self.addCleanup(end)
        return process, notify

    def wait_said(self, notify, word):
        while word not in (message := notify.recv(4096).decode()):
            pass
        return message

    def test_replaces_one_of_loncron(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], start=False)
        self.assertEqual(node.run("--daemonize").returncode, 0)
        old = node.pid()
        process, notify = self.service(node)
        self.assertIn(f"process {old}", self.wait_said(notify, "being terminated"))
        self.assertRegex(self.wait_said(notify, "READY=1"), "serving 2 peers: ")
        self.assertEqual(node.pid(), process.pid)
        wait_for(lambda: not os.path.exists(f"/proc/{old}"), "the old one has ended")
        node.wait_up("msul1")

        # loncron, which does not know this, cannot do the same.
        done = node.run("--daemonize")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"process {process.pid}", done.stderr)
        self.assertEqual(node.pid(), process.pid)
        process.terminate()
        self.assertEqual(process.wait(20), 0)

    def test_replaces_one_whose_pid_file_was_removed(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], start=False)
        self.assertEqual(node.run("--daemonize").returncode, 0)
        old = node.pid()
        node.pid_file.unlink()
        process, notify = self.service(node)
        self.assertIn(f"process {old}", self.wait_said(notify, "being terminated"))
        self.wait_said(notify, "READY=1")
        self.assertEqual(node.pid(), process.pid)
        process.terminate()
        self.assertEqual(process.wait(20), 0)

    def test_does_not_replace_another_service(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], start=False)
        first, notify = self.service(node)
        self.wait_said(notify, "READY=1")
        second, notify = self.service(node)
        self.assertIn(f"process {first.pid}", self.wait_said(notify, "waiting for its end"))
        self.assertEqual(node.pid(), first.pid)
        self.assertIsNone(second.poll())
        first.terminate()
        self.assertEqual(first.wait(20), 0)
        self.wait_said(notify, "READY=1")
        self.assertEqual(node.pid(), second.pid)
        second.terminate()
        self.assertEqual(second.wait(20), 0)


class DaemonizeTest(E2eTest):
    def end(self, pid):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in self.state(pid), "the daemon has ended")

    def state(self, pid):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]

    def test_parent_returns_when_all_is_ready(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], start=False)
        done = self.assert_quick(3, node.run, "--daemonize")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        pid = node.pid()
        self.addCleanup(self.end, pid)
        self.assertEqual(process_name(pid), "lonc")
        self.assertEqual(node.request("msul1", "echo:first"), "first")
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        again = self.assert_quick(1, node.run, "--daemonize")
        self.assertNotEqual(again.returncode, 0)
        self.assertIn(str(pid), again.stderr)

    def test_failed_start_is_reported_to_the_caller(self):
        node = self.node(["msul1"], start=False)
        node.hosts_tab.unlink()
        done = self.assert_quick(3, node.run, "--daemonize")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("hosts.tab", done.stderr)
        node.assert_nothing_left()


class WrongUserTest(E2eTest):
    def fake_sendmail(self):
        mail = self.directory / "mail"
        script = self.directory / "sendmail"
        script.write_text(f"#!/bin/sh\ncat > {mail}.new\nmv {mail}.new {mail}\n")
        script.chmod(0o755)
        return script, mail

    def test_mail_and_failure(self):
        script, mail = self.fake_sendmail()
        node = self.node(["msul1"], start=False, settings={"sendmail": str(script)},
                         variables={"lonAdmEMail": "adm@example.org", "lonSysEMail": "sys@example.org"})
        done = node.run(user=OTHER_USER)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(OTHER_USER, done.stderr)
        text = wait_for(lambda: mail.exists() and mail.read_text(), "the mail", 5)
        for expected in ("adm@example.org", "sys@example.org", "User ID mismatch", OTHER_USER):
            self.assertIn(expected, text)
        node.assert_nothing_left()

    def test_sendmail_that_hangs(self):
        """The caller does not wait for it."""
        script, _ = self.fake_sendmail()
        script.write_text("#!/bin/sh\nexec sleep 5\n")
        node = self.node(["msul1"], start=False, settings={"sendmail": str(script)},
                         variables={"lonAdmEMail": "adm@example.org"})
        start = time.monotonic()
        self.assertNotEqual(node.run(user=OTHER_USER, seconds=30).returncode, 0)
        self.assertLess(time.monotonic() - start, 20)
