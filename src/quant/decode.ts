// Decoders generated from the formats' expressions: JavaScript functions to run here, C functions to compile.
import { type Dialect, print } from './expr.ts'
import { bf16ToF32, f16ToF32 } from './half.ts'
import { type QuantFormat, type QuantName, quants } from './quants.ts'

/** Decodes `elements` weights (whole blocks) from `bytes` at `byteOffset`, of any alignment. */
export type Decoder = (
  bytes: Uint8Array,
  byteOffset: number,
  out: Float32Array,
  outOffset: number,
  elements: number,
) => void

const javascript: Dialect = {
  loads: {
    u8: at => `bytes[b + ${at}]`,
    i8: at => `(bytes[b + ${at}] << 24 >> 24)`,
    u32: at => `view.getUint32(b + ${at}, true)`,
    f16: at => `f16(bytes[b + ${at}] | bytes[b + ${at} + 1] << 8)`,
    bf16: at => `bf16(bytes[b + ${at}] | bytes[b + ${at} + 1] << 8)`,
    f32: at => `view.getFloat32(b + ${at}, true)`,
  },
  shiftRight: (a, b) => `(${a} >>> ${b})`,
  toFloat: value => value,
  rounded: expression => `fround(${expression})`,
  select: (test, yes, no) => `(${test} ? ${yes} : ${no})`,
}

/** The prelude of a compilation unit defines the loads; see native/decode.h. */
const c: Dialect = {
  loads: {
    u8: at => `(int)block[${at}]`,
    i8: at => `(int)(signed char)block[${at}]`,
    u32: at => `load_u32(block + ${at})`,
    f16: at => `load_f16(block + ${at})`,
    bf16: at => `load_bf16(block + ${at})`,
    f32: at => `load_f32(block + ${at})`,
  },
  shiftRight: (a, b) => `(int)((unsigned)${a} >> ${b})`,
  toFloat: value => `(float)${value}`,
  rounded: expression => `(${expression})`,
  select: (test, yes, no) => `(${test} ? ${yes} : ${no})`,
}

const decoders = new Map<QuantName, Decoder>()

/** The decoder of a format; made once. */
export function decodeRows(type: QuantName): Decoder {
  let decoder = decoders.get(type)
  if (!decoder) {
    decoder = compile(quants[type])
    decoders.set(type, decoder)
  }
  return decoder
}

function compile(format: QuantFormat): Decoder {
  const { elems, bytes, group } = format
  const body = `return (bytes, byteOffset, out, outOffset, elements) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let done = 0, b = byteOffset; done < elements; done += ${elems}, b += ${bytes}) {
      for (let g = 0; g < ${elems / group}; g++) {
        ${format.d ? `const d = ${print(format.d, javascript)}` : ''}
        ${format.m ? `const m = ${print(format.m, javascript)}` : ''}
        for (let i = g * ${group}; i < (g + 1) * ${group}; i++) out[outOffset + done + i] = ${value(format, javascript)}
      }
    }
  }`
  return new Function('f16', 'bf16', 'fround', body)(f16ToF32, bf16ToF32, Math.fround) as Decoder
}

/** A C function that decodes one block: `static inline void decode_Q4_K(const unsigned char *block, float *out)`. */
export function printDecoderC(format: QuantFormat): string {
  const { name, elems, group } = format
  const scales = [
    ...(format.d ? [`    const float d = ${print(format.d, c)};`] : []),
    ...(format.m ? [`    const float m = ${print(format.m, c)};`] : []),
  ]
  return [
    `static inline void decode_${name}(const unsigned char *block, float *out) {`,
    `  for (int g = 0; g < ${elems / group}; g++) {`,
    ...scales,
    `    for (int i = g * ${group}; i < (g + 1) * ${group}; i++) out[i] = ${value(format, c)};`,
    '  }',
    '}',
  ].join('\n')
}

/** d · q + m as far as the format has them. */
function value(format: QuantFormat, dialect: Dialect): string {
  const q = print(format.q, dialect)
  const product = format.d ? dialect.rounded(`d * ${q}`) : q
  return format.m ? dialect.rounded(`${product} + m`) : product
}
