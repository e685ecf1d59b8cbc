"""The other side of the wire, and the programs that load a node: driven by tests, ended with them."""
import subprocess

from e2e.harness import LOAD, SLOWNESS, STANDIN, TEST_DIR

LOND = TEST_DIR / "peers" / "lond.pl"
LONNET_CLIENT = TEST_DIR / "clients" / "lonnet_client.pl"


class Peer:
    """A process that plays lond until its standard input ends."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = {}
        while (line := self._read()) != "ready":
            host, _, port = line.split()
            self.ports[host] = int(port)

    def _read(self):
        line = self.process.stdout.readline()
        assert line, f"{self.process.args[0]} has ended with {self.process.wait()}"
        return line.rstrip("\n")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._read()

    def kill(self):
        self.process.kill()
        self.close()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(5 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Standin(Peer):
    """lond-standin: `hosts` answer, `black_holes` leave SYNs unanswered; {id: fault} as in fault.hpp."""

    def __init__(self, network, hosts, black_holes=(), faults=None, client="data1", callback=None, journal=None,
                 prefix=()):
        words = [*prefix, STANDIN, "--client", client]
        words += [word for host in hosts for word in ("--listen", f"{host}={network.place(host)}")]
        words += [word for host in black_holes for word in ("--black-hole", f"{host}={network.place(host)}")]
        words += [word for host, fault in (faults or {}).items() for word in ("--fault", f"{host}={fault}")]
        words += ["--callback", str(callback)] if callback else []
        words += ["--journal", str(journal)] if journal else []
        self.journal = journal
        super().__init__(words)

    def control(self, command):
        reply = self.tell(command)
        assert reply.startswith("done "), f"{command}: {reply}"

    def down(self, host):
        """As if lond were killed: connections are closed and new ones refused."""
        self.control(f"down {host}")

    def up(self, host):
        self.control(f"up {host}")

    def drop(self, host):
        self.control(f"drop {host}")

    def hole(self, host):
        self.control(f"hole {host}")

    def fault(self, host, name):
        self.control(f"fault {host} {name}")

    def stats(self, host):
        """connections (open now), requests, accepted, pongs"""
        words = self.tell(f"stats {host}").split()[2:]
        return dict(zip(words[::2], map(int, words[1::2])))


    def journalled(self, host=None):
        """The requests in order of arrival: (host, "plain" or "encrypted", request); of one host or of all."""
        text = self.journal.read_text()
        whole = text[:text.rfind("\n") + 1].split("\n")[:-1]
        return [entry for entry in (tuple(line.split(" ", 2)) for line in whole) if host in (None, entry[0])]

    def arrived(self, host):
        return [request for _, _, request in self.journalled(host)]


class PerlLond(Peer):
    def __init__(self, network, host, client="data1"):
        super().__init__([str(LOND), "--id", host, "--client-id", client, "--listen", network.place(host)])


class Load:
    """lonc-load running on the sockets of some hosts. `finish()` waits for its end and returns its counts."""

    def __init__(self, node, hosts, clients=4, requests=None, seconds=None, per_connection=1, rate=None, encrypt=False):
        words = [LOAD, "--clients", str(clients), "--per-connection", str(per_connection)]
        words += [word for host in hosts for word in ("--socket", str(node.socket_path(host)))]
        words += ["--requests", str(requests)] if requests else ["--seconds", str(seconds)]
        words += ["--rate", str(rate)] if rate else []
        words += ["--encrypt"] if encrypt else []
        self.patience = ((seconds or 0) + 60) * SLOWNESS
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def stop(self):
        """Ends it early."""
        self.process.terminate()
        return self.finish()

    def finish(self):
        out, errors = self.process.communicate(timeout=self.patience)
        assert self.process.returncode in (0, 1) and out, f"lonc-load: {errors}"
        return tally(out) | ({"first_wrong": errors} if errors else {})


def tally(line):
    """"ok 3 wrong 0 p50 12 us ..." as a dict of numbers."""
    words = [word for word in line.split() if word != "us"]
    return dict(zip(words[::2], map(int, words[1::2])))


def load(node, hosts, **options):
    with Load(node, hosts, **options) as running:
        return running.finish()


class Critical:
    """lonnet's `critical` running: for each command, in each of `workers` processes, one outcome."""

    def __init__(self, node, host, *commands, workers=1):
        self.process = subprocess.Popen(
            [str(LONNET_CLIENT), "--critical", "--workers", str(workers), "--pid-file", str(node.pid_file),
             "--perm-log", str(node.logs / "lonnet.perm.log"), str(node.sockets), host, *commands],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def finish(self, seconds=60):
        out, errors = self.process.communicate(timeout=seconds * SLOWNESS)
        assert not errors and self.process.returncode == 0, errors
        return out.splitlines()


def lonnet(*arguments, seconds=60):
    """The output of the Perl client, line by line."""
    done = subprocess.run([str(LONNET_CLIENT), *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds * SLOWNESS, check=False)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()
