// Attributes and items of values: `x.y`, `x['y']`, `x[1:2]`, with the methods of Python's str, dict and list that
// transformers' sandbox allows. None changes anything.

import { formatBraces } from './format.ts'
import { type Meter, UNITS_A_STEP } from './meter.ts'
import { Text } from './text.ts'
import {
  type Arguments,
  bind,
  Callable,
  Dict,
  equal,
  fail,
  iterate,
  List,
  Namespace,
  numberOf,
  orElse,
  print,
  truth,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

type Method<T> = (self: T, given: Arguments, meter: Meter) => Value

/** `x.y`: an attribute if there is one, else an item. */
export function attribute(object: Value, name: string, meter: Meter): Value {
  const found = orElse(ownAttribute(object, name), ownItem(object, new Text(name), meter))
  return found === undefined ? missing(object, name) : found
}

/** `x[y]`: an item if there is one, else an attribute. */
export function item(object: Value, key: Value, meter: Meter): Value {
  const found = ownItem(object, key, meter)
  if (found !== undefined) return found
  const name = key instanceof Text ? key.value : String(numberOf(key) ?? typeName(key))
  const own = key instanceof Text ? ownAttribute(object, name) : undefined
  return own === undefined ? missing(object, name) : own
}

function missing(object: Value, name: string): Undefined {
  if (object instanceof Undefined) return object.fail()
  return new Undefined(`'${typeName(object)}' has no attribute '${name}'`)
}

function ownItem(object: Value, key: Value, meter: Meter): Value | undefined {
  if (object instanceof Dict) {
    const isKey = key === null || key instanceof Text || numberOf(key) !== undefined
    return isKey ? object.get(key) : undefined
  }
  const at = typeof key === 'boolean' ? Number(key) : key
  if (typeof at !== 'number') return undefined
  if (object instanceof List) return object.items.at(at)
  if (!(object instanceof Text)) return undefined
  meter.spend(object.value.length / UNITS_A_STEP)
  return object.characters().at(at)
}

function ownAttribute(object: Value, name: string): Value | undefined {
  if (object instanceof Namespace) return object.attributes.get(name)
  if (object instanceof Text) return method(stringMethods, object, name)
  if (object instanceof Dict) return method(dictMethods, object, name)
  return object instanceof List ? method(listMethods, object, name) : undefined
}

function method<T extends Value>(
  methods: Readonly<Record<string, Method<T>>>,
  self: T,
  name: string,
): Value | undefined {
  if (!Object.hasOwn(methods, name)) return undefined
  const call = methods[name]!
  return new Callable(name, (given, meter) => {
    if (self instanceof Text) meter.spend(self.value.length / UNITS_A_STEP)
    return call(self, given, meter)
  })
}

/** `x[start:stop:step]` of a list or of a text's characters. */
export function slice(
  object: Value,
  [start, stop, step]: readonly (number | undefined)[],
  meter: Meter,
): Value {
  if (object instanceof Undefined) return object.fail()
  if (!(object instanceof Text || object instanceof List))
    return fail(`'${typeName(object)}' object has no slices`)
  const items = iterate(object, meter)
  const picked = pick(items, start, stop, step ?? 1)
  meter.spend(picked.length)
  return object instanceof List ? new List(picked, object.kind) : Text.join(picked as Text[])
}

function pick(
  items: readonly Value[],
  start: number | undefined,
  stop: number | undefined,
  step: number,
): Value[] {
  if (step === 0) return fail('slice step cannot be zero')
  const { length } = items
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1]
  const place = (given: number | undefined, fallback: number) => {
    if (given === undefined) return fallback
    return Math.min(most, Math.max(least, given < 0 ? given + length : given))
  }
  const from = place(start, step > 0 ? least : most)
  const to = place(stop, step > 0 ? most : least)
  const picked: Value[] = []
  for (let i = from; step > 0 ? i < to : i > to; i += step) picked.push(items[i]!)
  return picked
}

function text(value: Value | undefined, what: string): Text {
  return value instanceof Text
    ? value
    : fail(`${what}: expected a text, found ${value === undefined ? 'nothing' : typeName(value)}`)
}

function whole(value: Value | undefined, what: string): number | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'number' || typeof value === 'boolean'
    ? Number(value)
    : fail(`${what}: expected a whole number, found ${typeName(value)}`)
}

/** A method without arguments that gives what `change` makes of the text. */
function mapping(change: (value: string) => string): Method<Text> {
  return (self, given) => {
    bind('str method', given, [])
    return self.map(change)
  }
}

/** A method without arguments: whether the text is not empty and all its characters match. */
function every(pattern: RegExp): Method<Text> {
  return self => pattern.test(self.value)
}

