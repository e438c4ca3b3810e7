// What masks of tokens cost beside a step of a model:
//
//   npx tsx bench/grammar.ts [--model FILE] [--step 25] [--rounds 5]
//
// on the vocabulary of a model or tokenizer file, or on a made one of 128,000 tokens. States are those that random texts lead through.
// Each is measured as it is met first: on an automaton that has never been in it, without any mask. Rounds go over all states in turn.
import { parseArgs } from 'node:util'
import { vocabularyTrie } from '../src/api/vocabulary.ts'
import { parseGbnf } from '../src/grammar/gbnf.ts'
import { GrammarMatcher, type GrammarState } from '../src/grammar/grammar-matcher.ts'
import { schemaMatcher } from '../src/grammar/json-schema.ts'
import { TokenMasks } from '../src/grammar/token-masks.ts'
import { VocabularyTrie } from '../src/grammar/vocabulary-trie.ts'
import { loadTokenizer } from '../src/index.ts'
import { Random } from '../test/fixtures/random.ts'
import { grammars } from '../test/grammar/grammars.ts'
import { realSchemas } from '../test/grammar/schemas.ts'

interface Vocabulary {
  readonly trie: VocabularyTrie
  readonly bytesOf: (id: number) => Uint8Array | undefined
  readonly ends: ReadonlySet<number>
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    step: { type: 'string', default: '25' },
    rounds: { type: 'string', default: '5' },
  },
})
const step = Number(values.step)
const random = new Random(1)

const vocabulary = await (values.model === undefined ? madeVocabulary(128_000) : vocabularyOf(values.model))
const cases: Record<string, () => GrammarMatcher> = {}
for (const [name, { grammar }] of Object.entries(grammars))
  cases[name] = () => new GrammarMatcher(parseGbnf(grammar))
for (const name of [
  'an empty schema',
  'person',
  'recipe',
  'invoice',
  'a tool call',
  'letters of any alphabet',
])
  cases[`schema: ${name}`] = () => schemaMatcher(realSchemas[name]!)
cases['schema: 500 values'] = () =>
  schemaMatcher({ enum: Array.from({ length: 500 }, (_, i) => `value ${i * 7919} ${'abc'[i % 3]}`) })
cases['schema: 60 optional properties'] = () =>
  schemaMatcher({
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`${'abcdef'[i % 6]}Property${i}`, { type: 'string' }]),
    ),
  })

interface Sample {
  readonly name: string
  /** The way to the state, and what is measured there: with that many tokens to go. */
  readonly bytes: readonly number[]
  readonly left: number
  readonly times: number[]
}

const samples = Object.entries(cases).flatMap(([name, make]) => {
  const matcher = make()
  for (const characters of matcher.classes()) vocabulary.trie.prepare(characters)
  return texts(matcher, 12).map(
    (bytes, i): Sample => ({ name, bytes, left: i % 4 === 3 ? 24 : Number.POSITIVE_INFINITY, times: [] }),
  )
})
// The first round only warms up.
for (let round = 0; round <= Number(values.rounds); round++)
  for (const sample of samples) {
    const time = measure(cases[sample.name]!(), sample)
    if (round > 0) sample.times.push(time)
  }

const titles = ['median', 'worst', 'worst at its best', 'of a step']
console.log(
  `${vocabulary.trie.size} tokens; a step of ${step} ms; ${samples.length} states, each as it is met first`,
)
console.log(`${''.padEnd(34)}${titles.map(title => title.padStart(18)).join('')}`)
for (const name of [...Object.keys(cases), 'all']) {
  const chosen = samples.filter(sample => name === 'all' || sample.name === name)
  const medians = chosen.map(({ times }) => median(times))
  // What other work on the machine adds is not the mask's.
  const best = Math.max(...chosen.map(({ times }) => Math.min(...times)))
  const times = [median(medians), Math.max(...medians), best].map(time => `${time.toFixed(3)} ms`)
  const columns = [...times, `${((100 * best) / step).toFixed(1)} %`]
  console.log(`${name.padEnd(34)}${columns.map(column => column.padStart(18)).join('')}`)
}

function measure(matcher: GrammarMatcher, { bytes, left }: Sample): number {
  let state: GrammarState = matcher.start
  for (const byte of bytes) state = matcher.step(state, byte)!
  const masks = masksOf(matcher)
  const started = performance.now()
  masks.allowed(state, left)
  return performance.now() - started
}

function masksOf(matcher: GrammarMatcher): TokenMasks<GrammarState> {
  return new TokenMasks(vocabulary.trie, matcher, vocabulary.bytesOf, vocabulary.ends)
}

/** Beginnings of texts that random tokens make, the empty one first. */
function texts(matcher: GrammarMatcher, count: number): number[][] {
  const found: number[][] = [[]]
  const masks = masksOf(matcher)
  while (found.length < count) {
    const bytes: number[] = []
    let state = matcher.start
    for (let left = 1 + random.below(30); left > 0; left--) {
      const ids = idsOf(masks.allowed(state))
      const id = ids[random.below(ids.length)]!
      const next = masks.take(state, id)
      if (next === undefined) break
      bytes.push(...vocabulary.bytesOf(id)!)
      state = next
    }
    found.push(bytes)
  }
  return found
}

function idsOf(mask: Uint32Array): number[] {
  const ids: number[] = []
  for (let id = 0; id < 32 * mask.length; id++) if ((mask[id >> 5]! >>> (id & 31)) & 1) ids.push(id)
  return ids
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

async function vocabularyOf(file: string): Promise<Vocabulary> {
  const tokenizer = await loadTokenizer(file)
  return {
    trie: vocabularyTrie(tokenizer),
    bytesOf: id => tokenizer.bytes(id),
    ends: tokenizer.endOfGeneration,
  }
}

/** Bytes, and words, numbers, punctuation and letters of other alphabets in the shares that large vocabularies have. */
function madeVocabulary(size: number): Vocabulary {
  const pieces = new Set<string>()
  const syllables = [
    'ba',
    'con',
    'de',
    'er',
    'fi',
    'ing',
    'ka',
    'lo',
    'ment',
    'na',
    'or',
    'pre',
    're',
    'st',
    'tion',
    'un',
    'ver',
    'x',
  ]
  const pick = <T>(...options: readonly T[]): T => options[random.below(options.length)]!
  const word = () => Array.from({ length: 1 + random.below(4) }, () => pick(...syllables)).join('')
  const letters = () =>
    Array.from({ length: 1 + random.below(4) }, () =>
      String.fromCodePoint(pick(0x4e00, 0x430, 0x3b1, 0x1f600) + random.below(40)),
    ).join('')
  const signs = () =>
    Array.from({ length: 1 + random.below(4) }, () => pick(...'{}[]":,.;()=<>/\\\'-_*# \n\t')).join('')
  for (let number = 0; number < 1000; number++) pieces.add(String(number))
  while (pieces.size < size - 257) {
    const kind = random.below(20)
    if (kind < 14)
      pieces.add(
        pick('', ' ') +
          (random.below(3) === 0 ? word().replace(/^./, first => first.toUpperCase()) : word() + word()),
      )
    else pieces.add(kind < 17 ? pick('', ' ') + letters() : kind < 18 ? signs() + word() : signs())
  }
  const tokens = [
    undefined,
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ...[...pieces].map(text => new TextEncoder().encode(text)),
  ]
  return {
    trie: new VocabularyTrie(tokens.length, id => tokens[id]),
    bytesOf: id => tokens[id],
    ends: new Set([0]),
  }
}
