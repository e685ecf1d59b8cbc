"""Other relays in place of lonc, between the same peers and clients, with the faults that apply to them."""
import subprocess

from bench import contestants
from chaos import delayed, faults, field
from chaos.trial import Trial
from support.waiting import wait_for

PATIENCE = int(field.SETTINGS["request-timeout"].removesuffix("ms"))


class Lines:
    """Requests and answers are lines, as with lonc."""
    load = ()
    peer = ()

    @staticmethod
    def request(text):
        return text

    @staticmethod
    def answer(reply):
        return reply


class Memcache:
    """`get KEY`, the only protocol of nutcracker; the answer is the value. A key has at most 250 bytes."""
    load = ("--memcache", "1", "--longest", "250")
    peer = ("--memcache", "1")

    @staticmethod
    def request(text):
        return f"get {text}\r"

    @staticmethod
    def answer(reply):
        lines = reply.splitlines()
        return lines[1] if len(lines) > 1 else reply


class Nutcracker:
    """One process, and one connection to each peer, which is its default."""
    dialect = Memcache
    # A key is not encrypted, and nutcracker treats close_connection_exit as an error.
    load = ("--encrypts", "0", "--workers", "0")

    def __init__(self, directory, peers, port):
        config = directory / "nutcracker.yml"
        config.write_text("".join(f"""{peer.host}:
  listen: {directory / peer.host} 0666
  hash: fnv1a_64
  distribution: modula
  timeout: {PATIENCE}
  backlog: 4096
  servers:
   - {peer.address}:{port}:1
""" for peer in peers))
        self.commands = {"": ["nutcracker", "-c", str(config), "-s", str(contestants.free_port()), "-a", "127.0.0.1",
                              "-i", "3600000", "-m", "16384", "-o", str(directory / "nutcracker.log"), "-v", "0"]}


class Haproxy:
    """One process that relays bytes; each client has its own connection to the peer."""
    dialect = Lines
    load = ("--encrypts", "0", "--workers", "0")

    def __init__(self, directory, peers, port):
        config = directory / "haproxy.cfg"
        config.write_text(f"""global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect {PATIENCE}ms
  timeout client 1h
  timeout server {PATIENCE}ms
""" + "".join(f"""listen {peer.host}
  bind unix@{directory / peer.host} backlog 4096
  server {peer.host} {peer.address}:{port}
""" for peer in peers))
        self.commands = {"": ["haproxy", "-db", "-f", str(config)]}


class Perl:
    """The model of the lonc of 2002: a process for each peer, which ends at close_connection_exit and is restarted by
    its parent."""
    dialect = Lines
    load = ("--encrypts", "0")

    def __init__(self, directory, peers, port):
        self.commands = {peer.host: ["perl", str(contestants.HERE / "model2002.pl"), str(directory / peer.host),
                                     str(port), peer.address] for peer in peers}


RIVALS = {"nutcracker": Nutcracker, "haproxy": Haproxy, "perl": Perl}
RESTART_AFTER = 1  # second after the end of a process


class RivalTrial(Trial):
    def start(self):
        self.kinds &= set(faults.PEER_FAULTS)
        chosen = RIVALS[self.options.rival]
        self.dialect = chosen.dialect
        self.start_peers(self.dialect.peer)
        self.sockets = self.directory / "sockets"
        self.sockets.mkdir()
        self.errors = (self.directory / "rival.err").open("ab")
        peers = self.peers[:self.options.peers]
        self.commands = chosen(self.sockets, peers, self.port).commands
        self.processes = {name: self.start_rival(name) for name in self.commands}
        self.ended_at = {}
        for peer in peers:
            wait_for(lambda: self.answers_right(peer.host), f"{self.options.rival} answers for {peer.host}")
        self.start_load(self.sockets, (*self.dialect.load, *chosen.load))

    def start_rival(self, name):
        return subprocess.Popen(self.commands[name], stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)

    def look_after(self, seconds):
        """As lonc's parent did in 2002, and as a service manager does today."""
        for name, process in self.processes.items():
            if process.poll() is None:
                continue
            if seconds >= self.ended_at.setdefault(name, seconds) + RESTART_AFTER:
                del self.ended_at[name]
                self.processes[name] = self.start_rival(name)

    def end_faults(self, is_moved):
        pass

    def answers_right(self, host):
        text = self.probe()
        reply = field.ask(self.sockets / host, self.dialect.request(text), seconds=1)
        return field.is_answer(self.dialect.answer(reply), host, text)

    def judge_delayed(self):
        return delayed.Judgement()  # none of them has delayed messages

    def stop(self):
        super().stop()
        for process in self.processes.values():
            field.end_process(process)
        self.errors.close()
