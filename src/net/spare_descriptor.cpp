#include <lonc/net/spare_descriptor.hpp>

#include <fcntl.h>

namespace lonc::net {

SpareDescriptor::SpareDescriptor() { reopen(); }

void SpareDescriptor::reopen() { spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace lonc::net
