// Finds the scale, or scale and minimum, with which small integers stand for a few values at the least weighted squared error.
// Many scales are tried at a time, one a lane, so that no sum crosses lanes: results are the same at every level, bit by bit, and
// as src/quant/fit.ts computes them. Knows no format.
#pragma once
#include "simd.h"
#include <cmath>

namespace tl {

/** Scales that are tried. */
constexpr int TRIES = 32;
constexpr int TRY_VECTORS = TRIES / FW;
/** Values below this are zeros to every format. */
constexpr float NOTHING = 1e-15f;

/** To the nearest integer, ties to even, of values below 2^22. */
inline F f_nearest(F a) { return f_add(f_add(a, f_set(12582912.0f)), f_set(-12582912.0f)); }

/** Quants are the integers from `least` to `most`. */
struct Integers {
  F least, most;
  Integers(float least, float most) : least(f_set(least)), most(f_set(most)) {}
  F operator()(F scaled) const { return f_nearest(f_max(least, f_min(most, scaled))); }
};

/**
 * Which scales are tried: in half of the lanes the value of greatest magnitude becomes about `end`, in the others about `other`, more or
 * less by steps of `step`.
 */
struct Search {
  float end, other, step;
};

struct Fit {
  float scale = 0, minimum = 0;
};

/** The lane of the greatest value; the middle one if none is a number. */
inline int best_try(const F *gains) {
  float values[TRIES];
  for (int v = 0; v < TRY_VECTORS; v++) f_store(values + v * FW, gains[v]);
  int best = TRIES / 2;
  float greatest = -INFINITY;
  for (int i = 0; i < TRIES; i++)
    if (values[i] > greatest) {
      greatest = values[i];
      best = i;
    }
  return best;
}

inline float lane_of(const F *values, int lane) {
  float all[FW];
  f_store(all, values[lane / FW]);
  return all[lane % FW];
}

/** One number for each try. */
inline void load_tries(const float *values, F *out) {
  for (int v = 0; v < TRY_VECTORS; v++) out[v] = f_load(values + v * FW);
}

/** x ≈ scale · quant(x / scale); 0 stands for zeros. With the best scale of given quants the error is Σwx² - (Σwxq)² / Σwq². */
template <class Quants> float fit_scale(const float *x, const float *w, int count, const Quants &quants, const Search &search) {
  float extreme = 0;
  for (int i = 0; i < count; i++)
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  if (!(std::fabs(extreme) >= NOTHING)) return 0;
  F inverse[TRY_VECTORS], xq[TRY_VECTORS], qq[TRY_VECTORS];
  float values[TRIES];
  for (int i = 0; i < TRIES; i++) {
    const int half = i % (TRIES / 2) - TRIES / 4;
    values[i] = ((i < TRIES / 2 ? search.end : search.other) + search.step * float(half)) / extreme;
  }
  load_tries(values, inverse);
  for (int v = 0; v < TRY_VECTORS; v++) xq[v] = qq[v] = f_set(0);
  for (int i = 0; i < count; i++) {
    const F value = f_set(x[i]), weight = f_set(w[i]);
    TL_UNROLL
    for (int v = 0; v < TRY_VECTORS; v++) {
      const F q = quants(f_mul(inverse[v], value)), wq = f_mul(weight, q);
      xq[v] = f_add(xq[v], f_mul(wq, value));
      qq[v] = f_add(qq[v], f_mul(wq, q));
    }
  }
  F gain[TRY_VECTORS];
  for (int v = 0; v < TRY_VECTORS; v++) gain[v] = f_div(f_mul(xq[v], xq[v]), qq[v]);
  const int best = best_try(gain);
  const float square = lane_of(qq, best);
  return square > 0 ? lane_of(xq, best) / square : 0;
}

/** A fit and the error that it saves: what it takes off Σwx². */
struct Tried {
  Fit fit;
  float gain = -INFINITY;
};

/**
 * Tries q = (x - low) · inverse for `inverse` and some around it, more or less by steps of `step` of it. Scale and minimum of given
 * quants follow by least squares.
 */
inline Tried try_affine(const float *x, const float *w, int count, float low, float inverse, float step, float most, bool free) {
  const Integers quants(0, most);
  float values[TRIES];
  for (int i = 0; i < TRIES; i++) values[i] = inverse * (1 + step * float(i - TRIES / 2));
  F inverses[TRY_VECTORS], q1[TRY_VECTORS], xq[TRY_VECTORS], qq[TRY_VECTORS];
  load_tries(values, inverses);
  for (int v = 0; v < TRY_VECTORS; v++) q1[v] = xq[v] = qq[v] = f_set(0);
  float sum_w = 0, sum_x = 0;
  for (int i = 0; i < count; i++) {
    const F value = f_set(x[i]), above = f_set(x[i] - low), weight = f_set(w[i]);
    sum_w += w[i];
    sum_x += w[i] * x[i];
    TL_UNROLL
    for (int v = 0; v < TRY_VECTORS; v++) {
      const F q = quants(f_mul(inverses[v], above)), wq = f_mul(weight, q);
      q1[v] = f_add(q1[v], wq);
      xq[v] = f_add(xq[v], f_mul(wq, value));
      qq[v] = f_add(qq[v], f_mul(wq, q));
    }
  }
  const F w1 = f_set(sum_w), x1 = f_set(sum_x), zero = f_set(0), minus = f_set(-1);
  F scale[TRY_VECTORS], offset[TRY_VECTORS], gain[TRY_VECTORS];
  for (int v = 0; v < TRY_VECTORS; v++) {
    const F determinant = f_add(f_mul(w1, qq[v]), f_mul(minus, f_mul(q1[v], q1[v])));
    scale[v] = f_div(f_add(f_mul(w1, xq[v]), f_mul(minus, f_mul(x1, q1[v]))), determinant);
    offset[v] = f_div(f_add(f_mul(qq[v], x1), f_mul(minus, f_mul(q1[v], xq[v]))), determinant);
    if (!free) {
      scale[v] = f_above(offset[v], zero, f_div(xq[v], qq[v]), scale[v]);
      offset[v] = f_above(offset[v], zero, zero, offset[v]);
    }
    gain[v] = f_add(f_mul(scale[v], xq[v]), f_mul(offset[v], x1));
    gain[v] = f_above(determinant, zero, gain[v], f_set(-INFINITY));
  }
  const int best = best_try(gain);
  return {{lane_of(scale, best), -lane_of(offset, best)}, lane_of(gain, best)};
}

/**
 * x ≈ scale · q - minimum with q from 0 to `most`. The minimum is at least 0 unless it is `free`. First the range of the values is
 * divided by more or less than `most`; then the best scale and minimum so far are varied.
 */
inline Fit fit_affine(const float *x, const float *w, int count, float most, bool free) {
  float low = free ? x[0] : std::fmin(x[0], 0.0f), high = x[0];
  for (int i = 1; i < count; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  if (!(high - low >= NOTHING)) return {0, -low};
  const float step = 1 / (16 * most);
  const Tried first = try_affine(x, w, count, low, most / (high - low), step, most, free);
  // Weights of zero leave nothing to solve for.
  if (!(first.fit.scale > 0)) return {(high - low) / most, -low};
  const Tried second = try_affine(x, w, count, -first.fit.minimum, 1 / first.fit.scale, step / 4, most, free);
  return second.gain > first.gain && second.fit.scale > 0 ? second.fit : first.fit;
}

} // namespace tl
