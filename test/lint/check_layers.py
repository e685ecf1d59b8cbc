"""Enforces the architecture: each library includes only those below it, and a header is public only if necessary.

    core <- os <- net <- node <- { daemon, ctl }

src/main.cpp belongs to daemon, whose parts it puts together. check_layers.py ROOT checks ROOT/include/lonc and
ROOT/src. It reads #include lines and a few names, not C++.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
STANDARD = re.compile(r"^[a-z_0-9]+$")
SUFFIXES = {".hpp", ".cpp", ".h", ".ipp"}

# The libraries of the project that each library may include, besides itself.
BELOW = {
    "core": set(),
    "os": {"core"},
    "net": {"core", "os"},
    "node": {"core", "os", "net"},
    "daemon": {"core", "os", "net", "node"},
    "ctl": {"core", "os", "net", "node"},
    "tools": {"core", "os", "net", "node", "ctl"},
}
# Tools that run during the build may include private headers of the programs for which they generate texts.
READS_PRIVATE_HEADERS = {("tools", "ctl")}
# core decides and does no I/O: the engine is tested with literal lines, and replayed from a seed.
# arpa/inet.h converts addresses from and to text, and does no I/O.
CORE_ALLOWED = re.compile(r"^(boost/system/|arpa/inet\.h$)")
CORE_REFUSED_STANDARD = {"filesystem", "fstream", "iostream", "thread", "mutex", "condition_variable", "future", "ctime"}
CORE_REFUSED_TEXT = [
    (re.compile(r"::\s*now\s*\("), "reads a clock"),
    (re.compile(r"\b(clock_gettime|gettimeofday)\s*\("), "reads a clock"),
    (re.compile(r"(?<![\w.>])(std::|::)?time\s*\(\s*(nullptr|NULL|0|&)"), "reads a clock"),
    (re.compile(r"(?<![\w.>])(fopen|getenv)\s*\("), "reaches outside the program"),
]
# Third-party headers that a library does not need: one that appears there means code in the wrong place.
REFUSED_THIRD_PARTIES = {
    "os": (re.compile(r"^(boost/asio|boost/beast|nlohmann/|systemd/|boost/program_options|prometheus/)"),
           "os wraps system calls; sockets and timers are net's"),
    "net": (re.compile(r"^(nlohmann/|systemd/|boost/program_options|prometheus/)"),
            "net does sockets and timers; settings and texts are node's"),
    "node": (re.compile(r"^(systemd/|prometheus/)"), "the service and its metrics are daemon's"),
    "ctl": (re.compile(r"^(systemd/|prometheus/)"), "loncctl has no log, service or metrics"),
}


def library_of(path):
    """The library of a file, by its path from the root; None if it belongs to none."""
    parts = path.parts
    if parts[:2] == ("include", "lonc") and len(parts) > 3:
        return parts[2]
    if parts == ("src", "main.cpp"):
        return "daemon"
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def project_library(name):
    """(library, path from the root) for an include of the project; (None, None) for any other."""
    parts = pathlib.PurePosixPath(name).parts
    if parts[0] == "lonc" and len(parts) > 2:
        return parts[1], pathlib.PurePosixPath("include", name)
    if parts[0] in BELOW and len(parts) > 1:  # src/ is searched for both forms of #include
        return parts[0], pathlib.PurePosixPath("src", name)
    return None, None


def why_refused(library, quote, name):
    """The reason why `library` may not include `name`, or None."""
    if name.startswith("."):
        return "write the path from src/"
    target, path = project_library(name)
    if target is not None:
        if target == library:
            return None
        if target not in BELOW[library]:
            return f"{library} includes nothing of {target}"
        if path.parts[0] == "src" and (library, target) not in READS_PRIVATE_HEADERS:
            return f"it is private to {target}; a header that others include is in include/lonc/{target}/"
        return None
    if quote == '"':
        return None
    if library == "core":
        if STANDARD.match(name):
            return "core does no input or output" if name in CORE_REFUSED_STANDARD else None
        return None if CORE_ALLOWED.match(name) else "core includes the standard library, Boost.System and arpa/inet.h only"
    pattern, reason = REFUSED_THIRD_PARTIES.get(library, (None, None))
    return reason if pattern and pattern.match(name) else None


def without_comments(text):
    """Blanks out comments, but keeps line ends. A // inside a string literal is also removed: good enough here."""
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group().count("\n"), text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


class Tree:
    """The sources below a root: their problems, and the users of each public header."""

    def __init__(self, root):
        self.problems = []
        self.count = 0
        self.public = {}  # path of a header in include/: the libraries and public headers that include it
        for folder in ("include", "src"):
            for path in sorted((root / folder).rglob("*")):
                if path.suffix in SUFFIXES:
                    self.read(path, path.relative_to(root))
        self.find_private_headers()

    def read(self, path, shown):
        self.count += 1
        library = library_of(shown)
        if library not in BELOW:
            self.problems.append(f"{shown}: belongs to no library; the libraries are {', '.join(BELOW)}")
            return
        if shown.parts[0] == "include":
            self.public.setdefault(str(shown), set())
        for number, line in enumerate(without_comments(path.read_text(encoding="utf-8")).splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                self.read_include(f"{shown}:{number}", shown, library, *match.groups())
            elif library == "core":
                self.problems += [f"{shown}:{number}: {why}" for pattern, why in CORE_REFUSED_TEXT if pattern.search(line)]

    def read_include(self, place, shown, library, quote, name):
        reason = why_refused(library, quote, name)
        if reason:
            self.problems.append(f"{place}: includes {name}: {reason}")
        target, path = project_library(name)
        if target and path.parts[0] == "include":
            if library != target:
                self.public.setdefault(str(path), set()).add(library)
            elif shown.parts[0] == "include":
                self.public.setdefault(str(path), set()).add(str(shown))
        elif target and shown.parts[0] == "include":
            self.problems.append(f"{place}: includes {name}: a public header cannot include a private one")

    def find_private_headers(self):
        """A header is public if another library or a public header includes it."""
        needed = {path for path, users in self.public.items() if users & BELOW.keys()}
        while True:
            more = {path for path, users in self.public.items() if users & needed} - needed
            if not more:
                break
            needed |= more
        for path in sorted(self.public.keys() - needed):
            library = pathlib.PurePosixPath(path).parts[2]
            self.problems.append(f"{path}: no other library includes it; it belongs beside its source in src/{library}/")


def main():
    tree = Tree(pathlib.Path(sys.argv[1]))
    for problem in tree.problems:
        print(problem)
    print(f"{tree.count} files, {len(tree.problems)} problems")
    return 1 if tree.problems or tree.count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
