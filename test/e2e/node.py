"""A node of the network: its directories and files, and the real lonc that works in them."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from e2e.admin import Admin
from e2e.harness import LONC, LONCCTL, SLOWNESS, USER, wait_for

SANITIZER_WORDS = ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:")


class Client:
    """One connection of a local program to a socket of lonc."""

    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout * SLOWNESS)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def line(self):
        """The next line without its line end; None at end of file."""
        line = self.file.readline()
        if not line.endswith(b"\n"):
            assert not line, f"end of file within a line: {line[:80]!r}"
            return None
        return line[:-1].decode("latin-1")

    def ask(self, line):
        self.send(line + "\n")
        return self.line()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.file.close()
        self.socket.close()


class Node:
    """`hosts` are ids of the network, or whole lines of hosts.tab where they contain a colon."""

    def __init__(self, directory, network, hosts, own_id="data1", settings=None, variables=None, prefix=()):
        self.directory = directory
        self.network = network
        self.own_id = own_id
        self.settings = {"backoff-first": "200ms", "drain-timeout": "5s"} | (settings or {})
        self.prefix = list(prefix)  # a command that starts lonc, such as ip netns exec
        self.sockets = directory / "sockets"
        self.logs = directory / "perl" / "logs"
        self.hosts_tab = directory / "lonTabs" / "hosts.tab"
        self.perl_set_var = directory / "conf" / "access.conf"
        self.config = directory / "conf" / "lonc.conf"
        self.status_text = directory / "html" / "lon-status" / "loncstatus.txt"
        self.status_file = directory / "html" / "lon-status" / "loncstatus.json"
        self.pid_file = self.logs / "lonc.pid"
        self.log_file = self.logs / "lonc.log"
        self.error_file = directory / "stderr"
        self.process = None
        for path in (self.sockets / "delayed", self.logs, self.status_file.parent, self.hosts_tab.parent,
                     self.config.parent):
            path.mkdir(parents=True)
        self.config.touch()
        self.error_file.touch()
        self.write_perl_set_var(**(variables or {}))
        self.write_hosts(hosts)

    # --- files

    def write_perl_set_var(self, **more):
        variables = {
            "lonHostID": self.own_id, "lonSockDir": self.sockets, "lonDaemons": self.directory / "perl",
            "lonTabDir": self.hosts_tab.parent, "lonDocRoot": self.directory / "html", "londPort": self.network.port,
        } | more
        self.perl_set_var.write_text("".join(f"PerlSetVar {name} {value}\n" for name, value in variables.items()))

    def write_hosts(self, hosts):
        self.hosts = {host.split(":")[0] for host in [*hosts, self.own_id]}
        lines = [host if ":" in host else f"{host}:msu:library:{host}.example.org:{self.network.address(host)}"
                 for host in [*hosts, self.own_id]]
        # As an administrator's tool does: never half a file.
        new = self.hosts_tab.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in dict.fromkeys(lines)))
        new.rename(self.hosts_tab)

    def log(self):
        return self.log_file.read_text() if self.log_file.exists() else ""

    def wait_logged(self, text, seconds=10):
        """An event is in the log soon after it happened: a separate thread writes the log."""
        wait_for(lambda: text in self.log(), f"the log says {text}", seconds)

    def log_about(self, server):
        return [line for line in self.log().splitlines() if f") [{server}] [" in line]

    def errors(self):
        return self.error_file.read_text(errors="replace")

    def description(self):
        return f"log of {self.directory.name}:\n{self.log()[-4000:]}\nstderr:\n{self.errors()[-4000:]}"

    # --- the process

    def command(self, *arguments, user=USER):
        pairs = [word for name, value in self.settings.items() for word in ("--set", f"{name}={value}")]
        return [*self.prefix, LONC, "--config", str(self.config), "--perlsetvar", str(self.perl_set_var),
                "--user", user, *pairs, *arguments]

    def run(self, *arguments, user=USER, seconds=10):
        """A call that ends by itself; returns the finished process with its output."""
        return subprocess.run(self.command(*arguments, user=user), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=seconds * SLOWNESS, check=False)

    def launch(self):
        """Starts lonc in the foreground and does not wait for anything."""
        self.age_configuration()
        with self.error_file.open("ab") as errors:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        return self.process

    def start(self):
        self.launch()
        self.wait_ready()

    def wait_ready(self):
        wait_for(self.is_ready, f"lonc is ready\n{self.errors()}", 20)

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"lonc ended with {self.process.returncode}: {self.description()}")
        return self.pid() and all(map(self.is_listening, self.hosts)) and self.status_file.exists()

    def is_listening(self, host):
        with Client(self.socket_path(host)):
            return True

    def pid(self):
        return int(self.pid_file.read_text())

    def signal(self, number):
        os.kill(self.pid(), number)

    def age_configuration(self):
        """As if the files were old: lonc would otherwise wait until it is sure that nobody is writing them."""
        long_ago = time.time() - 60
        for path in (self.config, self.perl_set_var, self.hosts_tab):
            if path.exists():
                os.utime(path, (long_ago, long_ago))

    def hang_up(self):
        self.age_configuration()
        self.process.send_signal(signal.SIGHUP)

    def stop(self, check=True):
        """SIGTERM, and then checks of what must be true of every lonc after a stop."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            code = self.process.wait(15 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"lonc did not end after SIGTERM\n{self.description()}") from None
        if check:
            self.assert_ended_well(code)

    def assert_ended_well(self, code):
        assert code == 0, f"lonc ended with {code}\n{self.description()}"
        self.assert_nothing_left()
        assert not any(word in self.errors() for word in SANITIZER_WORDS), self.errors()
        assert "ABNORMAL EXIT" not in self.log(), self.log()

    def assert_nothing_left(self):
        left = [path.name for path in self.sockets.iterdir() if path.is_socket()]
        assert not left, f"sockets left behind: {left}"
        assert not self.pid_file.exists(), "pid file left behind"

    def ctl(self, *words, text="", seconds=30, lonc_user=USER, **options):
        """loncctl for this node, with the same settings; returns the finished process with its output."""
        pairs = [word for name, value in self.settings.items() for word in ("--set", f"{name}={value}")]
        # Another user may not be able to access the directory of the repository.
        program = self.copy_for_everybody(LONCCTL) if "user" in options else LONCCTL
        command = [program, *words, "--config", str(self.config), "--perlsetvar", str(self.perl_set_var),
                   "--user", lonc_user, *pairs]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds * SLOWNESS,
                              check=False, **options)

    def copy_for_everybody(self, program):
        copy = self.directory / pathlib.Path(program).name
        if not copy.exists():
            shutil.copy(program, copy)
            copy.chmod(0o755)
        for folder in (copy.parent, copy.parent.parent):
            folder.chmod(0o711)
        return copy

    def admin(self, port=None):
        """The admin socket, or the endpoint at this TCP port."""
        return Admin(("127.0.0.1", port) if port else self.logs / "lonc.admin")

    # --- requests

    def socket_path(self, host):
        return self.sockets / host

    def client(self, host, timeout=10):
        return Client(self.socket_path(host), timeout)

    def request(self, host, line, timeout=10):
        """As lonnet does: one connection, one line, one answer; None is end of file."""
        with self.client(host, timeout) as client:
            return client.ask(line)

    def request_in_flight(self, peer, host, line):
        """A client whose request has reached the peer."""
        before = peer.stats(host)["requests"]
        client = self.client(host, 20)
        client.send(line + "\n")
        wait_for(lambda: peer.stats(host)["requests"] > before, "the request is in flight")
        return client

    def wait_up(self, host, seconds=10):
        wait_for(lambda: self.request(host, "whoami") == host, f"{host} is up", seconds)

    def wait_lost(self, host, seconds=10):
        wait_for(lambda: self.request(host, "whoami") == "con_lost", f"{host} is away", seconds)

    # --- status

    def status(self):
        """The current status; note that SIGUSR1 also makes lonc try every peer again."""
        asked = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        before = self.status_file.stat().st_mtime_ns if self.status_file.exists() else 0
        sent = 0.0

        def fresh():
            # A signal within two seconds of another one does not write a new status.
            nonlocal sent
            if time.monotonic() > sent + 0.5:
                sent = time.monotonic()
                self.signal(signal.SIGUSR1)
            if self.status_file.stat().st_mtime_ns == before:
                return None
            status = json.loads(self.status_file.read_text())
            return status if status["written"] >= asked else None

        return wait_for(fresh, "a new status")

    def written(self):
        """When the current status was written; does not request a new one."""
        return json.loads((self.status_file).read_text())["written"]

    def peer(self, host):
        return next(peer for peer in self.status()["peers"] if peer["id"] == host)

    def wait_peer(self, host, **wanted):
        """Waits until the peer's status has these values; returns it."""

        def reached():
            peer = self.peer(host)
            assert {name: peer[name] for name in wanted} == wanted, f"{peer}"
            return peer

        return wait_for(reached, f"{host} has {wanted}", 20)
