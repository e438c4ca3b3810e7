// What the branches of os.h share.
#pragma once
#include "os.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

namespace tl {

inline int32_t fail(int code, const std::string &problem, char *message, int32_t message_size) {
  std::snprintf(message, size_t(message_size), "%s", problem.c_str());
  return code;
}

inline int32_t fail(int code, char *message, int32_t message_size) {
  return fail(code, std::system_category().message(code), message, message_size);
}

/** The whole pages within a range. */
struct Pages {
  uint64_t start, bytes;
  Pages(uint64_t address, uint64_t size) {
    const uint64_t page = tl_page_size();
    start = (address + page - 1) / page * page;
    const uint64_t end = (address + size) / page * page;
    bytes = end > start ? end - start : 0;
  }
};

} // namespace tl
