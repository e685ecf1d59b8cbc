"""A Debian root without a running systemd, in its own namespaces, for installing the package."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from e2e.harness import SLOWNESS, wait_for

DEB = pathlib.Path(os.environ["LONC_DEB"])
TAR = pathlib.Path(os.environ.get("LONC_NODE_ROOT", "no root"))


def reason_to_skip():
    if os.geteuid() != 0:
        return "only root may enter another root"
    if not TAR.exists():
        return f"there is no {TAR}"
    return None


def extracted():
    """The root extracted from the tarball, for all tests of a module; nothing writes into it."""
    if not _extracted:
        directory = tempfile.mkdtemp(prefix="lonc-root-", dir=TAR.parent)
        _extracted.append(directory)
        unittest.addModuleCleanup(lambda: shutil.rmtree(_extracted.pop()))
        subprocess.run(["tar", "-C", directory, "-xf", TAR], check=True)
    return _extracted[0]


_extracted = []

# Changes are kept in memory, in an overlay of the extracted root, or in a copy if the kernel has no overlay file
# system. The first process reaps orphans, like that of a real system.
ENTER = """
    mount -t tmpfs none "$2"
    mkdir "$2/upper" "$2/work" "$2/root"
    mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$2/root" || cp -a "$1/." "$2/root"
    mount -t proc proc "$2/root/proc"
    test -c "$2/root/dev/null" || mknod -m 666 "$2/root/dev/null" c 1 3
    exec chroot "$2/root" perl -e '$SIG{CHLD} = "IGNORE"; $| = 1; print "up\n"; sleep while 1'
"""


class DebianRoot:
    """Its processes end with close()."""

    def __init__(self):
        lower = extracted()
        self.scratch = tempfile.mkdtemp(prefix="lonc-root-", dir=TAR.parent)
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-ec", ENTER, "enter", lower,
             self.scratch], stdout=subprocess.PIPE, text=True)
        try:
            if self.keeper.stdout.readline() != "up\n":
                raise AssertionError("the root cannot be entered")
            pid = self.keeper.pid
            self.first = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
            self.directory = pathlib.Path(f"/proc/{self.first}/root")
            shutil.copy(DEB, self.path("/srv/lonc.deb"))
        except BaseException:
            self.close()
            raise

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()
        shutil.rmtree(self.scratch)

    def path(self, name):
        return self.directory / str(name).lstrip("/")

    def run(self, *words, user=None, check=True, seconds=120):
        if user:
            words = ("runuser", "-u", user, "--", *words)
        done = subprocess.run(
            ["nsenter", f"--target={self.first}", "--mount", "--pid", "--net", "--root", f"--wd={self.directory}", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", *map(str, words)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds * SLOWNESS, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def install(self, deb="/srv/lonc.deb"):
        return self.run("dpkg", "--install", deb)

    def newer_package(self):
        """The same package with a higher version."""
        self.run("sh", "-ec", """
            rm -rf /srv/newer && mkdir /srv/newer && dpkg-deb --raw-extract /srv/lonc.deb /srv/newer
            sed -i 's/^Version: .*/&+test1/' /srv/newer/DEBIAN/control
            dpkg-deb --root-owner-group --build /srv/newer /srv/newer.deb""")
        return "/srv/newer.deb"

    def pids(self):
        return [int(pid) for pid in self.run("pgrep", "-x", "lonc", check=False).stdout.split()]

    def make_node(self):
        """LON-CAPA's tree, user and configuration, with its own lonc."""
        self.run("useradd", "--system", "--user-group", "--home-dir", "/home/httpd", "--shell", "/bin/sh", "www")
        for name in ("sockets/delayed", "perl/logs", "lonTabs", "html/lon-status"):
            self.path(f"/home/httpd/{name}").mkdir(parents=True)
        self.write("/home/httpd/lonTabs/hosts.tab", "data1:msu:library:data1.example.org:127.0.0.1\n")
        self.write("/home/httpd/perl/lonc", "#!/usr/bin/perl\n# the original\n", 0o755)
        self.write("/etc/httpd/conf/loncapa.conf", "PerlSetVar lonHostID data1\n")
        self.run("chown", "-R", "www:www", "/home/httpd")


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class RootTest(unittest.TestCase):
    def setUp(self):
        self.root = DebianRoot()
        self.addCleanup(self.root.close)

    def wait_ended(self):
        wait_for(lambda: not self.root.pids(), "no lonc runs", 20)
