"""Feeds small wrong trees to check_layers.py, which must refuse each, and a correct one, which it must accept."""

import pathlib
import tempfile
import unittest

import check_layers


def problems_of(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        tree = check_layers.Tree(pathlib.Path(folder))
        assert tree.count == len(files)
        return tree.problems


class CheckLayers(unittest.TestCase):
    def assert_refused(self, name, text):
        self.assertEqual(len(problems_of({name: text})), 1, text)

    def test_no_library_includes_from_above_or_beside(self):
        libraries = list(check_layers.BELOW)
        order = ["core", "os", "net", "node", "daemon"]
        for index, library in enumerate(order):
            for above in order[index + 1:]:
                self.assert_refused(f"src/{library}/x.cpp", f"#include <lonc/{above}/x.hpp>\n")
                self.assert_refused(f"src/{library}/room/x.cpp", f'#include "{above}/x.hpp"\n')
        self.assertIn("ctl", libraries)
        for include in ('"daemon/admin/admin_server.hpp"', "<daemon/admin/admin_server.hpp>", "<lonc/daemon/x.hpp>",
                        '"lonc/daemon/x.hpp"'):
            self.assert_refused("src/ctl/command/x.cpp", f"#include {include}\n")
        self.assert_refused("src/daemon/x.cpp", '#include "ctl/node.hpp"\n')
        self.assert_refused("src/main.cpp", '#include "ctl/node.hpp"\n')

    def test_private_header_stays_in_its_library(self):
        self.assert_refused("src/daemon/x.cpp", '#include "net/session/x.hpp"\n')
        self.assert_refused("src/net/x.cpp", "#include <os/x.hpp>\n")
        self.assert_refused("src/tools/x.cpp", '#include "node/config/x.hpp"\n')
        self.assert_refused("src/main.cpp", '#include "node/config/x.hpp"\n')
        self.assert_refused("src/net/x.cpp", '#include "../os/x.hpp"\n')

    def test_public_header_needs_another_library(self):
        header = {"include/lonc/os/a.hpp": "#pragma once\n"}
        self.assertEqual(len(problems_of(header)), 1)
        self.assertEqual(len(problems_of({**header, "src/os/a.cpp": "#include <lonc/os/a.hpp>\n"})), 1)
        self.assertEqual(problems_of({**header, "src/net/a.cpp": "#include <lonc/os/a.hpp>\n"}), [])
        # Or a public header that another library includes.
        second = {**header, "include/lonc/os/b.hpp": "#include <lonc/os/a.hpp>\n"}
        self.assertEqual(len(problems_of(second)), 2)
        self.assertEqual(problems_of({**second, "src/net/b.cpp": "#include <lonc/os/b.hpp>\n"}), [])

    def test_public_header_includes_no_private_one(self):
        problems = problems_of({"include/lonc/os/a.hpp": '#include "os/b.hpp"\n', "src/net/a.cpp": "#include <lonc/os/a.hpp>\n"})
        self.assertEqual(len(problems), 1)

    def test_core_includes_nothing_from_outside(self):
        for include in ("boost/asio.hpp", "boost/asio/ip/tcp.hpp", "openssl/ssl.h", "sys/socket.h", "netinet/in.h",
                        "unistd.h", "fstream", "filesystem", "fmt/format.h", "nlohmann/json.hpp"):
            self.assert_refused("src/core/x.cpp", f"#  include <{include}>\n")

    def test_core_reads_no_clock(self):
        for text in ("auto t = std::chrono::steady_clock::now();", "Clock::now ();", "auto t = std::time(nullptr);",
                     "clock_gettime(CLOCK_MONOTONIC, &t);"):
            self.assert_refused("src/core/x.cpp", text + "\n")

    def test_third_parties_stay_in_their_library(self):
        for library, include in (("os", "boost/asio.hpp"), ("net", "nlohmann/json.hpp"),
                                 ("node", "systemd/sd-daemon.h"), ("ctl", "prometheus/registry.h")):
            self.assert_refused(f"src/{library}/x.cpp", f"#include <{include}>\n")

    def test_unknown_folder_is_refused(self):
        self.assert_refused("src/helpers/x.cpp", "\n")
        self.assert_refused("src/x.cpp", "\n")

    def test_problem_names_file_and_line(self):
        problem = problems_of({"src/net/deep/x.cpp": "\n/*\n*/\n#include <lonc/node/x.hpp>\n"})[0]
        self.assertTrue(problem.startswith("src/net/deep/x.cpp:4: "), problem)

    def test_right_tree_passes(self):
        right = {
            "src/core/x.cpp": '#include <chrono>\n#include <arpa/inet.h>\n#include <boost/system/result.hpp>\n'
                              '#include "core/engine/tables.hpp"\n'
                              '// never steady_clock::now()\n/* #include <lonc/net/x.hpp> */\n'
                              'void f() { engine.time(0); runtime(0); }\n',
            "include/lonc/core/engine/x.hpp": "#pragma once\n",
            "src/net/x.cpp": "#include <lonc/core/engine/x.hpp>\n#include <boost/asio.hpp>\n#include <sys/socket.h>\n"
                             "auto t = Clock::now();\n",
            "src/node/x.cpp": "#include <fmt/format.h>\n",
            "src/ctl/x.cpp": "#include <nlohmann/json.hpp>\n",
            "src/tools/x.cpp": '#include "ctl/command_table.hpp"\n',
            "src/main.cpp": '#include "daemon/process/daemon.hpp"\n',
        }
        self.assertEqual(problems_of(right), [])


if __name__ == "__main__":
    unittest.main()
