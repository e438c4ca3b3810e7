// Prints the decode of a block format as C, for kernels that have no code of their own for a format. Must not
// know what any format looks like.
import { blockStatements } from './block.ts'
import { type FloatLoad, type FloatOperator, type IntLoad, Printer } from './expr.ts'
import type { QuantFormat } from './quants.ts'

/**
 * C99 and C++ source of the loads that `cSource` calls; any alignment, any byte order. f16's subnormals are made
 * from integers, so that they survive a processor that flushes float32's to zero.
 */
export const cPrelude = `#include <string.h>
static inline float load_bits(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
static inline float load_f32(const unsigned char *p) {
  return load_bits(p[0] | p[1] << 8 | p[2] << 16 | (unsigned)p[3] << 24);
}
static inline float load_bf16(const unsigned char *p) {
  return load_bits(p[0] << 16 | (unsigned)p[1] << 24);
}
static inline float load_f16(const unsigned char *p) {
  const unsigned bits = p[0] | p[1] << 8, exponent = bits & 0x7c00;
  const unsigned rebias = (exponent == 0x7c00 ? 224u : 112u) << 23;
  const float value = exponent ? load_bits(((bits & 0x7fff) << 13) + rebias) : (bits & 0x3ff) * 5.9604644775390625e-8f;
  return bits & 0x8000 ? -value : value;
}
`

/**
 * A C function `static inline void decode_NAME(const unsigned char *block, float *out)` that stores the values
 * of one block. It has every bit of `decodeRows` if compiled without contraction (`-ffp-contract=off`).
 */
export function cSource(format: QuantFormat): string {
  return [
    `static inline void decode_${format.name}(const unsigned char *block, float *out) {`,
    ...blockStatements(new CPrinter(), format).map(line => `  ${line}`),
    '}',
    '',
  ].join('\n')
}

class CPrinter extends Printer {
  load(load: IntLoad | FloatLoad, at: string): string {
    switch (load) {
      case 'u8':
        return `block[${at}]`
      case 'i8':
        return `(signed char)block[${at}]`
      case 'f16':
      case 'bf16':
      case 'f32':
        return `load_${load}(block + ${at})`
      default:
        return load satisfies never
    }
  }

  fromInt(a: string): string {
    return `(float)${a}`
  }

  floatBinary(operator: FloatOperator, a: string, b: string): string {
    return `(${a} ${operator} ${b})`
  }

  declareInt(name: string, value: string): string {
    return `const int ${name} = ${value};`
  }

  declareFloat(name: string, value: string): string {
    return `const float ${name} = ${value};`
  }

  store(index: string, value: string): string {
    return `out[${index}] = ${value};`
  }

  loop(variable: string, count: number, body: readonly string[]): string[] {
    const head = `for (int ${variable} = 0; ${variable} < ${count}; ${variable}++) {`
    return [head, ...body.map(line => `  ${line}`), '}']
  }
}
