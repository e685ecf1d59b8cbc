"""Feeds check_layers.py small wrong trees and sees it refuse each, and a right one that it must accept."""

import pathlib
import tempfile
import unittest

import check_layers


class CheckLayers(unittest.TestCase):
    def problems(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
            problems, count = check_layers.check_tree(pathlib.Path(folder))
            self.assertEqual(count, 1)
            return problems

    def assert_refused(self, name, text):
        self.assertEqual(len(self.problems(name, text)), 1, text)

    def test_core_takes_nothing_from_above_or_outside(self):
        for include in ("lonc/net/peer_session.hpp", "lonc/app/settings.hpp", "boost/asio.hpp", "boost/asio/ip/tcp.hpp",
                        "openssl/ssl.h", "sys/socket.h", "netinet/in.h", "unistd.h", "fstream", "filesystem",
                        "spdlog/spdlog.h", "nlohmann/json.hpp"):
            self.assert_refused("include/lonc/core/x.hpp", f"#pragma once\n#include <{include}>\n")
            self.assert_refused("src/core/x.cpp", f"#  include <{include}>\n")
        self.assert_refused("src/core/x.cpp", '#include "../net/socket.hpp"\n')

    def test_core_reads_no_clock(self):
        for text in ("auto t = std::chrono::steady_clock::now();", "Clock::now ();", "auto t = std::time(nullptr);",
                     "clock_gettime(CLOCK_MONOTONIC, &t);"):
            self.assert_refused("src/core/x.cpp", text + "\n")

    def test_net_takes_nothing_of_app(self):
        for include in ("lonc/app/settings.hpp", "spdlog/spdlog.h", "nlohmann/json.hpp", "systemd/sd-daemon.h"):
            self.assert_refused("src/net/x.cpp", f"#include <{include}>\n")

    def test_problem_names_file_and_line(self):
        problem = self.problems("src/net/deep/x.cpp", "\n/*\n*/\n#include <lonc/app/x.hpp>\n")[0]
        self.assertTrue(problem.startswith("src/net/deep/x.cpp:4: "), problem)

    def test_right_files_pass(self):
        right = {
            "src/core/x.cpp": '#include <lonc/core/x.hpp>\n#include <chrono>\n#include <span>\n'
                              '#include <boost/system/result.hpp>\n#include "tables.hpp"\n'
                              '// never steady_clock::now()\n/* #include <lonc/net/x.hpp> */\n'
                              'void f() { engine.time(0); runtime(0); }\n',
            "src/net/x.cpp": "#include <lonc/core/x.hpp>\n#include <boost/asio.hpp>\n#include <sys/socket.h>\n"
                             "auto t = Clock::now();\n",
            "src/app/x.cpp": "#include <lonc/net/x.hpp>\n#include <spdlog/spdlog.h>\n",
        }
        for name, text in right.items():
            self.assertEqual(self.problems(name, text), [], name)


if __name__ == "__main__":
    unittest.main()
