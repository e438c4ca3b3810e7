// Writes the fields of one block: numbers in 16 bits, and quants of few bits in the orders that formats have them. Knows no format.
import { f16ToF32, f32ToF16 } from './half.ts'

export class Packer {
  constructor(
    readonly view: DataView,
    /** Where the block starts. */
    readonly start: number,
  ) {}

  /** Stores a number as F16; answers what will be read. */
  half(at: number, value: number): number {
    const half = f32ToF16(value)
    this.view.setUint16(this.start + at, half, true)
    return f16ToF32(half)
  }

  /** One byte each, of signed ones the lower eight bits. */
  bytes(at: number, values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.view.setUint8(this.start + at + i, values[i]! & 255)
  }

  /** 32 quants of four bits: the first 16 in the low halves of 16 bytes, the other 16 in the high halves. */
  nibbles(at: number, q: Uint8Array): void {
    for (let i = 0; i < 16; i++)
      this.view.setUint8(this.start + at + i, (q[i]! & 15) | ((q[i + 16]! & 15) << 4))
  }

  /** The fifth bits of 32 quants in four bytes, then their nibbles. */
  fiveBits(at: number, q: Uint8Array): void {
    for (let byte = 0; byte < 4; byte++) {
      let high = 0
      for (let bit = 0; bit < 8; bit++) high |= (q[8 * byte + bit]! >> 4) << bit
      this.view.setUint8(this.start + at + byte, high)
    }
    this.nibbles(at + 4, q)
  }

  /** 256 quants in halves of bytes: each 64 share 32, the first 32 low. */
  superNibbles(at: number, q: Uint8Array): void {
    for (let run = 0; run < 4; run++)
      for (let i = 0; i < 32; i++) {
        const [low, high] = [q[64 * run + i]!, q[64 * run + 32 + i]!]
        this.view.setUint8(this.start + at + 32 * run + i, (low & 15) | ((high & 15) << 4))
      }
  }

  /** The lower two bits of 256 quants: each 128 share 32 bytes, the first 32 lowest. */
  twoBits(at: number, q: Uint8Array): void {
    for (let half = 0; half < 2; half++)
      for (let i = 0; i < 32; i++) {
        let byte = 0
        for (let run = 0; run < 4; run++) byte |= (q[128 * half + 32 * run + i]! & 3) << (2 * run)
        this.view.setUint8(this.start + at + 32 * half + i, byte)
      }
  }

  /** Bit `shift` of 256 quants: eight that are 32 apart share a byte. */
  highBits(at: number, q: Uint8Array, shift: number): void {
    for (let i = 0; i < 32; i++) {
      let byte = 0
      for (let run = 0; run < 8; run++) byte |= ((q[32 * run + i]! >> shift) & 1) << run
      this.view.setUint8(this.start + at + i, byte)
    }
  }
}

/** Encodes one block: its values, and how much the error of each counts (all the same, if undefined). */
export type BlockEncoder = (x: Float32Array, w: Float32Array | undefined, out: Packer) => void
