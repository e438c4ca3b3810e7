// e^x for the levels with vector instructions (Cephes' polynomial), in the vocabulary's own terms.
#pragma once

namespace tl {

/** e^a within 2 units of the last place; arguments are clamped to where the result is a normal float. */
inline F f_exp(F a) {
  a = f_max(f_min(a, f_set(88.0f)), f_set(-87.3f));
  const F k = f_round(f_mul(a, f_set(1.44269504f)));
  // ln 2 in two parts, so that the rest is exact.
  F r = f_fma(k, f_set(-0.693359375f), a);
  r = f_fma(k, f_set(2.12194440e-4f), r);
  F p = f_set(1.9875691500e-4f);
  p = f_fma(p, r, f_set(1.3981999507e-3f));
  p = f_fma(p, r, f_set(8.3334519073e-3f));
  p = f_fma(p, r, f_set(4.1665795894e-2f));
  p = f_fma(p, r, f_set(1.6666665459e-1f));
  p = f_fma(p, r, f_set(5.0000001201e-1f));
  p = f_fma(p, f_mul(r, r), f_add(r, f_set(1.0f)));
  return f_scale2(p, k);
}

} // namespace tl
