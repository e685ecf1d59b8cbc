"""The contestants: each is started on its own socket in front of the same peer."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import threading
import time

from support.waiting import NotInTime, wait_for

HERE = pathlib.Path(__file__).resolve().parent


def cpu_ns(pid):
    """The processor time of all threads of a process, as the scheduler counts it."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass
    return total


def status_kb(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NotifySocket:
    """The role of systemd for a service: a notification socket, and a watchdog that expects signals."""

    def __init__(self, path):
        self.path = path
        self.heard = set()  # the first words of the received messages
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def environment(self):
        return os.environ | {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": "30000000"}

    def read(self):
        while message := self.socket.recv(4096):
            self.heard.add(message.split(b"=")[0].decode())

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))
        self.reader.join()
        self.socket.close()
        self.path.unlink()


class Process:
    """A child process that ends with the benchmark, together with its notification socket."""

    def __init__(self, command, name, directory, notify=None, **options):
        self.name = name
        self.notify = notify
        if notify:
            options = {"env": notify.environment()} | options
        self.errors = (directory / f"{name}.err").open("wb")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stderr=self.errors, **({"stdout": self.errors} | options))
        self.pid = self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()
        if self.notify:
            self.notify.close()
            self.notify = None

    def is_running(self):
        return self.process.poll() is None


class Peer(Process):
    def __init__(self, programs, directory, name="peer", **options):
        words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
        super().__init__([programs / "bench-peer", *words], name, directory, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(b"get k\r\n")
            return client.recv(100).startswith(b"END")
    except OSError:
        return False


class Contestant(Process):
    """`target`: the options with which bench-load reaches it."""

    def __init__(self, command, name, directory, path, **options):
        super().__init__(command, name, directory, **options)
        self.path = path
        self.target = ["--socket", str(path)]
        try:
            wait_for(lambda: answers(path) or not self.is_running(), f"{name} answers", 20)
            if not self.is_running():
                raise RuntimeError(f"{name} ended: {(directory / f'{name}.err').read_text()[-2000:]}")
        except (RuntimeError, NotInTime):
            self.stop()
            raise

    def cpu_ns(self):
        return cpu_ns(self.pid)


class Direct:
    """No relay at all: the client connects to the peer's TCP port."""

    name = "direct"
    pid = None

    def __init__(self, port):
        self.target = ["--port", str(port)]

    def cpu_ns(self):
        return 0

    def stop(self):
        pass


def lonc_command(binary, directory, port, hosts=None, settings=None, own_id="data1"):
    """Creates the directories of a node; returns the command that starts lonc in it, with an admin endpoint on TCP."""
    for name in ("sockets/delayed", "perl/logs", "lonTabs", "html/lon-status"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    hosts = hosts or {"peer1": "127.0.0.1"}
    table = "".join(f"{host}:msu:library:{host}.example.org:{address}\n" for host, address in hosts.items())
    long_ago = time.time() - 3600  # as on a node: lonc waits until a file no longer changes
    for name, text in {"lonTabs/hosts.tab": table, "lonc.conf": "", "perlsetvar.conf": ""}.items():
        (directory / name).write_text(text)
        os.utime(directory / name, (long_ago, long_ago))
    values = {
        "host-id": own_id, "socket-dir": directory / "sockets", "daemon-dir": directory / "perl",
        "tab-dir": directory / "lonTabs", "doc-root": directory / "html", "lond-port": port,
        "user": pwd.getpwuid(os.getuid()).pw_name, "admin-address": f"127.0.0.1:{free_port()}",
    } | (settings or {})
    words = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return [binary, "--config", directory / "lonc.conf", "--perlsetvar", directory / "perlsetvar.conf", *words]


def start_lonc(binary, directory, port, name="lonc", has_manager=True, **options):
    """Without a service manager it has no watchdog either."""
    place = directory / name
    return Contestant(lonc_command(binary, place, port, **options), name, directory, place / "sockets" / "peer1",
                      notify=NotifySocket(directory / f"{name}.notify") if has_manager else None)


def start_lonc_alone(binary, memory_directory, directory, number, name=None, settings=None):
    """With `number` peers that all refuse, and a limit of 16,384 descriptors. Returns it, and the seconds until it was
    ready."""
    name = name or f"many{number}"
    hosts = {f"p{i}": f"127.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250}" for i in range(number)}
    place = memory_directory / name
    command = ["prlimit", "--nofile=16384", *lonc_command(binary, place, free_port(), hosts=hosts, settings=settings)]
    log = place / "perl/logs/lonc.log"
    notify = NotifySocket(directory / f"{name}.notify")
    begun = time.monotonic()
    lonc = Process(command, name, directory, notify=notify)
    try:
        wait_for(lambda: log.exists() and "Done starting initial servers" in log.read_text(errors="replace"),
                 "lonc is ready", 60)
    except NotInTime:
        lonc.stop()
        raise
    return lonc, time.monotonic() - begun


def start_nutcracker(directory, port, connections, name=None):
    name = name or f"nutcracker-{connections}"
    path = directory / f"{name}.sock"
    config = directory / f"{name}.yml"
    config.write_text(f"""pool:
  listen: {path} 0666
  hash: fnv1a_64
  distribution: modula
  timeout: 30000
  backlog: 4096
  server_connections: {connections}
  client_connections: 0
  servers:
   - 127.0.0.1:{port}:1
""")
    command = ["nutcracker", "-c", config, "-s", free_port(), "-a", "127.0.0.1", "-i", "3600000", "-m", "16384",
               "-o", directory / f"{name}.log", "-v", "0"]
    return Contestant(command, name, directory, path)


def start_bare(programs, directory, port):
    path = directory / "bare.sock"
    return Contestant([programs / "bench-bare", "--socket", path, "--port", port], "bare", directory, path)


def start_haproxy(directory, port):
    path = directory / "haproxy.sock"
    config = directory / "haproxy.cfg"
    config.write_text(f"""global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen pool
  bind unix@{path} backlog 4096
  server peer 127.0.0.1:{port}
""")
    return Contestant(["haproxy", "-db", "-f", config], "haproxy", directory, path)


def start_model(directory, port):
    path = directory / "model.sock"
    return Contestant(["perl", HERE / "model2002.pl", path, port], "perl-2002", directory, path)


def is_installed(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
