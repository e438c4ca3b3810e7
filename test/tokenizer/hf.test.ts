// tokenizer.json: each kind of step does what HuggingFace's tokenizers document. Vocabularies are letters, so that the
// ids show the words.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, UnsupportedModelError } from '../../src/errors.ts'
import { ALPHABET } from '../../src/tokenizer/alphabet.ts'
import { tokenizerFromJson } from '../../src/tokenizer/hf.ts'
import { normalizerFromJson } from '../../src/tokenizer/hf-normalizers.ts'
import { literal, splitText } from '../../src/tokenizer/hf-patterns.ts'
import { pretokenizerFromJson } from '../../src/tokenizer/hf-pretokenizers.ts'
import { Json } from '../../src/tokenizer/json.ts'
import { charsmapBytes } from '../fixtures/charsmap.ts'

const json = (value: unknown) => new Json(value, 'tokenizer.json', 'step')

function words(step: unknown, text: string, first = true): string[] {
  const found: string[] = []
  pretokenizerFromJson(json(step)).cut(text, first, word => found.push(word))
  return found
}

const normalized = (step: unknown, text: string) => normalizerFromJson(json(step))(text)

// The example in the documentation of SplitDelimiterBehavior.
test.each([
  ['Removed', ['the', 'final', 'countdown']],
  ['Isolated', ['the', '-', 'final', '-', '-', 'countdown']],
  ['MergedWithPrevious', ['the-', 'final-', '-', 'countdown']],
  ['MergedWithNext', ['the', '-final', '-', '-countdown']],
  ['Contiguous', ['the', '-', 'final', '--', 'countdown']],
])('Split, %s', (behavior, expected) => {
  const split = { type: 'Split', pattern: { String: '-' }, behavior }
  expect(words(split, 'the-final--countdown')).toEqual(expected)
  expect(words({ ...split, pattern: { Regex: '-' } }, 'the-final--countdown')).toEqual(expected)
  expect(words({ ...split, pattern: { Regex: '[^-]+' }, invert: true }, 'the-final--countdown')).toEqual(
    // Inverted, what lies between two matches is one part.
    behavior === 'Contiguous'
      ? ['the', '-', 'final', '--', 'countdown']
      : ({ Removed: expected, Isolated: ['the', '-', 'final', '--', 'countdown'] }[behavior] ??
          (behavior === 'MergedWithPrevious'
            ? ['the-', 'final--', 'countdown']
            : ['the', '-final', '--countdown'])),
  )
})

test('a pattern that matches nothing but places cuts there', () => {
  const split = { type: 'Split', pattern: { Regex: '(?=[A-Z])' }, behavior: 'Isolated' }
  expect(words(split, 'helloBigWorld')).toEqual(['hello', 'Big', 'World'])
})

test.each<[string, Record<string, unknown>, string, string[]]>([
  ['Digits', {}, 'a12½ 3', ['a', '12½', ' ', '3']],
  ['Digits', { individual_digits: true }, 'a12', ['a', '1', '2']],
  ['Punctuation', {}, 'a,b!?$', ['a', ',', 'b', '!', '?', '$']],
  ['Punctuation', { behavior: 'Removed' }, 'a,。b', ['a', 'b']],
  ['Whitespace', {}, 'Hey man! x_1', ['Hey', 'man', '!', 'x_1']],
  ['WhitespaceSplit', {}, ' Hey  man! ', ['Hey', 'man!']],
  ['CharDelimiterSplit', { delimiter: '|' }, 'a|b||', ['a', 'b']],
  ['ByteLevel', { add_prefix_space: false }, "It's 12", ['It', "'s", ' 12']],
  ['ByteLevel', { add_prefix_space: true }, 'It', [' It']],
  ['ByteLevel', { add_prefix_space: true }, ' It', [' It']],
  ['ByteLevel', { add_prefix_space: false, use_regex: false }, "It's 12", ["It's 12"]],
  ['Metaspace', {}, 'Hey  you', ['▁Hey', '▁', '▁you']],
  ['Metaspace', { replacement: '_', prepend_scheme: 'never' }, 'Hey you', ['Hey', '_you']],
  ['Metaspace', { add_prefix_space: false }, 'Hey you', ['Hey', '▁you']],
  ['Metaspace', { split: false }, 'Hey you', ['▁Hey▁you']],
  ['Metaspace', {}, ' Hey', ['▁Hey']],
])('%s %j on %j', (type, options, text, expected) => {
  expect(words({ type, ...options }, text)).toEqual(expected)
})