function strip(name: string, sides: 'both' | 'left' | 'right'): Method<Text> {
  return (self, given) => {
    const [characters] = bind(name, given, ['chars'])
    return self.strip(sides, characters == null ? undefined : text(characters, name).value)
  }
}

function split(name: string, from: 'left' | 'right'): Method<Text> {
  return (self, given, meter) => {
    const [separator, limit] = bind(name, given, ['sep', 'maxsplit'])
    const most = whole(limit, name) ?? -1
    const cuts = most < 0 ? Number.POSITIVE_INFINITY : most
    meter.spend(self.value.length)
    if (separator == null) return new List(from === 'left' ? self.words(cuts) : lastWords(self, cuts))
    const { value } = text(separator, name)
    return value === '' ? fail(`${name}: empty separator`) : new List(self.split(value, cuts, from))
  }
}

/** The last `most` words, and all before them as the first. */
function lastWords(self: Text, most: number): Text[] {
  const words = self.words()
  if (words.length <= most) return words
  const trimmed = self.strip('both')
  const kept = most === 0 ? [] : words.slice(-most)
  let end = trimmed.value.length
  for (const word of [...kept].reverse()) end = trimmed.value.lastIndexOf(word.value, end - word.value.length)
  return [trimmed.slice(0, end).strip('right'), ...kept]
}

function partition(name: string, from: 'left' | 'right'): Method<Text> {
  return (self, given) => {
    const separator = text(bind(name, given, ['sep'])[0], name)
    if (separator.value === '') return fail(`${name}: empty separator`)
    const parts = self.split(separator.value, 1, from)
    if (parts.length === 2) return new List([parts[0]!, separator, parts[1]!], 'tuple')
    const empty = [Text.empty, Text.empty]
    return new List(from === 'left' ? [self, ...empty] : [...empty, self], 'tuple')
  }
}

/** `startswith` and `endswith`: a text or a tuple of them. */
function affix(name: string, has: (value: string, affix: string) => boolean): Method<Text> {
  return (self, given, meter) => {
    const [affixes, start, end] = bind(name, given, ['affix', 'start', 'end'])
    const part = slice(self, [whole(start, name), whole(end, name), 1], meter) as Text
    const wanted = affixes instanceof List ? affixes.items : [affixes]
    return wanted.some(one => has(part.value, text(one, name).value))
  }
}

function find(name: string, direction: 'indexOf' | 'lastIndexOf', otherwise: 'none' | 'error'): Method<Text> {
  return (self, given) => {
    const wanted = text(bind(name, given, ['sub'])[0], name).value
    const at = self.value[direction](wanted)
    if (at >= 0) return Array.from(self.value.slice(0, at)).length
    return otherwise === 'none' ? -1 : fail(`${name}: substring not found`)
  }
}

function pad(name: string, before: (space: number) => number): Method<Text> {
  return (self, given, meter) => {
    const [width, fill] = bind(name, given, ['width', 'fillchar'])
    const space = (whole(width, name) ?? 0) - self.characters().length
    if (space <= 0) return self
    meter.text(space)
    const character = fill === undefined ? ' ' : text(fill, name).value
    const left = before(space)
    return Text.join([new Text(character.repeat(left)), self, new Text(character.repeat(space - left))])
  }
}

/** `old` in `self` by `replacement`, at most `most` times. */
export function replace(self: Text, old: Text, replacement: Text, most: number, meter: Meter): Text {
  const cuts = most < 0 ? Number.POSITIVE_INFINITY : most
  const characters = () => [Text.empty, ...self.characters(), Text.empty]
  const parts = old.value === '' ? joinAfter(characters(), cuts) : self.split(old.value, cuts)
  meter.text(self.value.length + parts.length * replacement.value.length)
  return Text.join(parts, replacement)
}

/** The first `most` parts, and the rest as one. */
function joinAfter(parts: readonly Text[], most: number): Text[] {
  return parts.length <= most + 1 ? [...parts] : [...parts.slice(0, most), Text.join(parts.slice(most))]
}

/** As in Python's str.splitlines; what follows \r are the separators of files, groups and records. */
const LINE_ENDS = new RegExp(
  `\r\n|[\n\v\f\r${String.fromCharCode(0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029)}]`,
  'g',
)

function title(value: string): string {
  return value.replace(/\p{L}+/gu, word => capitalize(word))
}

export function capitalize(value: string): string {
  const [first = '', ...rest] = value
  return first.toUpperCase() + rest.join('').toLowerCase()
}

