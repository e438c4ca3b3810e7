// How tokenizer.json cuts a text into the words that its model encodes.
import { behaviors, compile, literal, patternFromJson, type Split, splitText } from './hf-patterns.ts'
import type { Json } from './json.ts'
import type { WordCutter } from './pipeline.ts'
import { GPT2 } from './pretokenize.ts'

export interface HfPretokenizer {
  readonly cut: WordCutter
  /** Words are written in GPT-2's letters for bytes. */
  readonly byteLevel: boolean
}

const kinds = [
  'Sequence',
  'Split',
  'ByteLevel',
  'Metaspace',
  'Digits',
  'Punctuation',
  'Whitespace',
  'WhitespaceSplit',
  'CharDelimiterSplit',
] as const

const whole: WordCutter = (text, first, visit) => {
  if (text !== '') visit(text, first)
}

export function pretokenizerFromJson(json: Json | undefined): HfPretokenizer {
  if (!json) return { cut: whole, byteLevel: false }
  const kind = json.get('type').oneOf(kinds)
  switch (kind) {
    case 'Sequence':
      return sequence(json.get('pretokenizers'))
    case 'ByteLevel':
      return { cut: byteLevel(json), byteLevel: true }
    case 'Metaspace':
      return { cut: metaspace(json), byteLevel: false }
    default:
      return { cut: cutter(splitFromJson(kind, json)), byteLevel: false }
  }
}

function sequence(json: Json): HfPretokenizer {
  const steps = json.items().map(pretokenizerFromJson)
  const letters = steps.findIndex(step => step.byteLevel)
  if (letters >= 0 && letters < steps.length - 1)
    json.at(letters + 1).unsupported('nothing behind ByteLevel', 'another pre-tokenizer')
  const cut = steps.reduceRight<WordCutter>(
    (next, step) => (text, first, visit) =>
      step.cut(text, first, (word, begins) => next(word, begins, visit)),
    whole,
  )
  return { cut, byteLevel: letters >= 0 }
}

type SplitKind = Exclude<(typeof kinds)[number], 'Sequence' | 'ByteLevel' | 'Metaspace'>

function splitFromJson(kind: SplitKind, json: Json): Split {
  switch (kind) {
    case 'Split':
      return {
        matcher: patternFromJson(json.get('pattern')),
        behavior: json.get('behavior').oneOf(behaviors),
        invert: json.flagOr('invert', false),
      }
    case 'Digits': {
      const pattern = json.flagOr('individual_digits', false) ? '\\p{N}' : '\\p{N}+'
      return { matcher: compile(pattern, json), behavior: 'Isolated', invert: false }
    }
    case 'Punctuation': {
      const matcher = compile('[!-\\/:-@\\[-`\\{-~\\p{P}]', json)
      return { matcher, behavior: json.optional('behavior')?.oneOf(behaviors) ?? 'Isolated', invert: false }
    }
    case 'Whitespace':
      return { matcher: compile('\\w+|[^\\w\\s]+', json), behavior: 'Removed', invert: true }
    case 'WhitespaceSplit':
      return { matcher: compile('\\s', json), behavior: 'Removed', invert: false }
    case 'CharDelimiterSplit':
      return { matcher: literal(json.get('delimiter').text()), behavior: 'Removed', invert: false }
  }
  return kind satisfies never
}

function cutter(split: Split): WordCutter {
  return (text, first, visit) =>
    splitText(text, split, (begin, end) => visit(text.slice(begin, end), first && begin === 0))
}

function byteLevel(json: Json): WordCutter {
  const prefix = json.flagOr('add_prefix_space', true)
  const cut = json.flagOr('use_regex', true)
    ? cutter({ matcher: compile(GPT2, json), behavior: 'Isolated', invert: false })
    : whole
  return (text, first, visit) => cut(prefix && !text.startsWith(' ') ? ` ${text}` : text, first, visit)
}

const schemes = ['first', 'always', 'never'] as const

/** How Metaspace puts a space before texts; older files say so in other words. */
export function prependScheme(json: Json): (typeof schemes)[number] {
  const scheme = json.optional('prepend_scheme')?.oneOf(schemes)
  return scheme ?? (json.flagOr('add_prefix_space', true) ? 'always' : 'never')
}

function metaspace(json: Json): WordCutter {
  const replacement = json.textOr('replacement', '▁')
  const scheme = prependScheme(json)
  const cut = json.flagOr('split', true)
    ? cutter({ matcher: literal(replacement), behavior: 'MergedWithNext', invert: false })
    : whole
  return (text, first, visit) => {
    const written = text.replaceAll(' ', replacement)
    const prefix = scheme === 'always' || (scheme === 'first' && first)
    cut(prefix && !written.startsWith(replacement) ? replacement + written : written, first, visit)
  }
}