test('Metaspace prepends only to the first word where it is told so', () => {
  const step = { type: 'Metaspace', prepend_scheme: 'first' }
  expect(words(step, 'a')).toEqual(['▁a'])
  expect(words(step, 'a', false)).toEqual(['a'])
  const sequence = { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, step] }
  expect(words(sequence, 'a1b')).toEqual(['▁a', '1', 'b'])
})

test('a megabyte of matches is cut in time', () => {
  const count: string[] = []
  splitText('-'.repeat(1e6), { matcher: literal('-'), behavior: 'Isolated', invert: false }, () =>
    count.push(''),
  )
  expect(count.length).toBe(1e6)
})

test.each<[string, Record<string, unknown>, string, string]>([
  ['Prepend', { prepend: '▁' }, 'a', '▁a'],
  ['Prepend', { prepend: '▁' }, '', ''],
  ['Replace', { pattern: { String: ' ' }, content: '▁' }, 'a b ', 'a▁b▁'],
  ['Replace', { pattern: { String: '.*' }, content: '$&' }, 'a.*', 'a$&'],
  ['Replace', { pattern: { Regex: ' {2,}' }, content: ' ' }, 'a   b c', 'a b c'],
  ['Strip', {}, ' a b\n', 'a b'],
  ['Strip', { strip_left: false }, ' a ', ' a'],
  ['Strip', { strip_right: false }, ' a ', 'a '],
  ['Strip', { strip_left: false, strip_right: false }, ' a ', ' a '],
  ['StripAccents', {}, 'e\u0301', 'e'],
  ['NFC', {}, 'e\u0301', 'é'],
  ['NFD', {}, 'é', 'e\u0301'],
  ['NFKC', {}, 'ﬁ①', 'fi1'],
  ['NFKD', {}, 'é\u00a0', 'e\u0301 '],
  ['Lowercase', {}, 'ÉΣ', 'éσ'],
  ['Sequence', { normalizers: [{ type: 'Lowercase' }, { type: 'Prepend', prepend: 'X' }] }, 'A', 'Xa'],
])('%s %j on %j', (type, options, text, expected) => {
  expect(normalized({ type, ...options }, text)).toBe(expected)
})

test('Precompiled', () => {
  const base64 = btoa(
    String.fromCharCode(
      ...charsmapBytes([
        ['ﬁ', 'fi'],
        ['e\u0301', 'é'],
      ]),
    ),
  )
  const step = { type: 'Precompiled', precompiled_charsmap: base64 }
  expect(normalized(step, 'aﬁ e\u0301')).toBe('afi é')
  expect(() => normalized({ ...step, precompiled_charsmap: 'AA' }, '')).toThrow(ModelFormatError)
  expect(() => normalized({ ...step, precompiled_charsmap: '!' }, '')).toThrow('precompiled_charsmap')
})

/** Byte-level BPE with a few merges, as GPT-2 and its followers have it. */
const letters = [...ALPHABET, 'he', 'll', 'hell', 'hello', 'Ġhello']
const gpt2 = {
  added_tokens: [
    { id: 300, content: '<|end|>', special: true, normalized: false },
    { id: 301, content: '<tool>', special: false, normalized: false },
  ],
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(letters.map((piece, id) => [piece, id])),
    merges: ['h e', 'l l', 'he ll', 'hell o', 'Ġ hello'],
  },
}

/** SentencePiece BPE, as LLaMA has it: characters, bytes for others. */
const llamaPieces = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', '▁a', 'ab', '▁ab', '\n']
const bytePieces = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)
const llama = {
  added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({
    id,
    content,
    special: true,
    normalized: false,
  })),
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    fuse_unk: true,
    byte_fallback: true,
    vocab: Object.fromEntries([...llamaPieces, ...bytePieces].map((piece, id) => [piece, id])),
    merges: [
      ['▁', 'a'],
      ['a', 'b'],
      ['▁a', 'b'],
      ['▁', 'ab'],
    ],
  },
}

