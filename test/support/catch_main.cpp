// The entry point of every Catch2 executable, compiled once.
#if __has_include(<catch2/catch.hpp>)
#define CATCH_CONFIG_MAIN
#endif
#include "support/catch.hpp"
#if !__has_include(<catch2/catch.hpp>)
int main(int argc, char* argv[]) { return Catch::Session().run(argc, argv); }
#endif
