// The filter `tojson` as transformers defines it: Python's json.dumps, by default with characters as they are.
import type { Meter } from './meter.ts'
import { Text } from './text.ts'
import { Dict, Float, fail, holdsForeign, List, typeName, type Value, writeFloat } from './values.ts'

export interface JsonOptions {
  /** Spaces or text of one level; undefined: all on one line. */
  readonly indent: string | undefined
  readonly itemSeparator: string
  readonly keySeparator: string
  readonly sortKeys: boolean
  /** Escape all but ASCII. */
  readonly ascii: boolean
}

/** Foreign as a whole if anything in it is: its own punctuation is no part of special tokens. */
export function toJson(value: Value, options: JsonOptions, meter: Meter): Text {
  const written = write(value, options, '\n', meter)
  return holdsForeign(value, meter) ? Text.foreign(written) : new Text(written)
}

function write(value: Value, options: JsonOptions, line: string, meter: Meter): string {
  meter.spend()
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return BigInt(value).toString()
  if (value instanceof Float) return writeFloat(value.value)
  if (value instanceof Text) return writeText(value.value, options, meter)
  const { indent, itemSeparator, keySeparator, sortKeys } = options
  const next = line + (indent ?? '')
  const enclose = (open: string, items: readonly string[], close: string) => {
    if (items.length === 0) return open + close
    meter.text(items.length * next.length)
    return indent === undefined
      ? open + items.join(itemSeparator) + close
      : open + next + items.join(itemSeparator + next) + line + close
  }
  if (value instanceof List) {
    const items = value.items.map(item => write(item, options, next, meter))
    return enclose('[', items, ']')
  }
  if (!(value instanceof Dict)) return fail(`tojson: '${typeName(value)}' has no JSON`)
  const entries = [...value.entries]
  if (sortKeys) entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  const items = entries.map(([key, [, item]]) => {
    const name = writeText(String(key), options, meter)
    return name + keySeparator + write(item, options, next, meter)
  })
  return enclose('{', items, '}')
}

function writeText(text: string, { ascii }: JsonOptions, meter: Meter): string {
  meter.text(text.length)
  const written = JSON.stringify(text)
  if (!ascii) return written
  return written.replace(/[^ -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