const load = (file: unknown, config?: unknown) => tokenizerFromJson(file, config, 'tokenizer.json')
const pieces = (file: unknown, text: string, options = {}) => {
  const tokenizer = load(file)
  return tokenizer.encode(text, options).map(id => tokenizer.piece(id))
}

describe('byte-level BPE', () => {
  test('words, merges, bytes', () => {
    expect(pieces(gpt2, 'hello hello hellé')).toEqual(['hello', ' hello', ' ', 'hell', '\ufffd', '\ufffd'])
    expect(load(gpt2).decode(load(gpt2).encode('hello hellé 中😀'))).toBe('hello hellé 中😀')
  })

  test('special tokens are text unless they are asked for; added ones are always found', () => {
    expect(load(gpt2).encode('<|end|>')).not.toContain(300)
    expect(load(gpt2).encode('<tool>hello<|end|>', { special: true })).toEqual([301, 259, 300])
    expect(load(gpt2).decode([259, 300])).toBe('hello')
    expect(load(gpt2).decode([259, 300], { special: true })).toBe('hello<|end|>')
  })

  test('merges may be pairs; ignore_merges takes whole words', () => {
    const pairs = gpt2.model.merges.map(merge => merge.split(' '))
    expect(pieces({ ...gpt2, model: { ...gpt2.model, merges: pairs } }, 'hello')).toEqual(['hello'])
    const whole = { ...gpt2.model, merges: [], ignore_merges: true }
    expect(pieces({ ...gpt2, model: whole }, 'hello hi')).toEqual(['hello', ' ', 'h', 'i'])
  })

  test('ends of generation: the config, and what is known', () => {
    expect([...load(gpt2).endOfGeneration]).toEqual([300])
    expect([...load(gpt2, { eos_token: { content: '<tool>' } }).endOfGeneration]).toEqual([301, 300])
  })
})

describe('BPE over characters', () => {
  test('spaces are ▁, strangers are bytes', () => {
    expect(load(llama).encode('ab ac')).toEqual([8, 6, 10 + 'c'.charCodeAt(0)])
    expect(load(llama).encode('é')).toEqual([3, 10 + 0xc3, 10 + 0xa9])
    for (const text of ['ab ac', ' é', '', ' ', '中\n😀 a'])
      expect(load(llama).decode(load(llama).encode(text))).toBe(text)
  })

  test('begins with what the template says, and the config has the last word', () => {
    expect(load(llama).encode('ab', { bos: true })).toEqual([1, 8])
    expect(load(llama).bos).toBe(1)
    expect(load(llama, { bos_token: '<s>', add_bos_token: false }).encode('ab', { bos: true })).toEqual([8])
    const config = { eos_token: '</s>', add_eos_token: true }
    expect(load(llama, config).encode('ab', { bos: true, eos: true })).toEqual([1, 8, 2])
    expect(load(llama).encode('ab', { bos: true, eos: true })).toEqual([1, 8])
  })

  test('without bytes, strangers are unknown: each, or all in a row', () => {
    const model = { ...llama.model, byte_fallback: false }
    expect(load({ ...llama, model }).encode('xya')).toEqual([3, 0, 4])
    expect(load({ ...llama, model: { ...model, fuse_unk: false } }).encode('xya')).toEqual([3, 0, 0, 4])
    const { unk_token: _, ...without } = model
    expect(load({ ...llama, model: without }).encode('xya')).toEqual([3, 4])
  })

  test('tokens that are looked for in the normalized text are normalized, too', () => {
    const added_tokens = llama.added_tokens.map(token => ({ ...token, normalized: true }))
    // The normalizer makes "▁</s>" of the token: HuggingFace's behavior with LLaMA's older files.
    expect(load({ ...llama, added_tokens }).encode('ab </s>', { special: true })).toEqual([8, 2])
    expect(load({ ...llama, added_tokens }).encode('ab</s>', { special: true })).not.toContain(2)
  })

  test('the leading space is kept where text comes before', () => {
    const decode = load(llama).stream({ continues: true })
    expect(decode(8)).toBe(' ab')
  })
})

