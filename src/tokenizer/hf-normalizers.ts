// What tokenizer.json does to a text before it is cut into words.
import { Charsmap } from './charsmap.ts'
import { compile, patternFromJson, replaceAll } from './hf-patterns.ts'
import type { Json } from './json.ts'

export type Normalizer = (text: string) => string

const kinds = [
  'Sequence',
  'Prepend',
  'Replace',
  'Strip',
  'StripAccents',
  'NFC',
  'NFD',
  'NFKC',
  'NFKD',
  'Lowercase',
  'Precompiled',
] as const

export function normalizerFromJson(json: Json): Normalizer {
  const kind = json.get('type').oneOf(kinds)
  switch (kind) {
    case 'Sequence': {
      const steps = json.get('normalizers').items().map(normalizerFromJson)
      return text => steps.reduce((result, step) => step(result), text)
    }
    case 'Prepend': {
      const prefix = json.get('prepend').text()
      return text => (text === '' ? text : prefix + text)
    }
    case 'Replace': {
      const matcher = patternFromJson(json.get('pattern'))
      const content = json.get('content').text()
      return text => replaceAll(text, matcher, content)
    }
    case 'Strip': {
      const ends = [
        json.flagOr('strip_left', true) ? '\\A\\s+' : '',
        json.flagOr('strip_right', true) ? END : '',
      ]
      const matcher = compile(ends.filter(Boolean).join('|') || '(?!)', json)
      return text => replaceAll(text, matcher, '')
    }
    case 'StripAccents': {
      const matcher = compile('\\p{Mn}+', json)
      return text => replaceAll(text, matcher, '')
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return text => text.normalize(kind)
    case 'Lowercase':
      // Letter by letter: JavaScript looks at neighbours (of sigma) otherwise.
      return text => Array.from(text, character => character.toLowerCase()).join('')
    case 'Precompiled':
      return precompiled(json.get('precompiled_charsmap'))
  }
  return kind satisfies never
}

/** Spaces at the end, looked for where the first of them is. */
const END = '(?<!\\s)\\s+\\z'

/** A character with its marks is replaced as a whole where it is short, else character by character. */
function precompiled(json: Json): Normalizer {
  const bytes = fromBase64(json.text())
  const charsmap =
    (bytes && Charsmap.parse(bytes)) ?? json.fail('a map of characters in base64', 'another text')
  const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const replaced = (text: string) => {
    const found = charsmap.find(new TextEncoder().encode(text), 0, 'shortest')
    return found && new TextDecoder('utf-8', { ignoreBOM: true }).decode(found.by)
  }
  return text => {
    let out = ''
    for (const { segment } of segmenter.segment(text)) {
      const whole = new TextEncoder().encode(segment).length < SHORT ? replaced(segment) : undefined
      out += whole ?? Array.from(segment, character => replaced(character) ?? character).join('')
    }
    return out
  }
}

/** Bytes of the longest characters with marks that are looked up whole (as in HuggingFace's spm_precompiled). */
const SHORT = 6

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), character => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
