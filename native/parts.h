// Where matrices in parts have their scales and groups. Any alignment.
#pragma once
#include "program.h"
#include "simd.h"

namespace tl {

/** The group of a column; of a file that names one that is not there, the last. */
inline int group_of(const Weight &w, int column) {
  if (!w.parts.order) return column / w.parts.group;
  const uint32_t group = load_unaligned<uint32_t>(w.parts.order + size_t(4) * column), last = w.columns / w.parts.group - 1;
  return int(group < last ? group : last);
}

inline float scale_at(const Parts &parts, size_t index) {
  if (parts.wide) return load_unaligned<float>(parts.scales + 4 * index);
  return half_to_float(load_unaligned<uint16_t>(parts.scales + 2 * index));
}

/** Of the tile that a row and a column are in. */
inline float tile_scale(const Weight &w, int row, int column) {
  const Parts &parts = w.parts;
  const int across = (w.columns + parts.group - 1) / parts.group;
  return scale_at(parts, size_t((parts.first + row) / parts.scaled_rows) * across + column / parts.group);
}

} // namespace tl
