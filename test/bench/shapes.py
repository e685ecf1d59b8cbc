"""The matrix: every contestant, a connection per request or kept open, several numbers of clients, interleaved."""
from bench import contestants as make
from bench.measure import in_turn, load, measure, system_calls

NUTCRACKER = "nutcracker-1"


def start_all(setup, port):
    started = [make.Direct(port)]
    try:
        started.append(make.start_lonc(setup.binary, setup.directory, port))
        started.append(make.start_bare(setup.programs, setup.directory, port))
        started.append(make.start_nutcracker(setup.directory, port, 1))
        started.append(make.start_nutcracker(setup.directory, port, 10))
        started.append(make.start_haproxy(setup.directory, port))
        started.append(make.start_model(setup.directory, port))
    except BaseException:
        for contestant in started:
            contestant.stop()
        raise
    return started


class Shapes:
    """results[(kept, clients, bytes)][contestant] is a list of measurements, one for each round."""

    def __init__(self, setup):
        self.setup = setup
        self.results = {}
        self.calls = {}

    def run(self):
        clients = (16, 64, 256) if self.setup.quick else (1, 16, 64, 256)
        self.run_set([(kept, number, 32) for kept in (0, 1) for number in clients], True)
        # Slow requests make lonc open more connections, which it keeps for a while: so they get a new process.
        if not self.setup.quick:
            self.run_set([(kept, 64, size) for kept in (0, 1) for size in (200, 4096, 262144)], False)

    def run_set(self, plan, with_calls):
        for number in range(self.setup.rounds):
            self.setup.say(f"round {number + 1} of {self.setup.rounds}")
            self.run_round(number, plan, with_calls and number + 1 == self.setup.rounds)

    def run_round(self, number, plan, with_calls):
        """With new processes: the memory layout of a process is fixed and affects its costs."""
        peer = make.Peer(self.setup.programs, self.setup.directory)
        contestants = start_all(self.setup, peer.port)
        try:
            for contestant in contestants:
                load(self.setup.programs, contestant.target, clients=16, keep=1, milliseconds=100)
            for shape in plan:
                for contestant in in_turn(number, contestants):
                    self.one(contestant, shape)
            for contestant in contestants[1:-1] if with_calls else ():
                for kept in (0, 1):
                    self.calls[(contestant.name, kept)] = system_calls(
                        self.setup.programs, contestant, self.setup.directory, 20_000, clients=64, keep=kept)
        finally:
            for contestant in contestants:
                contestant.stop()
            peer.stop()

    def one(self, contestant, shape):
        kept, clients, size = shape
        # nutcracker accepts no key above 250 bytes, and the bare relay only short lines; the model serves few
        # clients at a time.
        if size > 250 and contestant.name.startswith(("nutcracker", "bare")):
            return
        if contestant.name == "perl-2002" and (clients > 64 or size > 32 or (clients == 1 and kept == 0)):
            return
        result = measure(self.setup.programs, contestant, clients=clients, keep=kept, line_bytes=size,
                         milliseconds=self.setup.milliseconds)
        self.results.setdefault(shape, {}).setdefault(contestant.name, []).append(result)

    def values(self, shape, name, what):
        return [result[what] for result in self.results[shape][name]]
