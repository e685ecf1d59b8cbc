"""A disk in trouble: live requests are not affected, no delayed message is lost, and all works again afterwards.

The directory of delayed messages is its own file system that is filled, made read-only or frozen. That requires root;
a test that cannot run says what was missing.
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
        """Skips the test if mounting is forbidden."""
        self.must("mount", *options, place)
        self.addCleanup(run, "umount", "--lazy", place)

    def mount_ext4(self, place, options="rw", features="^has_journal"):
        self.image = self.directory / "image"
        with self.image.open("wb") as file:
            file.truncate(16 * 1024 * 1024)
        self.must("mkfs.ext4", "-q", "-O", features, self.image)
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
        """Waits until the status says what is wrong, and since when."""

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
        self.assert_not_held_up(tally)

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
        """Leaves as many messages as fit on the disk; returns why no more fit."""
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
        """Each sent message frees space: sending must not need any."""
        self.assertEqual(self.full_disk("size=64k", before_it_is_full=True), [])

    def test_full_of_messages_at_the_start(self):
        """There never was space for a journal: they are sent one at a time, and that is logged."""
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

    def logged(self):
        """The commands with an S: line, and the number of incomplete lines."""
        lines = [PERMANENT_LINE.match(line) for line in self.spool.permanent_log.read_text().splitlines()]
        self.assertEqual(sum(bool(line and line["kind"] == "D") for line in lines), 10)
        return [line["command"] for line in lines if line and line["kind"] == "S"], lines.count(None)

    def permanent_log_on(self, small):
        """The permanent log is on a full disk: messages that cannot be logged are not sent."""
        (small / "log").write_text("1000000000:D:msul1:other:Thu Jan  1 00:00:00 1970\n" * 10)
        self.spool.permanent_log.touch()
        self.mount(self.spool.permanent_log, "--bind", small / "log")
        filler = self.fill(small)
        self.leave(200)  # their lines need more than the rest of its last page
        self.start()
        with self.live() as running:
            self.wait_trouble("permanent log", "No space left on device")
            self.assertLess(len(self.arrived()), len(self.left))
            self.assertEqual(self.logged(), (self.arrived(), 0))
            filler.unlink()
            wait_for(lambda: not self.spool.waiting(), "all are delivered", 20)
            self.assert_live_was_undisturbed(running)
        self.assert_logged("permanent log", "No space left on device")
        self.assertEqual(self.arrived(), self.left)
        self.assertEqual(self.logged(), (self.left, 0))

    def test_permanent_log_cannot_grow(self):
        self.prepare()
        small = self.directory / "small"
        small.mkdir()
        self.mount(small, "-t", "tmpfs", "-o", "size=64k", "none")
        self.permanent_log_on(small)

    def test_permanent_log_cannot_grow_nor_be_reserved(self):
        """A file system that cannot reserve space, like ext3: the free space is checked instead."""
        self.prepare()
        small = self.directory / "small"
        small.mkdir()
        self.mount_ext4(small, features="^has_journal,^extents,^64bit")
        self.permanent_log_on(small)

    # --- the disk of the logs

    def fill_logs(self):
        self.mount(self.lonc.logs, "-t", "tmpfs", "-o", "size=64k", "none")
        return self.fill(self.lonc.logs)

    def problems(self):
        found = self.lonc.admin().status()["daemon"]["problems"]
        self.assertTrue(all(problem["remedy"] for problem in found), found)
        return [problem["text"] for problem in found]

    def test_logs_full_at_the_start(self):
        """Requests are served, and an administrator is informed wherever possible."""
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
        wait_for(lambda: "permanent log" in (self.lonc.admin().status()["daemon"]["delayed"]["trouble"] or ""),
                 "the status says why delayed messages wait", 20)
        self.assertEqual(self.arrived(), [])
        self.assertEqual(self.lonc.request("msul1", "echo:alive"), "alive")
        filler.unlink()
        self.wait_delivered()
        wait_for(lambda: self.lonc.pid() == self.lonc.process.pid, "the pid file is written")
        wait_for(lambda: not self.problems(), "nothing is wrong")
        self.lonc.wait_logged("log lines were lost since")
        self.assertEqual(self.arrived(), self.left)

    def test_logs_full_with_a_stale_pid_file(self):
        """An existing file already has its space."""
        self.prepare()
        self.mount(self.lonc.logs, "-t", "tmpfs", "-o", "size=64k", "none")
        self.lonc.pid_file.write_text("4194300\n")
        self.fill(self.lonc.logs)
        self.lonc.launch()
        self.lonc.wait_up("msul1", 20)
        self.assertEqual(self.lonc.pid(), self.lonc.process.pid)
        self.assertEqual(len(self.problems()), 1, self.problems())

    def test_limit_on_the_size_of_files(self):
        """The permanent log has reached it: no signal ends lonc, and no start sends anything."""
        text = "1000000000:D:msul1:other:Thu Jan  1 00:00:00 1970\n" * 2000
        self.prepare(prefix=("prlimit", f"--fsize={len(text)}"))
        self.spool.permanent_log.write_text(text)
        self.leave(5)
        for _ in range(3):
            self.start()
            self.wait_trouble("permanent log", "File too large")
            self.assertEqual(self.lonc.request("msul1", "echo:alive"), "alive")
            self.lonc.stop()
            self.assertEqual(self.arrived(), [])
        self.lonc.prefix = []
        self.start()
        wait_for(lambda: not self.spool.waiting(), "all are delivered", 20)
        self.assertEqual(self.arrived(), self.left)
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
        """As the kernel does on a disk error: at once, with open files. An administrator repairs it."""
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
        self.must("sync", "-f", self.spool.directory)  # or the error would lose their content
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
        """A frozen file system: every writer sleeps until it is unfrozen."""
        self.prepare()
        self.mount_ext4(self.spool.directory)
        self.start()
        self.peer.down("msul1")
        self.lonc.wait_lost("msul1")
        self.leave(100)
        self.must("fsfreeze", "--freeze", self.spool.directory)
        self.addCleanup(run, "fsfreeze", "--unfreeze", self.spool.directory)
        self.peer.up("msul1")
        self.lonc.wait_up("msul1")  # live requests wait at most delayed-first
        with self.live() as running:
            self.wait_trouble("the disk has not answered for", seconds=30)
            self.assertEqual(self.arrived(), [])
            self.lonc.hang_up()  # a reload does not wait for the disk either
            self.assertEqual(self.assert_quick(0.5, self.lonc.request, "msul1", "echo:x"), "x")
            self.must("fsfreeze", "--unfreeze", self.spool.directory)
            self.wait_delivered()
            self.assert_live_was_undisturbed(running)

    def freeze_log(self):
        """Puts only lonc.log on its own disk: deliveries can be recorded, but not logged."""
        frozen = self.directory / "frozen"
        frozen.mkdir()
        self.mount_ext4(frozen)
        (frozen / "lonc.log").touch()
        self.lonc.log_file.touch()
        self.mount(self.lonc.log_file, "--bind", frozen / "lonc.log")
        self.addCleanup(run, "fsfreeze", "--unfreeze", frozen)
        return frozen

    def kill_while_frozen(self, frozen):
        """A process that waits for a frozen disk ends when that is unfrozen, without having written anything."""
        self.lonc.process.kill()
        self.must("fsfreeze", "--unfreeze", frozen)
        self.lonc.process.wait()

    def test_killed_twice_while_the_disk_of_the_log_hangs(self):
        """The second process cannot log the name, so the third logs it, although the message is delivered by then."""
        self.prepare()
        frozen = self.freeze_log()
        command = "late:3000:fine"
        name = self.spool.message("msul1", command).name
        self.start()
        wait_for(lambda: self.peer.arrived("msul1").count(command) == 1, "it is in flight")
        self.must("fsfreeze", "--freeze", frozen)
        self.kill_while_frozen(frozen)
        self.assertEqual(self.spool.waiting(), [name])
        before = self.lonc.log()
        self.must("fsfreeze", "--freeze", frozen)
        self.start()
        wait_for(lambda: not self.spool.waiting(), "the second process has delivered it", 20)
        self.assertEqual(self.lonc.status()["daemon"]["delayed"]["doubtful_names"], [name])
        self.kill_while_frozen(frozen)
        self.assertEqual(self.lonc.log(), before)
        self.start()
        self.lonc.wait_logged(f"Delayed message {name} may have two S: lines")
        self.assertEqual(self.peer.arrived("msul1").count(command), 2)
        self.assertEqual(self.spool.permanent("S"), [command])

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
        """A directory that is hidden by another, read-only one, and reappears with its messages."""
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
        """Connected clients are not affected; a message that cannot be opened at the moment is not quarantined."""
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
