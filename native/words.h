// Matrices whose words hold 4-bit numbers of several rows or columns (GPTQ, AWQ). Rows lie side by side, so that kernels go down the
// columns, with a strip of rows at a time; scales and zero points are applied to sums over a group of columns.
#pragma once
#include "activations.h"
#include "panels.h"
#include "parts.h"

namespace tl {

/** Rows whose words are read together, down all columns: enough that memory is read in long runs. */
constexpr int STRIP_ROWS = 512;

/** Whether columns that share a scale are whole runs of 32, so that their products are sums of bytes. */
inline bool in_runs(const Weight &w) { return !w.parts.order && w.parts.group % 32 == 0; }

/** Each nibble of a word as a byte, in the order of rows. */
inline uint64_t gptq_rows(uint32_t word) { return spread_nibbles(word); }
inline uint64_t awq_rows(uint32_t word) {
  // Rows 0 4 1 5 in the low halves of the bytes, 2 6 3 7 in the high ones.
  const uint64_t low = word & 0x0f0f0f0f, high = word >> 4 & 0x0f0f0f0f;
  const auto pair = [](uint64_t x, int from) { return (x >> from & 0xff) | (x >> (from + 16) & 0xff) << 8; };
  return pair(low, 0) | pair(high, 0) << 16 | pair(low, 8) << 32 | pair(high, 8) << 48;
}

/** Words as panels have them: of FW rows and the columns of a run, four columns a word. Rows beyond the last repeat it. */
struct Gptq {
  static constexpr auto zeros_of = gptq_rows;
  /** Rows of which one vector has words. */
  static constexpr int block_rows = FW, columns = 8, rows_in_word = 1;
  /** Sums of a block. */
  static constexpr int vectors = 1;
  /** Whether words of a run are copied first: rows of words are many, and short. */
  static constexpr bool copied = false;

  /** Adds products of the run whose words begin at p, rows of words `stride` bytes apart. */
  template <int tokens> static TL_INLINE void products(const uint8_t *p, size_t stride, const W (*x)[8], N (*sums)[vectors]) {
    TL_UNROLL
    for (int i = 0; i < 4; i++) {
      const W word = w_load(p + stride * i);
      const W even = w_bits<0>(word, 15), odd = w_bits<4>(word, 15);
      TL_UNROLL
      for (int t = 0; t < tokens; t++) sums[t][0] = n_add(n_add(sums[t][0], even, x[t][2 * i]), odd, x[t][2 * i + 1]);
    }
  }
  /** Activations of a run, four in each word, as they meet its words. */
  static void arrange(const int8_t *q, W *x) {
    for (int i = 0; i < 4; i++) {
      uint64_t eight = load_unaligned<uint64_t>(q + 8 * i);
      for (int odd = 0; odd < 2; odd++) {
        uint64_t four = eight >> (8 * odd) & 0x00ff00ff00ff00ff;
        four = (four | four >> 8) & 0x0000ffff0000ffff;
        const uint32_t word = uint32_t(four | four >> 16);
        x[2 * i + odd] = w_spread(&word);
      }
    }
  }
  /** Where in a block's sums its rows from 8 · `eight` on are. */
  static F8 rows(const float *sums, int eight) { return f8_load(sums + 8 * eight); }

  template <class Put> static void words(const Weight &w, int row, int rows, int run, Put put) {
    for (int i = 0; i < 4; i++) {
      const uint8_t *p = w.data + 4 * (size_t(4 * run + i) * w.parts.rows + row);
      uint32_t some[FW];
      if (rows < FW)
        for (int r = 0; r < FW; r++) some[r] = load_unaligned<uint32_t>(p + 4 * (r < rows ? r : rows - 1));
      const W word = w_load(rows < FW ? (const uint8_t *)some : p);
      put(2 * i, w_nibbles<0>(word));
      put(2 * i + 1, w_nibbles<1>(word));
    }
  }
};

struct Awq {
  static constexpr auto zeros_of = awq_rows;
  static constexpr int block_rows = 8 * FW, columns = 1, rows_in_word = 8;
  static constexpr int vectors = 8;
  static constexpr bool copied = true;

