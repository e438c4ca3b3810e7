// Ranges of characters as ranges of bytes: what UTF-8 (RFC 3629) makes of them.
import type { Ranges } from './expression.ts'

/** For each byte of an encoding, the first and the last one that it may be. */
export type ByteRanges = readonly (readonly [first: number, last: number])[]

/** The last character of each length. */
const LONGEST = [0x7f, 0x7ff, 0xffff, 0x10ffff]
const SURROGATES = [0xd800, 0xdfff] as const

/** Encodings of exactly these characters, surrogates left out. */
export function utf8Ranges(ranges: Ranges): ByteRanges[] {
  const all: ByteRanges[] = []
  for (const [first, last] of ranges) {
    split(first, Math.min(last, SURROGATES[0] - 1), all)
    split(Math.max(first, SURROGATES[1] + 1), last, all)
  }
  return all
}

function split(first: number, last: number, out: ByteRanges[]): void {
  if (first > last) return
  for (const longest of LONGEST)
    if (first <= longest && last > longest) {
      split(first, longest, out)
      split(longest + 1, last, out)
      return
    }
  // Both ends have the same length. Bytes behind one that differs must be free.
  for (let bits = 6; bits <= 18; bits += 6) {
    const low = 2 ** bits - 1
    if (first >> bits === last >> bits) continue
    if ((first & low) !== 0) {
      split(first, first | low, out)
      split((first | low) + 1, last, out)
      return
    }
    if ((last & low) !== low) {
      split(first, (last & ~low) - 1, out)
      split(last & ~low, last, out)
      return
    }
  }
  const [from, to] = [encode(first), encode(last)]
  out.push(from.map((byte, i) => [byte, to[i]!]))
}

function encode(code: number): number[] {
  if (code <= 0x7f) return [code]
  const length = LONGEST.findIndex(longest => code <= longest)
  const bytes = Array.from({ length }, (_, i) => 0x80 | ((code >> (6 * (length - 1 - i))) & 0x3f))
  return [((0xf00 >> (length + 1)) & 0xff) | (code >> (6 * length)), ...bytes]
}
