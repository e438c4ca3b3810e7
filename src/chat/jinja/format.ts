// Python's two ways of putting values into a text: `'%s' % x` and `'{}'.format(x)`.
import type { Meter } from './meter.ts'
import { Text } from './text.ts'
import {
  type Arguments,
  Dict,
  fail,
  List,
  numberOf,
  print,
  represent,
  typeName,
  type Value,
} from './values.ts'

/** Pads with spaces or zeros on the left, or with spaces on the right. */
function padded(text: Text, flags: string, width: number, meter: Meter): Text {
  const space = width - text.value.length
  if (space <= 0) return text
  meter.text(space)
  if (flags.includes('-')) return Text.join([text, new Text(' '.repeat(space))])
  const sign = flags.includes('0') && /^[+-]/.test(text.value) ? 1 : 0
  const filler = new Text((flags.includes('0') ? '0' : ' ').repeat(space))
  return Text.join([text.slice(0, sign), filler, text.slice(sign)])
}

/** `'%s' % values`: a tuple's values in order, a dict's by name, or one value. */
export function formatPercent(format: Text, values: Value, meter: Meter): Text {
  const inOrder = values instanceof List && values.kind === 'tuple' ? values.items : [values]
  const parts: Text[] = []
  let [done, used] = [0, 0]
  for (const found of format.value.matchAll(/%(?:\((.*?)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?(.?)/gs)) {
    const [written, name, flags = '', width, precision, kind = ''] = found
    parts.push(format.slice(done, found.index))
    done = found.index + written.length
    if (kind === '%') {
      parts.push(new Text('%'))
      continue
    }
    const value = name === undefined ? inOrder[used++] : named(values, name)
    if (value === undefined) return fail(`not enough values for the format '${format.value}'`)
    const piece = convert(value, kind, flags, precision === undefined ? undefined : Number(precision), meter)
    parts.push(padded(piece, flags, Number(width), meter))
  }
  if (used < inOrder.length && !(values instanceof Dict))
    return fail(`too many values for the format '${format.value}'`)
  return Text.join([...parts, format.slice(done)])
}

function named(values: Value, name: string): Value | undefined {
  return values instanceof Dict ? values.get(new Text(name)) : fail('%(name)s: expected a dict')
}

function convert(
  value: Value,
  kind: string,
  flags: string,
  precision: number | undefined,
  meter: Meter,
): Text {
  if (kind === 's') return cut(print(value, meter), precision)
  if (kind === 'r') return cut(new Text(represent(value, meter)), precision)
  const number = numberOf(value)
  if (number === undefined) return fail(`%${kind}: expected a number, found ${typeName(value)}`)
  const sign = number >= 0 && flags.includes('+') ? '+' : ''
  if (kind === 'd' || kind === 'i') return new Text(sign + BigInt(Math.trunc(number)))
  if (kind === 'f' || kind === 'F') return new Text(sign + number.toFixed(Math.min(100, precision ?? 6)))
  if (kind === 'x') return new Text(sign + Math.trunc(number).toString(16))
  if (kind === 'X') return new Text(sign + Math.trunc(number).toString(16).toUpperCase())
  return fail(`expected %s, %r, %d, %i, %f or %x in a format, found %${kind}`)
}

function cut(text: Text, length: number | undefined): Text {
  return length === undefined ? text : text.slice(0, length)
}

/** `'{} {0} {name:>8}'.format(...)`. */
export function formatBraces(format: Text, { positional, named }: Arguments, meter: Meter): Text {
  const parts: Text[] = []
  let [done, used] = [0, 0]
  for (const found of format.value.matchAll(/\{\{|\}\}|\{([^{}:!]*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g)) {
    const [written, path, conversion, spec = ''] = found
    parts.push(format.slice(done, found.index))
    done = found.index + written.length
    if (written === '{{' || written === '}}') {
      parts.push(new Text(written[0]!))
      continue
    }
    if (path === undefined) return fail(`single '${written}' in the format '${format.value}'`)
    const place = path === '' ? used++ : Number(path)
    const value = Number.isInteger(place) ? positional[place] : named.get(path)
    if (value === undefined) return fail(`no value for {${path}} in the format '${format.value}'`)
    const piece = conversion === 'r' ? new Text(represent(value, meter)) : value
    parts.push(withSpec(piece, spec, meter))
  }
  return Text.join([...parts, format.slice(done)])
}

function withSpec(value: Value, spec: string, meter: Meter): Text {
  const found = /^(?:(.)?([<>^]))?([+]?)(0?)(\d*)(,?)(?:\.(\d+))?([sdf]?)$/su.exec(spec)
  if (!found) return fail(`expected a plain format such as >8 or .2f, found '${spec}'`)
  const [, fill = ' ', align, sign = '', zeros = '', width, comma, precision, kind = ''] = found
  const number = numberOf(value)
  const isNumber = number !== undefined && kind !== 's'
  const digits = precision === undefined ? undefined : Number(precision)
  let text =
    isNumber && (kind !== '' || digits !== undefined)
      ? convert(value, kind || 'f', sign, digits, meter)
      : cut(print(value, meter), isNumber ? undefined : digits)
  if (comma) text = new Text(text.value.replace(/^[+-]?\d+/, whole => whole.replace(/\B(?=(\d{3})+$)/g, ',')))
  if (align === undefined) return padded(text, zeros || (isNumber ? '' : '-'), Number(width), meter)
  const space = Math.max(0, Number(width) - text.value.length)
  meter.text(space)
  const left = align === '<' ? 0 : align === '>' ? space : Math.floor(space / 2)
  return Text.join([new Text(fill.repeat(left)), text, new Text(fill.repeat(space - left))])
}
