// What bounds on tokens cost beside a step of the model: masks of tokens in the states of an automaton of edits, draws under them, and
// the index of a long file. On a vocabulary of 128,256 tokens made of this repository's own texts.
//
//   npx tsx bench/constraint.ts
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logits } from '../src/backends/backend.ts'
import { EditFollower } from '../src/code/edit-follower.ts'
import { FileLines } from '../src/code/file-lines.ts'
import { createSampler, onlyAllowed, type SamplerOptions } from '../src/engine/sampler.ts'
import { TokenMasks } from '../src/grammar/token-masks.ts'
import { VocabularyTrie } from '../src/grammar/vocabulary-trie.ts'
import { Random } from '../test/fixtures/random.ts'

const SIZE = 128_256
const END = SIZE - 1
const LINES = 10_000
const ROUNDS = 25

const root = join(import.meta.dirname, '..')
const texts = ['src', 'test', 'native', 'docs', 'bench', 'training'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(ts|cpp|h|md)$/.test(name))
    .map(name => readFileSync(join(root, folder, name), 'utf8')),
)
const pieces = vocabulary(texts)
const bytesOf = (id: number) => pieces[id]

const rows: [what: string, milliseconds: number][] = []
const time = (what: string, run: () => unknown) => timeOf(what, () => undefined, run)
const timeOf = <Prepared>(what: string, prepare: () => Prepared, run: (prepared: Prepared) => unknown) => {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const prepared = prepare()
    const started = performance.now()
    run(prepared)
    times.push(performance.now() - started)
  }
  // Whatever else the machine does only adds to it.
  rows.push([what, Math.min(...times)])
}

const trie = new VocabularyTrie(SIZE, bytesOf)
const random = new Random(1)
const code = texts.join('\n').split('\n').slice(0, LINES)
const few = ['}', '', '    return result', '    result += item', '  }']
const long = {
  'different lines': code.map((line, i) => `${line} // ${i}`).join('\n'),
  'lines of a repository': code.join('\n'),
  'five lines over and over': Array.from({ length: LINES }, () => few[random.below(few.length)]).join('\n'),
  'one line, and another at its end': `${'    return result\n'.repeat(LINES - 1)}}`,
}
for (const [kind, text] of Object.entries(long)) {
  const files = [
    { path: 'src/long.ts', text },
    { path: 'src/long.test.ts', text: 'one\ntwo\n' },
  ]
  const first = new FileLines(text).texts.find(line => line.trim() !== '')!
  time(`${LINES} lines, ${kind}: index`, () => new FileLines(text).starts)
  const opening = 'src/long.ts\n<<<<<<< SEARCH\n'
  const state = (what: string, text: string) =>
    timeOf(`${LINES} lines, ${kind}: mask ${what}`, () => follower(files, text), maskOf)
  state('of the first line', opening)
  state('within a line', `${opening}${first.slice(0, Math.ceil(first.length / 2))}`)
  state('behind a line', `${opening}${first}\n`)
}
const files = [{ path: 'src/short.ts', text: code.slice(0, 200).join('\n') }]
const shown = code.slice(0, 200).find((line, i, all) => line.trim() !== '' && all.indexOf(line) === i)!
for (const [what, text] of [
  ['at the beginning', ''],
  ['of prose', 'So it '],
  ['in a path', 'src/'],
  ['below a path', 'src/short.ts\n'],
  ['of a first line', 'src/short.ts\n<<<<<<< SEARCH\n'],
  ['of a replacement', `src/short.ts\n<<<<<<< SEARCH\n${shown}\n=======\n`],
  ['within a replaced line', `src/short.ts\n<<<<<<< SEARCH\n${shown}\n=======\nlet `],
] as const)
  timeOf(`200 lines: mask ${what}`, () => follower(files, text), maskOf)

const logits: Logits = {
  ...{ rows: 1, width: SIZE, ids: undefined },
  values: Float32Array.from({ length: SIZE }, (_, id) => (id === 77 ? 18 : 2.5 * random.normal())),
}
const mask = (share: number) => {
  const bits = new Uint32Array(SIZE / 32)
  for (let id = 0; id < SIZE; id++) if (random.unit() < share) bits[id >> 5]! |= 1 << (id & 31)
  return bits
}
const one = new Uint32Array(SIZE / 32)
one[one.length - 1] = 1
time('is there one id alone', () => onlyAllowed(one))
for (const options of [
  { temperature: 0 },
  { temperature: 0.7 },
  { temperature: 0.7, topP: 0.9 },
] as SamplerOptions[])
  for (const [what, bits] of [
    ['no mask', undefined],
    ['10 of 128,256', mask(10 / SIZE)],
    ['half', mask(0.5)],
    ['all but a few', mask(0.999)],
  ] as const) {
    const sampler = createSampler({ ...options, seed: 1 })
    time(`draw, ${JSON.stringify(options)}, ${what}`, () =>
      sampler.draw(sampler.distribution(logits, [], bits)),
    )
  }

console.log(`| least of ${ROUNDS} | ms |\n|---|---|`)
for (const [what, milliseconds] of rows) console.log(`| ${what} | ${milliseconds.toFixed(3)} |`)

/** A state is new each time: nothing of it is cached. */
function follower(files: readonly { path: string; text: string }[], text: string): EditFollower {
  const made = new EditFollower(files)
  if (!made.accept(new TextEncoder().encode(text))) throw new Error(`this may not be written: ${text}`)
  return made
}

function maskOf({ matcher, state }: EditFollower): Uint32Array {
  return new TokenMasks(trie, matcher, bytesOf, new Set([END])).allowed(state)
}

/** Bytes, then the words of texts with the space before them, runs of space, and beginnings and ends of words, as many as it takes. */
function vocabulary(texts: readonly string[]): Uint8Array[] {
  const found = new Set<string>()
  const words = texts.flatMap(text => text.match(/ ?[\p{L}\p{N}_]+| ?[^\s\p{L}\p{N}_]+|\s+/gu) ?? [])
  for (const word of words) found.add(word)
  // Few tokens of a real vocabulary have letters behind the end of a line.
  for (const [i, word] of words.entries())
    for (let at = 1; at < word.length && found.size < SIZE; at++)
      for (const part of [word.slice(0, at), word.slice(at), `${words[i - 1] ?? ''}${word.slice(0, at)}`])
        if (!/\n./.test(part)) found.add(part)
  if (found.size < END - 256) throw new Error(`expected ${END - 256} different tokens, found ${found.size}`)
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
  const encoder = new TextEncoder()
  return [...bytes, ...[...found].slice(0, END - 256).map(text => encoder.encode(text))]
}
