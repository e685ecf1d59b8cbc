"""What an administrator or a clean-up job does to the files of a running lonc: sockets and admin socket."""
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

    def test_a_removed_socket_comes_back_by_itself(self):
        _, node = self.start()
        with node.client("msul1") as connected:
            other = node.socket_path("msul2").stat().st_ino
            node.socket_path("msul1").unlink()
            self.assert_back(node, "msul1")
            self.assertEqual(connected.ask("echo:still"), "still")
        self.assertEqual(node.socket_path("msul2").stat().st_ino, other)
        node.wait_logged("msul1 was gone")

    def test_at_a_signal(self):
        """Also where no status is written in between."""
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
        wait_for(lambda: node.admin().get("/readyz").status == 200, "lonc is ready")
        self.assertEqual(node.log().count("were gone"), 1, node.log())

    def test_what_is_in_the_way_is_left_alone_and_told(self):
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
            node.wait_logged("another process's, which listens there (end that one)")
        self.assert_back(node, "msul1")

    def test_admin_socket(self):
        _, node = self.start()
        (node.logs / "lonc.admin").unlink()
        wait_for((node.logs / "lonc.admin").is_socket, "the admin socket is there again")
        self.assertEqual(node.ctl("status").returncode, 0)
        node.wait_logged("The admin socket was gone")
