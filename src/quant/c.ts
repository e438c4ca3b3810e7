// Prints the decode of a block format as C, for kernels that have no code of their own for a format. Must not
// know what any format looks like.
import { blockStatements } from './block.ts'
import {
  type FloatBits,
  type FloatLoad,
  type FloatOperator,
  type IntLoad,
  type Part,
  Printer,
  type Table,
} from './expr.ts'
import type { QuantFormat } from './format.ts'
import type { WordLayout } from './packed.ts'

/**
 * C99 and C++ source of the loads that `cSource` calls; any alignment, any byte order. f16's subnormals are made
 * from integers, so that they survive a processor that flushes float32's to zero.
 */
export const cPrelude = `#include <string.h>
static inline float f32_from_bits(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
static inline float f16_from_bits(unsigned bits) {
  const unsigned exponent = bits & 0x7c00, rebias = (exponent == 0x7c00 ? 224u : 112u) << 23;
  const float value =
    exponent ? f32_from_bits(((bits & 0x7fff) << 13) + rebias) : (bits & 0x3ff) * 5.9604644775390625e-8f;
  return bits & 0x8000 ? -value : value;
}
static inline float load_f32(const unsigned char *p) {
  return f32_from_bits(p[0] | p[1] << 8 | p[2] << 16 | (unsigned)p[3] << 24);
}
static inline float load_bf16(const unsigned char *p) {
  return f32_from_bits(p[0] << 16 | (unsigned)p[1] << 24);
}
static inline float load_f16(const unsigned char *p) {
  return f16_from_bits(p[0] | p[1] << 8);
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

/**
 * A C function `static inline int quant_NAME(block, zeros, row, column, offset)`: a number of a layout of words less its zero point,
 * from the words that hold the two.
 */
export function cWordSource({ name, q }: WordLayout): string {
  const parameters = 'const unsigned char *block, const unsigned char *zeros, int row, int column, int offset'
  return [
    `static inline int quant_${name}(${parameters}) {`,
    `  return ${new CPrinter().int(q)};`,
    '}',
    '',
  ].join('\n')
}

/** The constants that the decodes of these formats and layouts look into, each once. */
export function cTables(formats: readonly QuantFormat[], layouts: readonly WordLayout[] = []): string {
  const printer = new CPrinter()
  for (const format of formats) blockStatements(printer, format)
  for (const { q } of layouts) printer.int(q)
  return Array.from(printer.tables, ({ name, values }) => {
    const type =
      Math.max(...values) > 255 ? 'unsigned short' : Math.min(...values) < 0 ? 'signed char' : 'unsigned char'
    const lines = Array.from({ length: Math.ceil(values.length / 16) }, (_, i) =>
      values.slice(16 * i, 16 * i + 16),
    )
    return `static const ${type} ${name}[${values.length}] = {\n${lines.map(line => `  ${line},\n`).join('')}};\n`
  }).join('')
}

class CPrinter extends Printer {
  load(load: IntLoad | FloatLoad, at: string, part: Part): string {
    switch (load) {
      case 'u8':
        return `${part}[${at}]`
      case 'i8':
        return `(signed char)${part}[${at}]`
      case 'f16':
      case 'bf16':
      case 'f32':
        return `load_${load}(${part} + ${at})`
      default:
        return load satisfies never
    }
  }

  lookup({ name }: Table, index: string): string {
    return `${name}[${index}]`
  }

  floatLiteral(value: number): string {
    return Number.isInteger(value) ? `${value}.0f` : `${value}f`
  }

  fromBits(type: FloatBits, bits: string): string {
    return `${type}_from_bits(${bits})`
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
