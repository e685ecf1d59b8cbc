"""An administrator or a cleanup job removes files of a running lonc: sockets, pid file, admin socket."""
import fcntl
import os
import shutil
import signal
import socket
import stat

from e2e.harness import E2eTest, wait_for


class LostSocketTest(E2eTest):
    def start(self, hosts=("msul1", "msul2"), **settings):
        peer = self.standin(list(hosts))
        node = self.node(list(hosts), settings={"status-interval": "1s"} | settings)
        for host in hosts:
            node.wait_up(host)
        return peer, node

    def assert_back(self, node, host):
        wait_for(lambda: node.is_listening(host), f"the socket of {host} is there again")
        self.assertEqual(stat.S_IMODE(node.socket_path(host).stat().st_mode), 0o600)
        self.assertEqual(node.request(host, "echo:again"), "again")

    def test_a_removed_socket_is_created_again(self):
        _, node = self.start()
        with node.client("msul1") as connected:
            other = node.socket_path("msul2").stat().st_ino
            node.socket_path("msul1").unlink()
            self.assert_back(node, "msul1")
            self.assertEqual(connected.ask("echo:still"), "still")
        self.assertEqual(node.socket_path("msul2").stat().st_ino, other)
        node.wait_logged("msul1 was gone")

    def test_at_a_signal(self):
        """Even if no status is written in between."""
        _, node = self.start(**{"status-interval": "0s"})
        for number in (signal.SIGUSR1, signal.SIGHUP):
            node.socket_path("msul1").unlink()
            node.signal(number)
            self.assert_back(node, "msul1")

    def test_all_of_them_with_their_directory(self):
        _, node = self.start()
        shutil.rmtree(node.sockets)
        wait_for(lambda: node.admin().get("/readyz").status == 503, "lonc is not ready")
        self.assertIn("no socket for data1, msul1, msul2", node.admin().get("/readyz").text)
        done = node.ctl("check")
        self.assertIn("there is no socket for", done.stdout)
        node.sockets.mkdir()
        for host in ("msul1", "msul2"):
            self.assert_back(node, host)
        wait_for((node.sockets / "delayed").is_dir, "messages can be left again")
        wait_for(lambda: node.admin().get("/readyz").status == 200, "lonc is ready")
        self.assertEqual(node.log().count("were gone"), 1, node.log())

    def test_an_obstacle_is_not_removed_but_reported(self):
        _, node = self.start()
        path = node.socket_path("msul1")
        path.unlink()
        path.write_text("precious")
        node.wait_logged("is not a socket and is left alone (remove it)")
        path.unlink()
        self.assert_back(node, "msul1")

        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            node.wait_logged("another process listens there (end it)")
        self.assert_back(node, "msul1")

    def test_admin_socket(self):
        _, node = self.start()
        (node.logs / "lonc.admin").unlink()
        wait_for((node.logs / "lonc.admin").is_socket, "the admin socket is there again")
        self.assertEqual(node.ctl("status").returncode, 0)
        node.wait_logged("The admin socket was gone")


class LostPidFileTest(E2eTest):
    def test_a_removed_pid_file_permits_no_second_lonc(self):
        _, node = self.pair(["msul1"])
        for arguments in ([], ["--daemonize"]):
            node.pid_file.unlink(missing_ok=True)
            done = node.run(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"another lonc is running already, as process {node.process.pid}", done.stderr)
            self.assertEqual(node.request("msul1", "echo:alive"), "alive")

    def test_it_is_created_again(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], settings={"status-interval": "1s"})
        node.pid_file.unlink()
        wait_for(node.pid_file.exists, "the pid file is there again")
        self.assertEqual(node.pid(), node.process.pid)
        node.wait_logged("The pid file was missing and has been created again")
        # The directory of the logs is created again.
        node.logs.rename(node.directory / "old")
        node.logs.mkdir()
        wait_for(node.pid_file.exists, "the pid file is in the new directory")
        done = node.run()
        self.assertIn("another lonc is running already", done.stderr)

    def test_pid_file_of_another_lonc(self):
        """An earlier lonc ignores the lock on the directory: the one started later stays."""
        self.standin(["msul1"])
        node = self.node(["msul1"], settings={"status-interval": "1s"})
        node.wait_up("msul1")
        node.pid_file.unlink()
        with node.pid_file.open("w", encoding="ascii") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            other.write(f"{os.getpid()}\n")
            other.flush()
            self.assertEqual(node.process.wait(20), 0)
            self.assertIn(f"another lonc is running already, as process {os.getpid()}", node.log())
            self.assertEqual(node.pid_file.read_text(), f"{os.getpid()}\n")

    def test_rubbish(self):
        self.standin(["msul1"])
        node = self.node(["msul1"], settings={"status-interval": "1s"})
        node.pid_file.unlink()
        node.pid_file.write_text(f"{os.getppid()}\n")
        wait_for(lambda: node.pid() == node.process.pid, "it is lonc's again")
