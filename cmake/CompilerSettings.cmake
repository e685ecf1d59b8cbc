# lonc_settings: the compiler settings of every target of the project.
add_library(lonc_settings INTERFACE)
target_include_directories(lonc_settings INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_options(lonc_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wformat=2 -Wimplicit-fallthrough)

if(LONC_WARNINGS_AS_ERRORS)
  target_compile_options(lonc_settings INTERFACE -Werror)
endif()

if(LONC_SANITIZE)
  target_compile_options(lonc_settings INTERFACE
    -fsanitize=${LONC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(lonc_settings INTERFACE -fsanitize=${LONC_SANITIZE})
  if(LONC_SANITIZE MATCHES "undefined")
    # The check of virtual tables opens a pipe, and reports an error if no descriptors are left, as in some tests.
    target_compile_options(lonc_settings INTERFACE -fno-sanitize=vptr)
  endif()
  if(LONC_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ warns that ThreadSanitizer does not support the fences that Asio uses. They only add synchronization to what
    # it sees.
    target_compile_options(lonc_settings INTERFACE -Wno-tsan)
  endif()
endif()

if(LONC_HARDEN)
  target_compile_options(lonc_settings INTERFACE -fstack-protector-strong -fstack-clash-protection)
  target_compile_definitions(lonc_settings INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(lonc_settings INTERFACE -Wl,-z,relro -Wl,-z,now)
endif()

if(LONC_BUILD_FUZZERS)
  target_compile_options(lonc_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The headers that most files include and that take longest to compile. The presets dev and release do not precompile
# them by themselves, so that a missing include is found.
function(lonc_precompile target)
  if(LONC_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE
      <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
      <boost/asio/local/stream_protocol.hpp> <boost/asio/posix/basic_stream_descriptor.hpp>
      <boost/asio/steady_timer.hpp> <boost/asio/strand.hpp>
      <chrono> <functional> <map> <memory> <optional> <string> <vector>)
  endif()
endfunction()

# Link-time optimisation: a tenth fewer instructions for a request (docs/performance.md).
include(CheckIPOSupported)
check_ipo_supported(RESULT LONC_HAS_IPO LANGUAGES CXX)
if(LONC_HAS_IPO AND CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT LONC_SANITIZE)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
