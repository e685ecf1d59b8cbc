"""A Debian booted with systemd in a container, discarded at the end: its commands, files, network and journal."""
import atexit
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess

from e2e.harness import SLOWNESS, TEST_DIR, wait_for
from boot.cgroup import ControlGroup, remove_stale

ROOT = pathlib.Path(os.environ.get("LONC_NODE_ROOT", "no such file"))  # made by make_root.sh
TESTS_INSIDE = "/srv/test"  # this source tree's test/, as it is named in the container
ENVIRONMENT = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TERM=dumb",
               "DEBIAN_FRONTEND=noninteractive"]
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def reason_to_skip():
    if os.getuid() != 0:
        return "only root may boot a container"
    if not shutil.which("systemd-nspawn"):
        return "systemd-nspawn is not installed"
    if not ROOT.exists():
        return f"there is no root to boot; test/boot/make_root.sh makes {ROOT}"
    return None


def end_with_parent():
    """For a child, before its exec: not even kill -9 of the test leaves a container behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def new_directory(name):
    """Next to the archive; removes directories left by tests that were killed."""
    for path in ROOT.parent.glob(f"{name}.*"):
        if not os.path.exists(f"/proc/{path.suffix[1:]}"):
            shutil.rmtree(path)
    directory = ROOT.parent / f"{name}.{os.getpid()}"
    directory.mkdir()
    return directory


class Container:
    """`binds`: {path inside: path outside}, read-only.

    Its changes are only in memory (--volatile), its network is its own loopback. This process joins that network
    permanently, and so does everything that it starts from then on.
    """

    def __init__(self, name, binds):
        self.name = f"lonc-{name}-{os.getpid()}"
        self.directory = new_directory(name)
        self.root = self.directory / "root"
        self.console = self.directory / "console"
        self.group = None
        self.process = None
        self.leader = None
        # However this process ends; SIGTERM acts as Ctrl-C, which unittest does not count as a failed test.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        atexit.register(self.close)
        try:
            self._boot({TESTS_INSIDE: TEST_DIR} | binds)
        except BaseException:
            print(self.console.read_text(errors="replace")[-4000:] if self.console.exists() else "")
            self.close()
            raise

    def _boot(self, binds):
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "--numeric-owner", "-xf", ROOT], check=True)
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network",
                   "--volatile=overlay", "--console=pipe", "--link-journal=no", f"--machine={self.name}",
                   f"--directory={self.root}",
                   *(f"--bind-ro={outside}:{inside}" for inside, outside in binds.items())]
        remove_stale(self.name.rsplit("-", 1)[0])
        self.group = ControlGroup(self.name)

        def before_exec():
            end_with_parent()
            self.group.join()

        with self.console.open("wb") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                            start_new_session=True, preexec_fn=before_exec)
        self.leader = wait_for(self._find_leader, "the container's first process", 20)
        wait_for(self._is_booted, "the container has booted", 60)
        self._join_network()

    def _find_leader(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"systemd-nspawn ended with {self.process.returncode}: {self.console.read_text()}")
        for child in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            status = pathlib.Path(f"/proc/{child}/status").read_text()
            if status.startswith("Name:\tsystemd\n"):
                return int(child)
        return None

    def _is_booted(self):
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def _join_network(self):
        with open(f"/proc/{self.leader}/ns/net", "rb") as namespace:
            if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot join the container's network")

    def close(self):
        """Its processes end with its first one, its mounts with nspawn's own namespace."""
        atexit.unregister(self.close)
        if self.process is not None and self.process.poll() is None:
            if self.leader is not None:
                os.kill(self.leader, signal.SIGKILL)
            else:
                self.process.kill()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.group is not None:
            self.group.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- inside

    def command(self, *words, user="root"):
        """The command to be started outside so that `words` run inside."""
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        return ["nsenter", "--target", str(self.leader), "--all", "--root", "--wd", *ENVIRONMENT, *become,
                *map(str, words)]

    def run(self, *words, user="root", check=True, text="", seconds=60):
        """The finished process, with its output; an exit status other than 0 is an error unless `check` is False."""
        done = subprocess.run(self.command(*words, user=user), input=text, capture_output=True, text=True,
                              errors="replace", timeout=seconds * SLOWNESS, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))} ended with {done.returncode}:\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def path(self, inside):
        """The path of a file in the container, as it can be opened from outside."""
        return pathlib.Path(f"/proc/{self.leader}/root") / str(inside).lstrip("/")

    def write(self, inside, text):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def systemctl(self, *words, **options):
        return self.run("systemctl", *words, **options)

    def properties(self, unit, *names):
        lines = self.systemctl("show", unit, *(f"--property={name}" for name in names)).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    # --- journal

    def journal_cursor(self):
        """The current end of the journal."""
        out = self.run("journalctl", "--quiet", "--lines=0", "--show-cursor").stdout
        return out.split("-- cursor: ")[1].strip()

    def journal(self, after=None, **fields):
        """Its entries, each a dict of fields, after a cursor or from the beginning; only those that have `fields`.

        They are filtered here: given a cursor and fields, journalctl skips the first entry that it should show.
        """
        self.run("journalctl", "--sync")
        since = [f"--after-cursor={after}"] if after else []
        out = self.run("journalctl", "--quiet", "--output=json", "--all", *since).stdout
        entries = [json.loads(line) for line in out.splitlines()]
        return [entry for entry in entries if all(entry.get(name) == value for name, value in fields.items())]

    def journal_text(self):
        return self.run("journalctl", "--quiet", "--no-pager", "--output=short-precise").stdout
