// How the C library is told to keep the memory of a daemon small that seldom needs much at once.
#pragma once

namespace lonc::app {

// Once, at the start. Large blocks (the status of thousands of peers, a line of megabytes) are given back to the system
// when they are freed; otherwise the C library learns from the first of them to keep them.
void return_large_blocks();

}  // namespace lonc::app
