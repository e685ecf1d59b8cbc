"""The package on a node: a newer version under load, and its removal."""
import shutil
import subprocess

from e2e.harness import wait_for
from boot.booted_node import DEB, NodeTest
from boot.web import Crowd

# Files that change with any package, and those that are meant to stay: /home/httpd belongs to LON-CAPA.
NOT_OURS = ("/home/httpd", "/var/lib/dpkg", "/var/cache", "/var/log", "/var/tmp", "/run", "/tmp", "/proc", "/sys",
            "/dev", "/srv", "/var/lib/systemd/deb-systemd-helper-enabled", "/var/lib/systemd/deb-systemd-helper-masked",
            "/var/lib/apt", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-")


def files_of(container):
    """All files that do not belong to others."""
    prune = [word for path in NOT_OURS for word in ("-path", path, "-prune", "-o")]
    return set(container.run("find", "/", *prune, "-print").stdout.splitlines())


class UpgradeTest(NodeTest):
    with_lonc = False  # it is installed by the test, after the existing files have been listed

    @classmethod
    def make_node(cls):
        super().make_node()
        cls.files_before = files_of(cls.node.container)
        cls.node.install()

    def newer_package(self):
        """The same package with a higher version, where the container sees it."""
        folder = self.container.directory / "newer"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["dpkg-deb", "--raw-extract", DEB, folder], check=True)
        control = folder / "DEBIAN" / "control"
        lines = control.read_text().splitlines(keepends=True)
        control.write_text("".join(line.rstrip("\n") + "+newer\n" if line.startswith("Version:") else line
                                   for line in lines))
        subprocess.run(["dpkg-deb", "--build", "-Zgzip", "-z1", folder, self.container.path("/var/tmp/newer.deb")],
                       check=True, stdout=subprocess.DEVNULL)
        return "/var/tmp/newer.deb"

    def version(self):
        return self.container.run("dpkg-query", "--show", "--showformat=${Version}", "lonc").stdout

    def test_upgrade_under_load(self):
        """At worst con_lost; the administrator's settings stay."""
        conf = self.node.path("/etc/lonc/lonc.conf")
        mine = conf.read_text() + "request-timeout = 299s\n"
        conf.write_text(mine)
        newer = self.newer_package()
        before, old_version = self.node.main_pid(), self.version()
        with Crowd(self.node.browser, 10, ["msul1", "msul3"]) as crowd:
            wait_for(lambda: crowd.counts()["ok"] > 100, "pages come", 60)
            self.container.run("dpkg", "--install", newer)
            after = crowd.counts()["ok"]
            wait_for(lambda: crowd.counts()["ok"] > after + 100, "pages come", 60)
            counts = crowd.stop()
        print(f"{counts}, slowest page {crowd.slowest:.3f} s")
        self.assertEqual((crowd.wrong, counts["broken"]), ([], 0))
        self.assertEqual(self.version(), old_version + "+newer")
        self.assertNotEqual(self.node.main_pid(), before)
        self.assertEqual(self.node.pids(), [self.node.main_pid()])
        self.assertEqual(conf.read_text(), mine)

    def test_purge(self):
        """Nothing is left of it, and no files of the node have been removed with it."""
        self.container.run("dpkg", "--purge", "lonc")
        self.addCleanup(self.node.install)
        self.assertEqual(self.node.pids(), [])
        self.assertFalse((self.node.sockets / "msul1").exists())
        files = files_of(self.container)
        self.assertEqual(sorted(files - self.files_before), [])
        self.assertEqual(sorted(self.files_before - files), [])
        self.assertFalse(self.node.path("/home/httpd/perl/lonc").exists())
        self.assertEqual(self.container.properties("lonc", "LoadState", "ActiveState"),
                         {"LoadState": "not-found", "ActiveState": "inactive"})
        self.assertEqual(self.container.run("id", "-un", "www").stdout, "www\n")

    def test_removed_and_installed_again(self):
        """Messages that waited for a peer are still there, and are delivered."""
        self.expect_warning(r"^lonc msul3: ")
        self.node.stop_lond("msul3")
        self.node.wait_lost("msul3")
        self.container.run("dpkg", "--remove", "lonc")
        self.assertEqual(self.node.pids(), [])
        self.assertFalse(self.node.path("/usr/sbin/lonc").exists())
        self.assertTrue(self.node.path("/etc/lonc/lonc.conf").exists())
        name = self.node.spool.message("msul3", "echo:while it was away").name
        self.node.start_lond("msul3")
        self.node.install()
        wait_for(lambda: name not in self.node.spool.waiting(), "the message is delivered", 20)
        self.assertEqual(self.node.londs["msul3"].arrived().count(("plain", "echo:while it was away")), 1)