  template <int tokens> static TL_INLINE void products(const uint8_t *p, size_t stride, const W (*x)[8], N (*sums)[vectors]) {
    for (int i = 0; i < 8; i++) {
      W fours[4];
      w_weave(p + stride * 4 * i, stride, fours);
      TL_UNROLL
      for (int k = 0; k < 4; k++) {
        const W low = w_bits<0>(fours[k], 15), high = w_bits<4>(fours[k], 15);
        TL_UNROLL
        for (int t = 0; t < tokens; t++) {
          sums[t][2 * k] = n_add(sums[t][2 * k], low, x[t][i]);
          sums[t][2 * k + 1] = n_add(sums[t][2 * k + 1], high, x[t][i]);
        }
      }
    }
  }
  static void arrange(const int8_t *q, W *x) {
    for (int i = 0; i < 8; i++) x[i] = w_spread(q + 4 * i);
  }
  static F8 rows(const float *sums, int eight) {
    // Word i of each 16 bytes is in vectors 2i and 2i + 1: rows 0 4 1 5, and 2 6 3 7.
    const float *a = sums + 2 * (eight % 4) * FW + eight / 4 * 4, *b = a + FW;
    const float ordered[8] = {a[0], a[2], b[0], b[2], a[1], a[3], b[1], b[3]};
    return f8_load(ordered);
  }

  template <class Put> static void words(const Weight &w, int row, int rows, int run, Put put) {
    const size_t stride = size_t(w.parts.rows) / 2;
    for (int i = 0; i < 8; i++) {
      alignas(64) uint32_t lanes[FW];
      for (int r = 0; r < FW; r++) {
        const int at = row + (r < rows ? r : rows - 1), place = awq_places[at % 8];
        const uint8_t *p = w.data + stride * (32 * run + 4 * i) + at / 8 * 4 + place / 2;
        const uint32_t four = p[0] | p[stride] << 8 | p[2 * stride] << 16 | uint32_t(p[3 * stride]) << 24;
        lanes[r] = four >> (4 * (place % 2)) & 0x0f0f0f0f;
      }
      put(i, w_load(lanes));
    }
  }
};

/** Weights of words times activations in 8 bits. */
template <class Layout> struct WordPanel {
  static constexpr int panels = BYTE_PANELS, columns = BYTE_WORDS * 4;
  static constexpr int steps = columns / 32, unpack_steps = 0;
  using Products = ByteProducts<15, false, false, true, false>;

  static void unpack(const Weight &w, const PanelPlace &place, Panel &panel, Ahead &) {
    const int row = w.parts.first + place.row, runs = (place.to - place.from) / 32, first = place.from / 32;
    int known = -1;
    for (int run = 0; run < runs; run++) {
      uint8_t *to = panel.words + size_t(run) * 32 * FW;
      Layout::words(w, row, place.rows, first + run, [&](int word, W bytes) { w_store(to + size_t(word) * FW * 4, bytes); });
      const int group = 32 * (first + run) / w.parts.group;
      float *d = panel.d + run * FW, *m = panel.m + run * FW;
      if (group == known) {
        std::memcpy(d, d - FW, sizeof(float) * FW);
        std::memcpy(m, m - FW, sizeof(float) * FW);
      } else {
        scales(w, row, place.rows, group, d, m);
      }
      known = group;
    }
  }

private:
  static void scales(const Weight &w, int row, int rows, int group, float *d, float *m) {
    const Parts &parts = w.parts;
    for (int r = 0; r < FW; r++) {
      const int at = row + (r < rows ? r : rows - 1);
      const uint32_t zeros = load_unaligned<uint32_t>(parts.zeros + 4 * (size_t(group) * (parts.rows / 8) + at / 8));
      d[r] = scale_at(parts, size_t(group) * parts.rows + at);
      m[r] = -d[r] * float(int(Layout::zeros_of(zeros) >> (8 * (at % 8)) & 15) + parts.offset);
    }
  }
};

} // namespace tl
