"""A disk in trouble: live requests notice nothing, no delayed message is lost, and all goes on when the cause is gone.

The directory of delayed messages is a file system of its own that is filled, made read-only or frozen. That takes root;
each test says of what it had none.
"""
import errno
import os
import pathlib
import resource
import subprocess
import unittest

from e2e.harness import SLOWNESS, E2eTest, wait_for
from e2e.peers import Load
from e2e.spool import PERMANENT_LINE, Spool


def run(*words):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=30 * SLOWNESS)


@unittest.skipIf(os.getuid() != 0, "only root may mount file systems")
class DiskTest(E2eTest):
    def must(self, *words):
        done = run(*words)
        if done.returncode:
            self.skipTest(f"{' '.join(map(str, words))}: {done.stderr.strip()}")

    def mount(self, place, *options):
        """Skips the test where mounting is forbidden."""
        self.must("mount", *options, place)
        self.addCleanup(run, "umount", "--lazy", place)

    def mount_ext4(self, place, options="rw"):
        self.image = self.directory / "image"
        with self.image.open("wb") as file:
            file.truncate(16 * 1024 * 1024)
        self.must("mkfs.ext4", "-q", "-O", "^has_journal", self.image)
        self.mount(place, "-o", f"loop,{options}", self.image)
        (place / "lost+found").rmdir()

    def prepare(self, **options):
        self.peer = self.standin(["msul1"], journal=self.directory / "journal")
        self.lonc = self.node(["msul1"], start=False, **options)
        self.spool = Spool(self.lonc)
        self.left = []

    def start(self):
        self.lonc.start()
        self.lonc.wait_up("msul1")

    def leave(self, number):
        for _ in range(number):
            command = f"echo:delayed-{len(self.left)}"
            self.spool.message("msul1", command)
            self.left.append(command)

    def arrived(self):
        return [request for request in self.peer.arrived("msul1") if request.startswith("echo:delayed-")]

    def live(self):
        return Load(self.lonc, ["msul1"], clients=4, rate=200, seconds=120)

    def wait_trouble(self, *words, seconds=20):
        """Status and log tell what is wrong; the status also since when."""

        def is_told():
            delayed = self.lonc.status()["daemon"]["delayed"]
            self.assertTrue(delayed["trouble"] and all(word in delayed["trouble"] for word in words), delayed)
            self.assertTrue(delayed["trouble_since"])
            return True

        wait_for(is_told, f"the status tells {words}", seconds)

    def assert_logged(self, *words):
        warnings = [line for line in self.lonc.log().splitlines() if "WARNING" in line and "Delayed messages" in line]
        self.assertTrue(any(all(word in line for word in words) for line in warnings), warnings)
        self.assertLess(len(warnings), 10, "loncron counts them")

    def wait_delivered(self, seconds=20):
        def all_are():
            self.assertEqual(self.spool.waiting(), [])
            return True

        wait_for(all_are, "all are delivered", seconds)
        self.assertEqual(self.arrived(), self.left)
        self.assertEqual(self.spool.permanent("S"), self.left)
        self.assertEqual(self.spool.quarantined(), {})
        wait_for(lambda: self.lonc.status()["daemon"]["delayed"]["trouble"] is None, "the status tells of no trouble", 20)

    def assert_live_was_undisturbed(self, running):
        tally = running.stop()
        self.assert_all_right(tally, least=100)
        self.assert_p99_below(tally, 200)

    # --- full

    def fill(self, place):
        filler = place / ".filler"
        with filler.open("wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
        return filler

    def leave_until_full(self, most=10_000):
        """As many messages as the disk takes; returns why it takes no more."""
        for _ in range(most):
            try:
                self.leave(1)
            except OSError as error:
                self.spool.clean_up()
                return error.errno
        return None

    def full_disk(self, options, before_it_is_full):
        self.prepare()
        self.mount(self.spool.directory, "-t", "tmpfs", "-o", f"mode=0750,{options}", "none")
        if before_it_is_full:
            self.start()
            self.peer.down("msul1")
            self.lonc.wait_lost("msul1")
        self.assertEqual(self.leave_until_full(), errno.ENOSPC)
        self.assertGreater(len(self.left), 4)
        if before_it_is_full:
            self.peer.up("msul1")
        else:
            self.start()
        self.lonc.wait_up("msul1")
        self.wait_delivered()
        return [line for line in self.lonc.log().splitlines() if "may have two S: lines" in line]

    def test_full_of_messages(self):
        """Each that is sent makes room: the way out must need none."""
        self.assertEqual(self.full_disk("size=64k", before_it_is_full=True), [])

    def test_full_of_messages_at_the_start(self):
        """There never was room for a journal: one at a time, and that is told."""
        self.assertIn(len(self.full_disk("size=64k", before_it_is_full=False)), range(1, 4))

    def test_no_inodes_left(self):
        self.assertEqual(self.full_disk("size=4m,nr_inodes=24", before_it_is_full=True), [])

    def test_no_inodes_left_at_the_start(self):
        self.assertIn(len(self.full_disk("size=4m,nr_inodes=24", before_it_is_full=False)), range(1, 4))

    def test_full_of_something_else(self):
        self.prepare()
        self.mount(self.spool.directory, "-t", "tmpfs", "-o", "size=4m,mode=0750", "none")
        self.start()
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.leave(300)
        self.fill(self.spool.directory)
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")
        self.wait_delivered()

    def test_permanent_log_can_not_grow(self):
        """What was answered is logged when there is room again, and is not sent a second time."""
        self.prepare()
        small = self.directory / "small"
        small.mkdir()
        self.mount(small, "-t", "tmpfs", "-o", "size=64k", "none")
        (small / "log").write_text("1000000000:D:msul1:other:Thu Jan  1 00:00:00 1970\n" * 10)
        self.spool.permanent_log.touch()
        self.mount(self.spool.permanent_log, "--bind", small / "log")
        filler = self.fill(small)
        self.leave(200)  # their lines need more than what is left of its last page
        self.start()
        with self.live() as running:
            self.wait_trouble("permanent log", "No space left on device")
            self.assertLess(len(self.arrived()), len(self.left))
            filler.unlink()
            wait_for(lambda: not self.spool.waiting(), "all are delivered", 20)
            self.assert_live_was_undisturbed(running)
        self.assertEqual(self.arrived(), self.left)
        # A line that was cut stays as a line of its own, and is written once more.
        lines = [PERMANENT_LINE.match(line) for line in self.spool.permanent_log.read_text().splitlines()]
        self.assertEqual([line["command"] for line in lines if line and line["kind"] == "S"], self.left)
        self.assertEqual(sum(bool(line and line["kind"] == "D") for line in lines), 10)
        self.assertLessEqual(lines.count(None), 1)

    # --- the disk of the logs

    def fill_logs(self):
        self.mount(self.lonc.logs, "-t", "tmpfs", "-o", "size=64k", "none")
        return self.fill(self.lonc.logs)

    def problems(self):
        return self.lonc.admin().status()["daemon"]["problems"]

    def test_logs_full_at_the_start(self):
        """Requests are served, and what an administrator has to know is told wherever it can be."""
        self.prepare(settings={"status-interval": "1s"})
        filler = self.fill_logs()
        self.leave(1)
        self.lonc.launch()
        self.lonc.wait_up("msul1", 20)
        self.assertIn("cannot write the log", self.lonc.errors())
        self.assertEqual(len(self.problems()), 2, self.problems())
        self.assertIn("cannot write the pid file", self.problems()[0])
        self.assertIn("lonc.log: No space left on device", self.problems()[1])
        self.assertIn("cannot write the log", self.lonc.ctl("check").stdout)
        again = self.lonc.run()
        self.assertIn(f"another lonc is running already, as process {self.lonc.process.pid}", again.stderr)
        # At most one whose line is missing: it waits for the log.
        wait_for(lambda: "permanent log" in (self.lonc.admin().status()["daemon"]["delayed"]["trouble"] or ""),
                 "the status says why delayed messages wait", 20)
        self.assertEqual(self.lonc.request("msul1", "echo:alive"), "alive")
        filler.unlink()
        self.wait_delivered()
        wait_for(lambda: self.lonc.pid() == self.lonc.process.pid, "the pid file is written")
        wait_for(lambda: not self.problems(), "nothing is wrong")
        self.lonc.wait_logged("log lines were lost since")
        self.assertEqual(self.arrived(), self.left)

    def test_logs_full_with_a_stale_pid_file(self):
        """A file that is there has its room."""
        self.prepare()
        self.mount(self.lonc.logs, "-t", "tmpfs", "-o", "size=64k", "none")
        self.lonc.pid_file.write_text("4194300\n")
        self.fill(self.lonc.logs)
        self.lonc.launch()
        self.lonc.wait_up("msul1", 20)
        self.assertEqual(self.lonc.pid(), self.lonc.process.pid)
        self.assertEqual(len(self.problems()), 1, self.problems())

    def test_limit_on_the_size_of_files(self):
        """The permanent log is at it: no signal ends lonc, and a start sends one message at most."""
        text = "1000000000:D:msul1:other:Thu Jan  1 00:00:00 1970\n" * 2000
        self.prepare(prefix=("prlimit", f"--fsize={len(text)}"))
        self.spool.permanent_log.write_text(text)
        self.leave(5)
        for _ in range(3):
            self.start()
            self.wait_trouble("permanent log", "File too large")
            self.assertEqual(self.lonc.request("msul1", "echo:alive"), "alive")
            self.lonc.stop()
        self.assertLessEqual(len(self.arrived()), 3, "the one whose line is missing, once a start")
        self.lonc.prefix = []
        self.start()
        wait_for(lambda: not self.spool.waiting(), "all are delivered", 20)
        self.assertEqual(list(dict.fromkeys(self.arrived())), self.left)
        self.assertEqual(self.spool.permanent("S"), self.left)

    # --- read-only

    def test_read_only_at_the_start(self):
        self.prepare()
        self.mount_ext4(self.spool.directory)
        self.leave(20)
        self.must("mount", "-o", "remount,ro", self.spool.directory)
        self.start()
        with self.live() as running:
            self.wait_trouble("Read-only file system")
            self.assertEqual(self.arrived(), [])
            self.must("mount", "-o", "remount,rw", self.spool.directory)
            self.wait_delivered()
            self.assert_live_was_undisturbed(running)
        self.assert_logged("Read-only file system")

    def test_read_only_after_an_error(self):
        """As the kernel does it when the disk has a fault: at once, with files open. An administrator repairs it."""
        self.prepare(settings={"delayed-rescan": "1s"})
        self.mount_ext4(self.spool.directory, "errors=remount-ro")
        device = run("findmnt", "-n", "-o", "SOURCE", self.spool.directory).stdout.strip()
        trigger = pathlib.Path("/sys/fs/ext4") / pathlib.Path(device).name / "trigger_fs_error"
        if not trigger.exists():
            self.skipTest(f"there is no {trigger}")
        self.start()
        self.leave(20)
        wait_for(lambda: not self.spool.waiting(), "all is well")
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.leave(20)
        self.must("sync", "-f", self.spool.directory)  # or the error takes their content along
        trigger.write_text("by a test\n")
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")
        with self.live() as running:
            self.wait_trouble("Read-only file system")
            self.assertEqual(len(self.arrived()), 20)
            self.must("umount", "--lazy", self.spool.directory)
            wait_for(lambda: not run("losetup", "-j", self.image).stdout, "lonc has let go of it")
            run("e2fsck", "-f", "-y", self.image)
            self.mount(self.spool.directory, "-o", "loop", self.image)
            (self.spool.directory / "lost+found").rmdir()
            self.wait_delivered()
            self.assert_live_was_undisturbed(running)
        self.assert_logged("Read-only file system")

    # --- hanging

    def test_disk_that_hangs(self):
        """A frozen file system: whoever writes to it sleeps until it is thawed."""
        self.prepare()
        self.mount_ext4(self.spool.directory)
        self.start()
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.leave(100)
        self.must("fsfreeze", "--freeze", self.spool.directory)
        self.addCleanup(run, "fsfreeze", "--unfreeze", self.spool.directory)
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")  # live requests wait for delayed-first at most, and no longer
        with self.live() as running:
            self.wait_trouble("the disk has not answered for", seconds=30)
            self.assertEqual(self.arrived(), [])
            self.lonc.hang_up()  # a reload, too, waits for no disk
            self.assertEqual(self.assert_quick(0.5, self.lonc.request, "msul1", "echo:x"), "x")
            self.must("fsfreeze", "--unfreeze", self.spool.directory)
            self.wait_delivered()
            self.assert_live_was_undisturbed(running)

    # --- the directory

    def test_unreadable_directory(self):
        self.prepare(prefix=["setpriv", "--bounding-set=-dac_override,-dac_read_search"])
        self.start()
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.leave(20)
        mode = self.spool.directory.stat().st_mode & 0o777
        self.spool.directory.chmod(0)
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")
        with self.live() as running:
            self.wait_trouble("Permission denied")
            self.assertEqual(self.arrived(), [])
            self.spool.directory.chmod(mode)
            self.wait_delivered()
            self.assert_live_was_undisturbed(running)
        self.assert_logged("Permission denied")

    def test_mounted_over_and_uncovered(self):
        """A directory that vanishes under another, which can not be written to, and comes back with what it held."""
        self.prepare(settings={"delayed-rescan": "1s"})
        self.start()
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.leave(20)
        self.mount(self.spool.directory, "-t", "tmpfs", "-o", "ro", "none")
        self.wait_trouble("Read-only file system")
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")
        with self.live() as running:
            self.assertEqual(self.arrived(), [])
            self.must("umount", self.spool.directory)
            self.wait_delivered()
            self.assert_live_was_undisturbed(running)

    def test_too_many_open_files(self):
        """Those who are connected notice nothing; a message that can not be opened for now is no bad message."""
        self.prepare(settings={"delayed-rescan": "1s"})
        self.start()
        pid = self.lonc.pid()
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with self.lonc.client("msul1") as client:
            self.assertEqual(client.ask("echo:before"), "before")
            least = max(int(path.name) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir())
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
            self.assertGreater(least, 3)
            self.leave(20)
            self.lonc.wait_logged("Too many open files")
            self.assertEqual(client.ask("echo:within"), "within")
            self.assertEqual(self.arrived(), [])
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            self.wait_delivered()
            self.assertEqual(client.ask("echo:after"), "after")