const stringMethods: Readonly<Record<string, Method<Text>>> = {
  upper: mapping(value => value.toUpperCase()),
  lower: mapping(value => value.toLowerCase()),
  casefold: mapping(value => value.toLowerCase().replaceAll('ß', 'ss')),
  title: mapping(title),
  capitalize: mapping(capitalize),
  swapcase: mapping(value =>
    Array.from(value, c => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join(''),
  ),
  strip: strip('strip', 'both'),
  lstrip: strip('lstrip', 'left'),
  rstrip: strip('rstrip', 'right'),
  split: split('split', 'left'),
  rsplit: split('rsplit', 'right'),
  splitlines(self, given) {
    const [keepEnds] = bind('splitlines', given, ['keepends'])
    const lines: Text[] = []
    let start = 0
    for (const end of self.value.matchAll(LINE_ENDS)) {
      const next = end.index + end[0].length
      lines.push(self.slice(start, keepEnds !== undefined && truth(keepEnds) ? next : end.index))
      start = next
    }
    if (start < self.value.length) lines.push(self.slice(start))
    return new List(lines)
  },
  partition: partition('partition', 'left'),
  rpartition: partition('rpartition', 'right'),
  startswith: affix('startswith', (value, prefix) => value.startsWith(prefix)),
  endswith: affix('endswith', (value, suffix) => value.endsWith(suffix)),
  removeprefix(self, given) {
    const { value } = text(bind('removeprefix', given, ['prefix'])[0], 'removeprefix')
    return self.value.startsWith(value) ? self.slice(value.length) : self
  },
  removesuffix(self, given) {
    const { value } = text(bind('removesuffix', given, ['suffix'])[0], 'removesuffix')
    return self.value.endsWith(value) ? self.slice(0, self.value.length - value.length) : self
  },
  replace(self, given, meter) {
    const [old, replacement, count] = bind('replace', given, ['old', 'new', 'count'])
    return replace(
      self,
      text(old, 'replace'),
      text(replacement, 'replace'),
      whole(count, 'replace') ?? -1,
      meter,
    )
  },
  join(self, given, meter) {
    const parts = iterate(bind('join', given, ['iterable'])[0] ?? null, meter).map(part => text(part, 'join'))
    meter.text(parts.reduce((sum, part) => sum + part.value.length + self.value.length, 0))
    return parts.length === 0 ? Text.empty : Text.join(parts, self)
  },
  format: (self, given, meter) => formatBraces(self, given, meter),
  find: find('find', 'indexOf', 'none'),
  rfind: find('rfind', 'lastIndexOf', 'none'),
  index: find('index', 'indexOf', 'error'),
  rindex: find('rindex', 'lastIndexOf', 'error'),
  count(self, given) {
    const wanted = text(bind('count', given, ['sub'])[0], 'count').value
    return wanted === '' ? self.characters().length + 1 : self.value.split(wanted).length - 1
  },
  ljust: pad('ljust', () => 0),
  rjust: pad('rjust', space => space),
  center: pad('center', space => Math.floor(space / 2)),
  zfill(self, given, meter) {
    const width = whole(bind('zfill', given, ['width'])[0], 'zfill') ?? 0
    meter.text(width)
    const sign = /^[+-]/.test(self.value) ? 1 : 0
    const zeros = '0'.repeat(Math.max(0, width - self.characters().length))
    return Text.join([self.slice(0, sign), new Text(zeros), self.slice(sign)])
  },
  isalpha: every(/^\p{L}+$/u),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isdigit: every(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u),
  isdecimal: every(/^\p{Nd}+$/u),
  isnumeric: every(/^\p{N}+$/u),
  isspace: self => self.value !== '' && self.strip('both').value === '',
  isascii: self => /^\p{ASCII}*$/u.test(self.value),
  isidentifier: every(/^[\p{ID_Start}_]\p{ID_Continue}*$/u),
  islower: self => /\p{L}/u.test(self.value) && self.value === self.value.toLowerCase(),
  isupper: self => /\p{L}/u.test(self.value) && self.value === self.value.toUpperCase(),
  istitle: self => /\p{L}/u.test(self.value) && self.value === title(self.value),
}

const dictMethods: Readonly<Record<string, Method<Dict>>> = {
  get(self, given) {
    const [key, otherwise] = bind('get', given, ['key', 'default'])
    return orElse(self.get(orElse(key, null)), orElse(otherwise, null))
  },
  items: self => new List(self.items()),
  keys: self => new List(self.keys()),
  values: self => new List(self.values()),
  copy: self => self,
}

const listMethods: Readonly<Record<string, Method<List>>> = {
  count(self, given, meter) {
    const wanted = bind('count', given, ['value'])[0] ?? null
    return self.items.filter(one => equal(one, wanted, meter)).length
  },
  index(self, given, meter) {
    const wanted = bind('index', given, ['value'])[0] ?? null
    const at = self.items.findIndex(one => equal(one, wanted, meter))
    return at < 0 ? fail(`index: ${print(wanted, meter).value} is not in list`) : at
  },
  copy: self => self,
}
