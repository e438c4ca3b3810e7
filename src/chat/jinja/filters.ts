// Filters: what stands after `|`. Those of Jinja2 that say something about texts, numbers, lists and dicts, and
// `tojson` as transformers defines it; none that writes HTML.
import { formatPercent } from './format.ts'
import { toJson } from './json.ts'
import { type Meter, UNITS_A_STEP } from './meter.ts'
import { attribute, capitalize, item, replace } from './methods.ts'
import { findTest } from './tests.ts'
import { Text } from './text.ts'
import {
  type Arguments,
  bind,
  compare,
  Dict,
  equal,
  Float,
  fail,
  holdsForeign,
  iterate,
  List,
  lengthOf,
  numberOf,
  orElse,
  print,
  represent,
  truth,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

type Filter = (value: Value, given: Arguments, meter: Meter) => Value

/** Throws TemplateError where there is no such filter. */
export function applyFilter(name: string, value: Value, given: Arguments, meter: Meter): Value {
  if (!Object.hasOwn(filters, name)) return fail(`no filter named '${name}'`)
  meter.spend(value instanceof Text ? value.value.length / UNITS_A_STEP : (lengthOf(value) ?? 1))
  return filters[name]!(value, given, meter)
}

/** A filter of an argument for each of `parameters`, undefined where none is given. */
function filter(
  name: string,
  parameters: readonly string[],
  apply: (value: Value, given: readonly (Value | undefined)[], meter: Meter) => Value,
): Filter {
  return (value, given, meter) => apply(value, bind(name, given, parameters), meter)
}

function textFilter(name: string, change: (value: string) => string): Filter {
  return filter(name, [], (value, _, meter) => print(value, meter).map(change))
}

function flag(value: Value | undefined, fallback = false): boolean {
  return value === undefined ? fallback : truth(value)
}

function whole(value: Value | undefined, fallback: number): number {
  const number = value == null ? fallback : numberOf(value)
  return number !== undefined && Number.isInteger(number)
    ? number
    : fail(`expected a whole number, found ${typeName(value!)}`)
}

/** `a.b.0`, or an item's number, or nothing for the value itself. */
function getter(path: Value | undefined, meter: Meter, otherwise?: Value): (value: Value) => Value {
  if (path == null) return value => value
  const names = path instanceof Text ? path.value.split('.') : [path]
  return value => {
    const found = names.reduce<Value>((object, name) => {
      if (object instanceof Undefined) return object
      if (typeof name !== 'string') return item(object, name, meter)
      return /^\d+$/.test(name) ? item(object, Number(name), meter) : item(object, new Text(name), meter)
    }, value)
    return found instanceof Undefined && otherwise !== undefined ? otherwise : found
  }
}

/** What lists are sorted and compared by: without upper case unless that is to count. */
function ordering(caseSensitive: boolean, get: (value: Value) => Value): (value: Value) => Value {
  return value => {
    const key = get(value)
    return key instanceof Text && !caseSensitive ? new Text(key.value.toLowerCase()) : key
  }
}

function compareKeys(a: Value, b: Value, meter: Meter): number {
  return equal(a, b, meter) ? 0 : compare(a, b, meter)
}

function sorted(
  items: readonly Value[],
  key: (value: Value) => Value,
  reverse: boolean,
  meter: Meter,
): Value[] {
  const keyed = items.map(value => ({ value, key: key(value) }))
  keyed.sort((a, b) => (reverse ? -1 : 1) * compareKeys(a.key, b.key, meter))
  return keyed.map(({ value }) => value)
}

/** `select`, `reject` and the same by attribute: a test by name with its argument, or truth. */
function selecting(name: string, keep: boolean, byAttribute: boolean): Filter {
  return (value, { positional }, meter) => {
    const [path, rest] = byAttribute ? [positional[0], positional.slice(1)] : [undefined, positional]
    if (byAttribute && path === undefined) return fail(`${name}: expected an attribute's name`)
    const get = getter(path, meter)
    const [testName, argument = null] = rest
    const test = testName === undefined ? truth : findTest(print(testName, meter).value)
    return new List(iterate(value, meter).filter(one => test(get(one), argument, meter) === keep))
  }
}

const extreme = (name: string, sign: 1 | -1) =>
  filter(name, ['case_sensitive', 'attribute'], (value, [caseSensitive, path], meter) => {
    const key = ordering(flag(caseSensitive), getter(path, meter))
    const items = iterate(value, meter)
    if (items.length === 0) return new Undefined('no aggregated item, sequence was empty')
    return items.reduce((best, one) => (sign * compareKeys(key(one), key(best), meter) > 0 ? one : best))
  })

const length = filter('length', [], value => lengthOf(value) ?? fail(`'${typeName(value)}' has no length`))

const fallback = filter('default', ['default_value', 'boolean'], (value, [otherwise, boolean]) =>
  value instanceof Undefined || (flag(boolean) && !truth(value)) ? orElse(otherwise, Text.empty) : value,
)

const escapeHtml = filter('escape', [], (value, _, meter) => {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    "'": '&#39;',
    '"': '&#34;',
  }
  return print(value, meter).map(text => text.replace(/[&<>'"]/g, character => entities[character]!))
})

const filters: Readonly<Record<string, Filter>> = {
  upper: textFilter('upper', value => value.toUpperCase()),
  lower: textFilter('lower', value => value.toLowerCase()),
  title: textFilter('title', value => value.replace(/[^-\s({[<]+/g, capitalize)),
  capitalize: textFilter('capitalize', capitalize),
  e: escapeHtml,
  escape: escapeHtml,
  safe: filter('safe', [], value => value),
  string: filter('string', [], (value, _, meter) => print(value, meter)),
  trim: filter('trim', ['chars'], (value, [characters], meter) =>
    print(value, meter).strip('both', characters == null ? undefined : print(characters, meter).value),
  ),
  replace: filter('replace', ['old', 'new', 'count'], (value, [old, replacement, count], meter) => {
    if (old === undefined || replacement === undefined) return fail('replace: expected two texts')
    const most = whole(count, -1)
    return replace(print(value, meter), print(old, meter), print(replacement, meter), most, meter)
  }),
  indent: filter('indent', ['width', 'first', 'blank'], (value, [width, first, blank], meter) => {
    const by = width instanceof Text ? width : new Text(spaces(whole(width, 4), meter))
    const lines = print(value, meter).split('\n')
    meter.text(lines.length * by.value.length)
    const indented = lines.map((line, i) => {
      const skipped = i === 0 ? !flag(first) : line.value === '' && !flag(blank)
      return skipped ? line : Text.join([by, line])
    })
    return Text.join(indented, new Text('\n'))
  }),
  center: filter('center', ['width'], (value, [width], meter) => {
    const text = print(value, meter)
    const space = Math.max(0, whole(width, 80) - text.characters().length)
    const left = spaces(Math.floor(space / 2), meter)
    return Text.join([new Text(left), text, new Text(spaces(space - left.length, meter))])
  }),
  truncate: filter(
    'truncate',
    ['length', 'killwords', 'end', 'leeway'],
    (value, [most, killWords, end, leeway], meter) => {
      const text = print(value, meter)
      const limit = whole(most, 255)
      const mark = end === undefined ? new Text('...') : print(end, meter)
      const characters = text.characters()
      if (characters.length <= limit + whole(leeway, 5)) return text
      const kept = Text.join(characters.slice(0, Math.max(0, limit - mark.value.length)))
      const word = flag(killWords) ? -1 : kept.value.lastIndexOf(' ')
      return Text.join([word < 0 ? kept : kept.slice(0, word), mark])
    },
  ),
  wordcount: filter('wordcount', [], (value, _, meter) => {
    return print(value, meter).value.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0
  }),
  format(value, { positional, named }, meter) {
    const values =
      named.size > 0
        ? new Dict(Array.from(named, ([name, one]) => [new Text(name), one] as const))
        : new List(positional, 'tuple')
    return formatPercent(print(value, meter), values, meter)
  },
  urlencode: filter('urlencode', [], (value, _, meter) =>
    print(value, meter).map(text =>
      encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\uFFFD'))
        .replaceAll('%2F', '/')
        .replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    ),
  ),
  tojson: filter(
    'tojson',
    ['ensure_ascii', 'indent', 'separators', 'sort_keys'],
    (value, [ascii, indent, separators, sortKeys], meter) => {
      const [itemSeparator, keySeparator] = separators instanceof List ? separators.items : []
      const level =
        indent == null ? undefined : indent instanceof Text ? indent.value : spaces(whole(indent, 0), meter)
      const options = {
        indent: level,
        itemSeparator: itemSeparator ? print(itemSeparator, meter).value : level === undefined ? ', ' : ',',
        keySeparator: keySeparator ? print(keySeparator, meter).value : ': ',
        sortKeys: flag(sortKeys),
        ascii: flag(ascii),
      }
      return toJson(value, options, meter)
    },
  ),
  pprint: filter('pprint', [], (value, _, meter) => {
    const written = represent(value, meter)
    return holdsForeign(value, meter) ? Text.foreign(written) : new Text(written)
  }),
  int: filter('int', ['default', 'base'], (value, [otherwise = 0, base], meter) => {
    const number = numberOf(value)
    if (number !== undefined) return Number.isFinite(number) ? Math.trunc(number) : otherwise
    const written = print(value, meter).value.trim().replaceAll('_', '')
    const radix = whole(base, 10)
    if (radix === 10)
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written) ? Math.trunc(Number(written)) : otherwise
    const found = Number.parseInt(written.replace(/^0[box]/i, ''), radix)
    return Number.isNaN(found) ? otherwise : found
  }),
  float: filter('float', ['default'], (value, [otherwise = new Float(0)], meter) => {
    const number = numberOf(value)
    if (number !== undefined) return new Float(number)
    const written = print(value, meter).value.trim()
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written) ? new Float(Number(written)) : otherwise
  }),
  abs: filter('abs', [], value => {
    const number = numberOf(value) ?? fail(`abs: expected a number, found ${typeName(value)}`)
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number)
  }),
  round: filter('round', ['precision', 'method'], (value, [precision, method], meter) => {
    const number = numberOf(value) ?? fail(`round: expected a number, found ${typeName(value)}`)
    const scale = 10 ** whole(precision, 0)
    const how = method === undefined ? 'common' : print(method, meter).value
    const scaled = number * scale
    if (how === 'ceil') return new Float(Math.ceil(scaled) / scale)
    if (how === 'floor') return new Float(Math.floor(scaled) / scale)
    // Python rounds halves to the even neighbour.
    const down = Math.floor(scaled)
    const isHalf = scaled - down === 0.5
    const rounded = (isHalf ? down + (Math.abs(down) % 2) : Math.round(scaled)) / scale
    return value instanceof Float ? new Float(rounded) : rounded
  }),
  length,
  count: length,
  default: fallback,
  d: fallback,
  first: filter('first', [], (value, _, meter) => {
    return orElse(iterate(value, meter)[0], new Undefined('no first item, sequence was empty'))
  }),
  last: filter('last', [], (value, _, meter) => {
    return orElse(iterate(value, meter).at(-1), new Undefined('no last item, sequence was empty'))
  }),
  list: filter('list', [], (value, _, meter) => new List(iterate(value, meter))),
  reverse: filter('reverse', [], (value, _, meter) => {
    const reversed = [...iterate(value, meter)].reverse()
    return value instanceof Text ? Text.join(reversed as Text[]) : new List(reversed)
  }),
  join: filter('join', ['d', 'attribute'], (value, [separator, path], meter) => {
    const get = getter(path, meter)
    const parts = iterate(value, meter).map(one => print(get(one), meter))
    const between = separator === undefined ? Text.empty : print(separator, meter)
    meter.text(parts.reduce((sum, part) => sum + part.value.length + between.value.length, 0))
    return parts.length === 0 ? Text.empty : Text.join(parts, between)
  }),
  items: filter('items', [], value => {
    if (value instanceof Undefined) return new List([])
    return value instanceof Dict
      ? new List(value.items())
      : fail(`items: expected a dict, found ${typeName(value)}`)
  }),
  dictsort: filter(
    'dictsort',
    ['case_sensitive', 'by', 'reverse'],
    (value, [caseSensitive, by, reverse], meter) => {
      if (!(value instanceof Dict)) return fail(`dictsort: expected a dict, found ${typeName(value)}`)
      const place = by === undefined ? 'key' : print(by, meter).value
      if (place !== 'key' && place !== 'value') return fail("dictsort: expected by='key' or by='value'")
      const key = ordering(flag(caseSensitive), getter(place === 'key' ? 0 : 1, meter))
      return new List(sorted(value.items(), key, flag(reverse), meter))
    },
  ),
  sort: filter(
    'sort',
    ['reverse', 'case_sensitive', 'attribute'],
    (value, [reverse, caseSensitive, path], meter) => {
      const paths = path instanceof Text ? path.value.split(',').map(one => new Text(one)) : [path]
      const keys = paths.map(one => ordering(flag(caseSensitive), getter(one, meter)))
      const key = (one: Value) => new List(keys.map(get => get(one)))
      return new List(sorted(iterate(value, meter), key, flag(reverse), meter))
    },
  ),
  unique: filter('unique', ['case_sensitive', 'attribute'], (value, [caseSensitive, path], meter) => {
    const key = ordering(flag(caseSensitive), getter(path, meter))
    const seen: Value[] = []
    return new List(
      iterate(value, meter).filter(one => {
        const here = key(one)
        return !seen.some(other => equal(other, here, meter)) && seen.push(here) > 0
      }),
    )
  }),
  groupby: filter(
    'groupby',
    ['attribute', 'default', 'case_sensitive'],
    (value, [path, otherwise, caseSensitive], meter) => {
      const get = getter(path, meter, otherwise)
      const key = ordering(flag(caseSensitive), get)
      const groups: { key: Value; first: Value; members: Value[] }[] = []
      for (const one of sorted(iterate(value, meter), key, false, meter)) {
        const last = groups.at(-1)
        if (last && equal(last.key, key(one), meter)) last.members.push(one)
        else groups.push({ key: key(one), first: get(one), members: [one] })
      }
      return new List(groups.map(({ first, members }) => new List([first, new List(members)], 'tuple')))
    },
  ),
  min: extreme('min', -1),
  max: extreme('max', 1),
  sum: filter('sum', ['attribute', 'start'], (value, [path, start = 0], meter) => {
    const get = getter(path, meter)
    const items = [start, ...iterate(value, meter).map(get)]
    const total = items.reduce<number>((sum, one) => {
      return sum + (numberOf(one) ?? fail(`sum: expected numbers, found ${typeName(one)}`))
    }, 0)
    return items.some(one => one instanceof Float) ? new Float(total) : total
  }),
  batch: filter('batch', ['linecount', 'fill_with'], (value, [count, fill], meter) => {
    const size = Math.max(1, whole(count, 1))
    const items = iterate(value, meter)
    const rows = Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
      items.slice(i * size, (i + 1) * size),
    )
    const short = rows.length > 0 && fill != null ? size - rows.at(-1)!.length : 0
    meter.spend(short)
    for (let i = 0; i < short; i++) rows[rows.length - 1]!.push(fill!)
    return new List(rows.map(row => new List(row)))
  }),
  slice: filter('slice', ['slices', 'fill_with'], (value, [count, fill], meter) => {
    const slices = Math.max(1, whole(count, 1))
    const items = iterate(value, meter)
    meter.spend(slices)
    const [size, longer] = [Math.floor(items.length / slices), items.length % slices]
    return new List(
      Array.from({ length: slices }, (_, i) => {
        const start = i * size + Math.min(i, longer)
        const part = items.slice(start, start + size + (i < longer ? 1 : 0))
        return new List(fill != null && longer > 0 && i >= longer ? [...part, fill] : part)
      }),
    )
  }),
  attr: filter('attr', ['name'], (value, [name], meter) =>
    attribute(value, print(name ?? null, meter).value, meter),
  ),
  map(value, given, meter) {
    const { positional, named } = given
    const items = iterate(value, meter)
    if (named.has('attribute')) {
      const get = getter(named.get('attribute'), meter, named.get('default'))
      return new List(items.map(get))
    }
    const [name, ...rest] = positional
    if (name === undefined) return fail('map: expected a filter or an attribute')
    const called = print(name, meter).value
    return new List(items.map(one => applyFilter(called, one, { positional: rest, named }, meter)))
  },
  select: selecting('select', true, false),
  reject: selecting('reject', false, false),
  selectattr: selecting('selectattr', true, true),
  rejectattr: selecting('rejectattr', false, true),
}

function spaces(count: number, meter: Meter): string {
  meter.text(count)
  return ' '.repeat(Math.max(0, count))
}