describe('added tokens', () => {
  const withToken = (flags: object) => ({
    ...gpt2,
    added_tokens: [{ id: 300, content: 'X', special: false, normalized: false, ...flags }],
  })

  test.each<[object, string, string[]]>([
    [{}, 'a X b', ['a', ' ', 'X', ' ', 'b']],
    [{ lstrip: true }, 'a \n X b', ['a', 'X', ' ', 'b']],
    [{ rstrip: true }, 'a X \u3000b', ['a', ' ', 'X', 'b']],
    [{ lstrip: true, rstrip: true }, ' X  X ', ['X', 'X']],
    [{ single_word: true }, 'aX X', ['a', 'X', ' ', 'X']],
    [{ single_word: true }, 'X_', ['X', '_']],
  ])('%j', (flags, text, expected) => {
    expect(pieces(withToken(flags), text)).toEqual(expected)
  })

  test('a single word is one between spaces or marks', () => {
    const tokenizer = load(withToken({ single_word: true }))
    expect(tokenizer.encode('aX')).not.toContain(300)
    expect(tokenizer.encode('Xé')).not.toContain(300)
    expect(tokenizer.encode('𝐀X')).not.toContain(300)
    expect(tokenizer.encode('-X.')).toContain(300)
  })
})

describe('decoders', () => {
  const decodes = (decoder: unknown, tokens: readonly string[]) => {
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
    const tokenizer = load({ decoder, model: { type: 'BPE', vocab, merges: [] } })
    return tokenizer.decode(tokens.map((_, id) => id))
  }

  test.each<[unknown, string[], string]>([
    [{ type: 'Metaspace' }, ['▁Hey', '▁you', '▁'], 'Hey you '],
    [{ type: 'Metaspace', prepend_scheme: 'never' }, ['▁Hey', '▁you'], ' Hey you'],
    [{ type: 'ByteLevel' }, ['Ġé', 'Ã©'], ' \ufffdé'],
    [{ type: 'Strip', content: '_', start: 1, stop: 2 }, ['__a___', '_b'], '_a_b'],
    [{ type: 'Fuse' }, ['a', ' b'], 'a b'],
    [null, ['Hey', 'you'], 'Hey you'],
    [
      { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
      ['<0xE4>', '<0xB8>', '<0xAD>', '<0xff>'],
      '中\ufffd',
    ],
    [
      { type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'Strip', content: ' ', start: 2, stop: 0 }] },
      [' ', '  a', ' b'],
      ' a b',
    ],
  ])('%j', (decoder, tokens, text) => {
    expect(decodes(decoder, tokens)).toBe(text)
  })
})

test('post-processors', () => {
  const frame = (post_processor: unknown) =>
    load({ ...llama, post_processor }).encode('ab', { bos: true, eos: true })
  const template = (...single: unknown[]) => ({ ...llama.post_processor, single })
  const sequence = { Sequence: { id: 'A' } }
  const begin = { SpecialToken: { id: '<s>' } }
  expect(frame(null)).toEqual([8])
  expect(frame({ type: 'ByteLevel' })).toEqual([8])
  expect(frame(template(begin, sequence, begin))).toEqual([1, 8, 1])
  expect(frame({ type: 'Sequence', processors: [{ type: 'ByteLevel' }, template(begin, sequence)] })).toEqual(
    [1, 8],
  )
  expect(frame({ type: 'RobertaProcessing', cls: ['<s>', 1], sep: ['</s>', 2] })).toEqual([1, 8, 2])
})

test('unigram: the likeliest pieces, unknown characters together', () => {
  const vocab = [
    ['<unk>', 0],
    ['▁', -2],
    ['a', -3],
    ['b', -3],
    ['ab', -4],
    ['▁ab', -7],
    ['▁a', -4.5],
  ]
  const model = { type: 'Unigram', unk_id: 0, vocab }
  const file = { model, pre_tokenizer: { type: 'Metaspace' }, decoder: { type: 'Metaspace' } }
  expect(pieces(file, 'ab xyb')).toEqual([' ', 'ab', ' ', '<unk>', 'b'])
  expect(load(file).decode(load(file).encode('ab ba'))).toBe('ab ba')
})

