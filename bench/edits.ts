// Coding mode with edits that are kept on lines of their files, and without; with lines drafted ahead, and without.
//
//   npx tsx bench/edits.ts [MODEL] [--cases 100]      edits that the model is asked for: how many match, how many are right, how fast
//   npx tsx bench/edits.ts MODEL --copy 20            a block that copies so many lines, as a model writes it that never errs: how fast
//   npx tsx bench/edits.ts llama-1b Q4_0 --copy 20    the same of a model with random weights, see bench/models.ts
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { EditConstraint } from '../src/api/edit-constraint.ts'
import { readEditBlocks } from '../src/code/edit-block.ts'
import type { EditableFile } from '../src/code/edit-matcher.ts'
import type { Constraint } from '../src/engine/constraint.ts'
import { generateTokens } from '../src/engine/generate.ts'
import type { Sampler } from '../src/engine/sampler.ts'
import { builtinModel, CodingSession, loadModel, loadTokenizer } from '../src/index.ts'
import type { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import { Random } from '../test/fixtures/random.ts'
import { type Edit, edit } from '../training/chat/edits.ts'
import { type ModelType, syntheticModel } from './models.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string', default: '100' },
    copy: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})
/** Of the unseen cases, the same as in training/judge.ts. */
const SEED = 5

/** How a reply is bound. */
const ways = {
  free: undefined,
  constrained: (tokenizer, files) => withoutDrafts(new EditConstraint(tokenizer, files)),
  drafted: (tokenizer, files) => new EditConstraint(tokenizer, files),
} satisfies Record<string, Bound | undefined>
type Way = keyof typeof ways
type Bound = (tokenizer: Tokenizer, files: readonly EditableFile[]) => Constraint

const [name = builtinModel.name, type] = positionals
const path = type === undefined ? name : await syntheticModel(name, type as ModelType)
const model = await loadModel(path)
const report =
  values.copy === undefined ? await asked(Number(values.cases)) : await copied(Number(values.copy))
await model.dispose()
console.log(values.json ? JSON.stringify({ model: name, type, ...report }) : table(report))

interface Result {
  /** Shares of cases, or tokens a second. */
  readonly [what: string]: number
}

/** Edits asked for through a coding session; each case in all ways, one after the other. */
async function asked(count: number): Promise<Record<Way, Result>> {
  const sums = { free: emptySum(), constrained: emptySum(), drafted: emptySum() }
  const random = new Random(SEED)
  for (let i = 0; i < count; i++) {
    const one = edit(random, true)
    const texts: string[] = []
    for (const way of Object.keys(ways) as Way[]) texts.push(await ask(one, way, sums[way]))
    if (texts[1] === texts[2]) sums.drafted.same++
  }
  const result = ({ cases, blocks, matching, right, tokens, seconds, ...sum }: Sum): Result => ({
    'cases whose reply has a block': blocks / cases,
    'and all of whose blocks match': matching / cases,
    'and make the file that was asked for': right / cases,
    'tokens/s': tokens / seconds,
    'drafted tokens in the reply': sum.accepted / Math.max(1, tokens),
    'drafted tokens that were right': sum.accepted / Math.max(1, sum.drafted),
  })
  const same = { 'replies as without drafts': sums.drafted.same / count }
  return {
    free: result(sums.free),
    constrained: result(sums.constrained),
    drafted: { ...result(sums.drafted), ...same },
  }
}

type Sum = ReturnType<typeof emptySum>

function emptySum() {
  return {
    ...{ cases: 0, blocks: 0, matching: 0, right: 0, same: 0 },
    ...{ tokens: 0, seconds: 0, drafted: 0, accepted: 0 },
  }
}

async function ask({ path, before, after, request }: Edit, way: Way, sum: Sum): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torchless-edits-'))
  await mkdir(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), `${before}\n`)
  const chat = model.chat({ temperature: 0 })
  try {
    const bound = ways[way]
    const session = new CodingSession(chat, {
      ...{ folder, state: join(folder, '.state'), format: 'search', repairs: 0 },
      constrained: bound !== undefined,
    })
    const { replies, reviews } = await session.send(`${request} @${path}`, {
      maxTokens: 512,
      ...(bound && { constraint: () => bound(model.tokenizer, session.editableFiles()) }),
    })
    const [reply, review] = [replies[0]!, reviews[0]!]
    const { edits, problems } = readEditBlocks(reply.text, [path])
    sum.cases++
    if (edits.length + problems.length > 0) sum.blocks++
    if (edits.length > 0 && review.rejected.length + review.problems.length === 0) sum.matching++
    if (session.edits.length === 1 && session.edits[0]!.after === `${after}\n`) sum.right++
    const { completion, drafted, accepted } = reply.usage
    sum.tokens += completion
    if (reply.timings.decodePerSecond > 0) sum.seconds += (completion - 1) / reply.timings.decodePerSecond
    sum.drafted += drafted
    sum.accepted += accepted
    return reply.text
  } finally {
    chat.dispose()
    rmSync(folder, { recursive: true })
  }
}

