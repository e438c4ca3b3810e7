// The race: torchless and llama.cpp in turns at the same files, on the same threads, and what the machine gave meanwhile.
//
//   npm run bench:cpu                                    everything, in less than 20 minutes once the models are written
//   npm run bench:cpu -- --quick                         a row of each kind, in less than 3
//   npm run bench:cpu -- --only 'decode Q4' --rounds 11  rows by name
//   npm run bench:cpu -- --only 'Q4_0' --threads 1,2,4   on so many threads each
//   npm --silent run bench:cpu -- --json                 for programs
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installPeers } from './cpu/install.ts'
import { Llama } from './cpu/llama.ts'
import { type Machine, machine } from './cpu/machine.ts'
import { type Contestants, race } from './cpu/race.ts'
import { Remote } from './cpu/remote.ts'
import { type Cost, type Result, resultOf } from './cpu/result.ts'
import { onThreads, type Row, rows, shortened } from './cpu/rows.ts'
import { startContestants } from './cpu/start.ts'
import { report } from './cpu/table.ts'
import { Torchless } from './cpu/torchless.ts'
import { syntheticModel } from './models.ts'
import { llamaVersion } from './peers/llama.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    threads: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const { quick } = values
const rounds = wholeNumber('rounds', values.rounds ?? (quick ? '5' : '7'))
const threads = values.threads?.split(',').map(count => wholeNumber('threads', count))
/** Pairs of each row, however long they take. */
const least = quick ? Math.min(3, rounds) : rounds
/** For all rows; what one leaves of its share is for those after it. */
const seconds = quick ? 160 : 1100
const only = new RegExp(values.only)
const chosen = rows
  .filter(row => only.test(row.name) && (!quick || row.quick))
  .map(row => (quick ? shortened(row) : row))
  .flatMap(row => (threads ? threads.map(count => onThreads(row, count)) : row))
if (chosen.length === 0)
  throw new Error(`expected one of ${rows.map(row => row.name).join(', ')}, found ${only}`)

installPeers()
const here = await machine()
const results = await measure(chosen)
results.sort((a, b) => chosen.indexOf(a.row) - chosen.indexOf(b.row))
const heading = {
  date: new Date().toISOString(),
  processor: here.processor,
  threads: threads?.length === 1 ? threads[0]! : here.threads,
  level: here.level,
  torchless: JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')).version,
  llama: llamaVersion(),
}
console.log(values.json ? JSON.stringify({ ...heading, results }) : report(heading, results))

/** Rows that can share loaded engines follow each other; each tells its ratio as soon as it is known. */
async function measure(wanted: readonly Row[]): Promise<Result[]> {
  const results: Result[] = []
  const start = performance.now()
  const groups = new Map<string, Row[]>()
  for (const row of wanted) {
    const key = [row.shape, row.type, row.level, row.kind === 'start', row.repack, row.threads].join()
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  for (const group of groups.values()) {
    const here = await machine(group[0]!.threads)
    const { contestants, cost } = await load(group, here)
    // The longest past first: shorter ones are the beginning of it.
    for (const row of group.toSorted((a, b) => b.depth - a.depth)) {
      const until = start + (1000 * seconds * (results.length + 1)) / wanted.length
      const pairs = await race(contestants, row, { rounds, least, until }, here)
      const result = resultOf(row, pairs, least, cost)
      results.push(result)
      const { ratio, met } = result
      console.error(`${row.name}: ${ratio.median.toFixed(2)}${met ? '' : ', goal not met'}`)
    }
    for (const contestant of Object.values(contestants)) await contestant.dispose()
  }
  return results
}

/** Engines for rows of one model. */
async function load(
  group: readonly Row[],
  { threads }: Machine,
): Promise<{ contestants: Contestants; cost: Cost | undefined }> {
  const { shape, type, kind, level, repack = true } = group[0]!
  const path = await syntheticModel(shape, type)
  if (kind === 'start') return { contestants: await startContestants(path, threads, repack), cost: undefined }
  const contextLength = Math.max(...group.map(({ depth, tokens }) => depth + tokens))
  if (level === undefined) {
    const torchless = await Torchless.load(path, contextLength, threads)
    return { contestants: { torchless, llama: new Llama(path, threads) }, cost: torchless.model.cost }
  }
  const engine = { path, contextLength, threads }
  const torchless = await Remote.load({ ...engine, name: 'torchless' }, { TORCHLESS_CPU: level })
  // ggml's name for AVX2 with what else the first processors that had it could do.
  const llama = await Remote.load({ ...engine, name: 'llama', variant: 'haswell' })
  return { contestants: { torchless, llama }, cost: torchless.cost }
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${option}: expected a whole number from 1, found ${text}`)
  return number
}
