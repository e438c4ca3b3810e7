// How fast texts are encoded, beside @huggingface/tokenizers with the same tokenizer.json and the same text. Both are
// called in turns; the first calls of each, in which words are met for the first time, count by themselves.
//
//   (cd bench/peers && npm ci --ignore-scripts)
//   npx tsx bench/tokenizers.ts path/to/tokenizer.json path/to/text.txt
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { tokenizerFromJson } from '../src/tokenizer/hf.ts'

interface Peer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] }
}

interface PeerModule {
  readonly Tokenizer: new (json: unknown, config: unknown) => Peer
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '15' } },
})
const [tokenizerPath, textPath] = positionals
if (!tokenizerPath || !textPath)
  throw new Error('usage: tsx bench/tokenizers.ts tokenizer.json text.txt [--rounds 15]')
const json: unknown = JSON.parse(readFileSync(tokenizerPath, 'utf8'))
const text = readFileSync(textPath, 'utf8')

const peers = createRequire(join(import.meta.dirname, 'peers/package.json'))
const { Tokenizer } = (await import(
  pathToFileURL(peers.resolve('@huggingface/tokenizers')).href
)) as PeerModule

const makers = {
  torchless: () => {
    const tokenizer = tokenizerFromJson(json, undefined, tokenizerPath)
    return () => tokenizer.encode(text)
  },
  '@huggingface/tokenizers': () => {
    const tokenizer = new Tokenizer(json, {})
    return () => tokenizer.encode(text, { add_special_tokens: false }).ids
  },
}
const names = Object.keys(makers) as (keyof typeof makers)[]

const ids = names.map(name => makers[name]()().join())
console.log(`${text.length} characters; ids ${new Set(ids).size === 1 ? 'agree' : 'DIFFER'}`)

/** Milliseconds of one call each, in turns. */
function measure(call: (name: keyof typeof makers) => () => unknown): Map<string, number[]> {
  const times = new Map<string, number[]>(names.map(name => [name, []]))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const run = call(name)
      const begin = performance.now()
      run()
      times.get(name)!.push(performance.now() - begin)
    }
  return times
}

function report(title: string, times: Map<string, number[]>): void {
  const medians = names.map(name => {
    const sorted = times.get(name)!.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
    const speed = text.length / 1000 / at(0.5)
    console.log(
      `${title} ${name.padEnd(24)} median ${at(0.5).toFixed(1)} ms (${at(0.1).toFixed(1)} to ${at(0.9).toFixed(1)}), ${speed.toFixed(2)} million characters a second`,
    )
    return at(0.5)
  })
  console.log(`${title} times as fast: ${(medians[1]! / medians[0]!).toFixed(2)}`)
}

/** Made before its time is taken: loading is not encoding. */
report(
  'first call: ',
  measure(name => makers[name]()),
)
const warm = new Map(names.map(name => [name, makers[name]()]))
report(
  'later calls:',
  measure(name => warm.get(name)!),
)