describe('what is wrong is named', () => {
  const model = gpt2.model
  test.each<[unknown, string]>([
    [null, 'the file: expected an object with keys, found null'],
    [[], 'the file: expected an object with keys, found an array'],
    [{}, 'model: expected an object with keys, found nothing'],
    [{ model: {} }, 'model.vocab: expected an object with keys, found nothing'],
    [{ model: { ...model, vocab: { a: -1 } } }, 'model.vocab.a: expected an id below'],
    [{ model: { ...model, vocab: { a: 1e9 } } }, 'model.vocab.a: expected an id below'],
    [{ model: { ...model, vocab: { a: 'b' } } }, 'found "b"'],
    [{ model: { ...model, merges: ['ab'] } }, 'model.merges[0]: expected two texts, found "ab"'],
    [{ model: { ...model, merges: [['a']] } }, 'model.merges[0]: expected two texts, found an array'],
    [{ model: { ...model, merges: {} } }, 'model.merges: expected an array, found an object'],
    [
      { model: { ...model, unk_token: 'no' } },
      'model.unk_token: expected a token of the vocabulary, found "no"',
    ],
    [{ model: { type: 'Unigram', vocab: [['a', 'b']] } }, 'model.vocab[0]: expected a piece and its score'],
    [
      { model: { type: 'Unigram', vocab: [['a', 1]], unk_id: 1 } },
      'model.unk_id: expected a whole number below 1',
    ],
    [
      { ...gpt2, added_tokens: [{ id: -1, content: 'a' }] },
      'added_tokens[0].id: expected a whole number below',
    ],
    [
      { ...gpt2, added_tokens: [{ id: 1, content: 'a', special: 1 }] },
      'added_tokens[0].special: expected true or false',
    ],
    [{ ...gpt2, decoder: 'x' }, 'decoder: expected an object with keys, found "x"'],
    [
      { ...gpt2, post_processor: { type: 'TemplateProcessing', single: [{}] } },
      'single[0]: expected a SpecialToken or',
    ],
  ])('%#', (file, message) => {
    expect(() => load(file)).toThrow(ModelFormatError)
    expect(() => load(file)).toThrow(message)
  })

  test.each<[unknown, string]>([
    [
      { model: { ...model, type: 'WordPiece' } },
      'model.type: expected one of BPE, Unigram, found "WordPiece"',
    ],
    [{ model: { ...model, dropout: 0.1 } }, 'model.dropout: expected nothing, found 0.1'],
    [{ model: { ...model, end_of_word_suffix: '</w>' } }, 'model.end_of_word_suffix: expected nothing'],
    [{ ...gpt2, normalizer: { type: 'BertNormalizer' } }, 'normalizer.type: expected one of'],
    [{ ...gpt2, pre_tokenizer: { type: 'UnicodeScripts' } }, 'pre_tokenizer.type: expected one of'],
    [{ ...gpt2, decoder: { type: 'CTC' } }, 'decoder.type: expected one of'],
    [{ ...gpt2, post_processor: { type: 'Magic' } }, 'post_processor.type: expected one of'],
    [
      { ...gpt2, pre_tokenizer: { type: 'Split', behavior: 'Isolated', pattern: { Regex: '\\p{Klingon}' } } },
      'pre_tokenizer.pattern.Regex: expected a regular expression that has a translation',
    ],
    [
      {
        ...gpt2,
        pre_tokenizer: { type: 'Sequence', pretokenizers: [gpt2.pre_tokenizer, { type: 'Digits' }] },
      },
      'pre_tokenizer.pretokenizers[1]: expected nothing behind ByteLevel',
    ],
  ])('not supported, %#', (file, message) => {
    expect(() => load(file)).toThrow(UnsupportedModelError)
    expect(() => load(file)).toThrow(message)
  })
})
