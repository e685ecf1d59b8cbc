"""Runs the load generator against a contestant and measures the cost."""
import json
import statistics
import subprocess


def load(programs, target, **options):
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    done = subprocess.run([programs / "bench-load", *target, *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(programs, contestant, **options):
    """One load; CPU in microseconds per answered request, answers per second."""
    before = contestant.cpu_ns()
    result = load(programs, contestant.target, **options)
    cpu = contestant.cpu_ns() - before
    answered = max(1, result["answered"])
    return result | {"cpu": cpu / 1000 / answered, "throughput": result["answered"] / result["seconds"]}


def system_calls(programs, contestant, directory, requests, **options):
    """All system calls of all its threads per request, as strace counts them."""
    counts = directory / "strace"
    tracer = subprocess.Popen(["strace", "-c", "-f", "-U", "calls,name", "-p", str(contestant.pid), "-o", str(counts)],
                              stderr=subprocess.PIPE, text=True)
    tracer.stderr.readline()  # "attached"
    result = load(programs, contestant.target, requests=requests, **options)
    tracer.terminate()
    tracer.wait()
    total = 0
    for line in counts.read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[0].isdigit() and words[1] not in ("total", "restart_syscall", "futex"):
            total += int(words[0])
    return total / max(1, result["answered"])


def in_turn(number, contestants):
    """The order in that round: every second round is reversed, so that the order favours no contestant."""
    return list(contestants)[::-1 if number % 2 else 1]


def median(values):
    return statistics.median(values)


def spread(values):
    """Half the distance between the quartiles, relative to the median."""
    if len(values) < 4:
        return 0.0
    first, _, third = statistics.quantiles(values, n=4)
    return (third - first) / 2 / statistics.median(values)


def ratios(mine, theirs):
    """Per round, so that a disturbance affects both sides of a ratio."""
    return [a / b for a, b in zip(mine, theirs)]