/**
 * A block that searches lines of a file and changes one of them. What the model would draw is given, as the tokenizer cuts the text: so the
 * weights cost what they cost, and say nothing. Rounds take turns; the fastest of each way counts.
 */
async function copied(lines: number): Promise<Record<Exclude<Way, 'free'>, Result>> {
  const text = readFileSync(join(import.meta.dirname, '../src/engine/engine.ts'), 'utf8')
  const all = text.split('\n')
  const search = all.slice(40, 40 + lines)
  const made = search.with(lines >> 1, `${search[lines >> 1]} // as before`)
  const parts = ['<<<<<<< SEARCH', ...search, '=======', ...made, '>>>>>>> REPLACE']
  // Random weights have a tokenizer of random words.
  const tokenizer = type === undefined ? model.tokenizer : await loadTokenizer(builtinModel.location)
  const ids = tokenizer.encode(`src/engine.ts\n${parts.join('\n')}`)
  const best = { constrained: 0, drafted: 0 }
  let shares: Result = {}
  for (let round = 0; round < Number(values.rounds); round++)
    for (const way of ['constrained', 'drafted'] as const) {
      const constraint = ways[way](tokenizer, [{ path: 'src/engine.ts', text }])
      const { seconds, tried, drawn, drafts } = await write(
        tokenizer.encode('Change this file.\n', { bos: true }),
        ids,
        constraint,
      )
      best[way] = Math.max(best[way], (ids.length - 1) / seconds)
      if (way === 'drafted')
        shares = {
          drafts,
          'drafted tokens in the reply': drawn / ids.length,
          'drafted tokens that were right': drawn / tried,
        }
    }
  return {
    constrained: { 'tokens/s': best.constrained, tokens: ids.length },
    drafted: { 'tokens/s': best.drafted, ...shares },
  }
}

/** Lets the model write these ids behind a prompt. */
async function write(prompt: readonly number[], ids: readonly number[], constraint: Constraint) {
  const session = model.session()
  let [written, tried, drawn, drafts] = [0, 0, 0, 0]
  const sampler: Sampler = {
    want: 'argmax',
    distribution: (row, _, mask) => {
      const id = ids[written]!
      if (mask && !((mask[id >> 5]! >>> (id & 31)) & 1)) throw new Error(`token ${written} may not come`)
      // As a sampler looks for the best one.
      let best = 0
      for (let i = 1; i < row.values.length; i++) if (row.values[i]! > row.values[best]!) best = i
      return { ids: Int32Array.of(id), probabilities: Float64Array.of(best >= 0 ? 1 : 0) }
    },
    draw: candidates => candidates.ids[0]!,
  }
  let started = 0
  try {
    for await (const _ of generateTokens(session, prompt, {
      ...{ sampler, constraint, maxTokens: ids.length, stopTokens: new Set<number>() },
      onDraft: (...one) => {
        tried += one[0]
        drawn += one[1]
        drafts++
      },
    }))
      if (++written === 1) started = performance.now()
  } finally {
    session.dispose()
  }
  return { seconds: (performance.now() - started) / 1000, tried, drawn, drafts }
}

function withoutDrafts(constraint: Constraint): Constraint {
  return { allowed: () => constraint.allowed(), accept: id => constraint.accept(id) }
}

function table(report: Readonly<Record<string, Result>>): string {
  const columns = Object.keys(report)
  const whats = [...new Set(columns.flatMap(column => Object.keys(report[column]!)))]
  const shown = (value: number | undefined) =>
    value === undefined ? '' : value <= 1 ? `${(100 * value).toFixed(1)} %` : value.toFixed(1)
  return [
    `| ${[name, type, ''].filter(Boolean).join(' ')} | ${columns.join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...whats.map(what => `| ${what} | ${columns.map(column => shown(report[column]![what])).join(' | ')} |`),
  ].join('\n')
}
