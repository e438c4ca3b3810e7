// Decodes rows of any block format to float32 in JavaScript, with code that is compiled from the format's
// expressions. Must not know what any format looks like.
import { InvalidOptionError } from '../errors.ts'
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
import { bf16ToF32, bitsToF32, f16ToF32 } from './half.ts'
import { bytesFor, type QuantName, quants } from './quants.ts'

/**
 * Decodes `elements` weights, which must be whole blocks, from `byteOffset` (any alignment) of `bytes` into
 * `out` from `outOffset`.
 */
export type DecodeRows = (
  bytes: Uint8Array,
  byteOffset: number,
  out: Float32Array,
  outOffset: number,
  elements: number,
) => void

const compiled = new Map<QuantName, DecodeRows>()

/** The decoder of a format, compiled at the first call. */
export function decodeRows(type: QuantName): DecodeRows {
  let decode = compiled.get(type)
  if (!decode) {
    decode = checked(type, compile(type))
    compiled.set(type, decode)
  }
  return decode
}

/** A decoder without checks: of the bytes from `p`, into the elements from `o` to `end`. */
type Loop = (bytes: Uint8Array, view: DataView, p: number, out: Float32Array, o: number, end: number) => void

function compile(type: QuantName): Loop {
  const { elems, bytes } = quants[type]
  const printer = new JavaScriptPrinter()
  const statements = blockStatements(printer, quants[type])
  const body = [
    'return (bytes, view, p, out, o, end) => {',
    `for (; o < end; o += ${elems}, p += ${bytes}) {`,
    ...statements,
    '}',
    '}',
  ]
  const known: Record<string, unknown> = { f16: f16ToF32, bf16: bf16ToF32, f32: bitsToF32 }
  for (const { name, values } of printer.tables) known[name] = Int32Array.from(values)
  return new Function(...Object.keys(known), body.join('\n'))(...Object.values(known)) as Loop
}

/** Typed arrays are silent about indices out of range, so a wrong offset would decode to garbage. */
function checked(type: QuantName, decode: Loop): DecodeRows {
  return (bytes, byteOffset, out, outOffset, elements) => {
    const end = outOffset + elements
    if (byteOffset + bytesFor(type, elements) > bytes.length || end > out.length)
      throw new InvalidOptionError(
        `${elements} elements of ${type} from byte ${byteOffset} of ${bytes.length} ` +
          `do not fit at ${outOffset} of ${out.length}`,
      )
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    decode(bytes, view, byteOffset, out, outOffset, end)
  }
}

/** Of zero points the bytes are `zeros`, from `z` on. */
export class JavaScriptPrinter extends Printer {
  load(load: IntLoad | FloatLoad, at: string, part: Part): string {
    const place = `p + ${at}`
    switch (load) {
      case 'u8':
        return part === 'zeros' ? `zeros[z + ${at}]` : `bytes[${place}]`
      case 'i8':
        return `view.getInt8(${place})`
      case 'f16':
        return `f16(view.getUint16(${place}, true))`
      case 'bf16':
        return `bf16(view.getUint16(${place}, true))`
      case 'f32':
        return `view.getFloat32(${place}, true)`
      default:
        return load satisfies never
    }
  }

  lookup({ name }: Table, index: string): string {
    return `${name}[${index}]`
  }

  floatLiteral(value: number): string {
    return `${value}`
  }

  fromBits(type: FloatBits, bits: string): string {
    return `${type}(${bits})`
  }

  fromInt(a: string): string {
    return a
  }

  /** Exact in float64 before it is rounded, or (a sum) with so many digits that rounding twice is the same. */
  floatBinary(operator: FloatOperator, a: string, b: string): string {
    return `Math.fround(${a} ${operator} ${b})`
  }

  declareInt(name: string, value: string): string {
    return `const ${name} = ${value}`
  }

  declareFloat(name: string, value: string): string {
    return `const ${name} = ${value}`
  }

  store(index: string, value: string): string {
    return `out[o + ${index}] = ${value}`
  }

  /** A single pass is no loop: V8 would keep it, at half the speed for formats of one element a block. */
  loop(variable: string, count: number, body: readonly string[]): string[] {
    if (count === 1) return [this.declareInt(variable, '0'), ...body]
    return [`for (let ${variable} = 0; ${variable} < ${count}; ${variable}++) {`, ...body, '}']
  }
}
