// How block formats store the scale of a block, for tests that make blocks without an encoder.
import { f32ToF16 } from '../../src/quant/half.ts'

/**
 * `f16`: two bytes. `f32`: four. `e8m0`: a byte for a power of two, of which the decode takes half. `nibbles`: f16 bits in the upper
 * halves of the odd ones of eight bytes.
 */
export type ScaleStorage = 'f16' | 'f32' | 'e8m0' | 'nibbles'

/** Stores a scale at byte `at`, as near as the storage can: E8M0 has powers of two only, and no sign. */
export function putScale(view: DataView, at: number, value: number, storage: ScaleStorage = 'f16'): void {
  switch (storage) {
    case 'f16':
      view.setUint16(at, f32ToF16(value), true)
      break
    case 'f32':
      view.setFloat32(at, value, true)
      break
    case 'e8m0':
      view.setUint8(at, 128 + Math.round(Math.log2(Math.abs(value))))
      break
    case 'nibbles':
      for (let i = 0; i < 4; i++) {
        const place = at + 2 * i + 1
        const nibble = (f32ToF16(value) >> (4 * i)) & 15
        view.setUint8(place, (view.getUint8(place) & 15) | (nibble << 4))
      }
      break
    default:
      storage satisfies never
  }
}
