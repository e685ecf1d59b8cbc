// The only header through which tests include Catch2: written for version 2.13 (Debian 12). Version 3 splits
// the single header; the second branch is for it, and untested where version 3 is absent.
#pragma once

#if __has_include(<catch2/catch.hpp>)
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif
