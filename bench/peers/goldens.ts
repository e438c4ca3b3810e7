// Writes the expected numbers of test/fixtures, all of them llama.cpp's and ggml's own. To run it:
// `npm ci --ignore-scripts` in bench/peers, then `npx tsx bench/peers/goldens.ts`. llama.cpp gets the weights
// of each fixture widened to float32: with other types it rounds activations as well, and each build of it in
// its own way.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ggufBytes } from '../../src/formats/gguf.ts'
import { type QuantName, quants } from '../../src/quant/quants.ts'
import { type FixtureModel, randomBlocks } from '../../test/fixtures/builder.ts'
import { type FamilyName, families, familyNames, tinyFamily } from '../../test/fixtures/families.ts'
import type { GreedyGolden, LogitsGolden, TokenizerCase } from '../../test/fixtures/load.ts'
import {
  type FixtureName,
  fixtureNames,
  fixtures,
  tinyLlama,
  vocabularyBytes,
  weightsHash,
} from '../../test/fixtures/models.ts'
import { Random } from '../../test/fixtures/random.ts'
import { texts } from '../../test/fixtures/texts.ts'
import { type VocabularyName, vocabularies } from '../../test/fixtures/vocab.ts'
import { dequantize, type LlamaContext, LlamaModel, llamaVersion, type ModelOptions } from './llama.ts'

const TOKENS = 24
const GENERATED = 20
/** Positions whose logits are kept. */
const positions = [0, 9, TOKENS - 1]
/** How far the best logit is ahead at least, where logits have a deviation of about 0.5. */
const LOGITS_LEAD = 0.2
const GREEDY_LEAD = 0.05

const dequantTypes = (Object.keys(quants) as QuantName[]).filter(
  type => type !== 'F32' && quants[type].ggmlId !== undefined,
)
const greedyModels = ['plain', 'tied'] as const satisfies FixtureName[]

const folder = mkdtempSync(join(tmpdir(), 'torchless-goldens-'))
try {
  const models: Partial<Record<FixtureName, LogitsGolden>> = {}
  const greedy: GreedyGolden[] = []
  for (const name of fixtureNames) {
    const fixture = tinyLlama(fixtures[name])
    await withModel(await ggufBytes(widened(fixture)), {}, model => {
      models[name] = { weights: weightsHash(fixture), ...logitsGolden(model) }
      if (greedyModels.some(other => other === name)) greedy.push(greedyGolden(name, model))
    })
  }
  save('llama.json', 2, { version: llamaVersion(), models, greedy })

  const ofFamilies: Partial<Record<FamilyName, LogitsGolden>> = {}
  for (const name of familyNames) {
    const fixture = tinyFamily(name)
    const { maxSeqLen }: { maxSeqLen?: number } = families[name]
    await withModel(await ggufBytes(widened(fixture)), {}, model => {
      const golden = { weights: weightsHash(fixture), ...logitsGolden(model, maxSeqLen) }
      ofFamilies[name] = maxSeqLen === undefined ? golden : { ...golden, max_seq_len: maxSeqLen }
    })
  }
  save('families.json', 2, { version: llamaVersion(), models: ofFamilies })
  save('dequant.json', 2, { version: llamaVersion(), types: dequantTypes.map(dequantGolden) })

  const tokenizers: Record<string, unknown> = {}
  for (const name of Object.keys(vocabularies) as VocabularyName[])
    await withModel(await vocabularyBytes(name), { vocabularyOnly: true }, model => {
      tokenizers[name] = tokenizerGolden(model)
    })
  save('tokenizer.json', 4, { version: llamaVersion(), vocabularies: tokenizers })
} finally {
  rmSync(folder, { recursive: true })
}

async function withModel(
  file: Uint8Array,
  options: ModelOptions,
  use: (model: LlamaModel) => void,
): Promise<void> {
  const path = join(folder, 'model.gguf')
  writeFileSync(path, file)
  const model = LlamaModel.load(path, options)
  use(model)
  model.dispose()
}

/** The same model with all tensors in F32, as ggml decodes them. */
function widened({ metadata, tensors }: FixtureModel): FixtureModel {
  return {
    metadata,
    tensors: tensors.map(tensor => ({
      ...tensor,
      type: 'F32',
      data: new Uint8Array(dequantize(quants[tensor.type].ggmlId!, tensor.data).buffer),
    })),
  }
}

function withContext<T>(model: LlamaModel, use: (context: LlamaContext) => T, size = 256): T {
  const context = model.context({ tokens: size, threads: 1 })
  const result = use(context)
  context.dispose()
  return result
}

function logitsGolden(model: LlamaModel, size?: number): Omit<LogitsGolden, 'weights'> {
  const tokens = withContext(model, context => clearTokens(model, context), size)
  const rows = withContext(model, context => context.decode(tokens), size)
  const bests = rows.map(best)
  if (bests.some(({ lead }) => lead < LOGITS_LEAD)) throw new Error('a lead is lost in one step')
  return {
    tokens,
    positions,
    logits: positions.map(position => Array.from(rows[position]!, logit => Number(logit.toPrecision(6)))),
    argmax: bests.map(({ index }) => index),
  }
}

/** Random tokens, but behind each one the best logit has a clear lead. */
function clearTokens(model: LlamaModel, context: LlamaContext): number[] {
  const random = new Random(0)
  const tokens: number[] = []
  for (let tries = 0; tokens.length < TOKENS; tries++) {
    if (tries === 1000) throw new Error('no best logit has a clear lead')
    const token = random.below(model.vocabularySize)
    context.truncate(tokens.length)
    if (best(context.decode([token])[0]!).lead >= LOGITS_LEAD) tokens.push(token)
  }
  return tokens
}

/** Of the first prompt behind which llama.cpp clearly has something to say. */
function greedyGolden(name: FixtureName, model: LlamaModel): GreedyGolden {
  for (const prompt of prompts()) {
    const promptTokens = model.tokenize(prompt, { addSpecial: true })
    const tokens = withContext(model, context => greedyTokens(context, promptTokens))
    const text = tokens && textOf(model, tokens)
    const ends = tokens?.some(id => model.endOfGeneration.includes(id))
    if (tokens && text && !ends && new Set(tokens).size > GENERATED / 2)
      return { model: name, prompt, promptTokens, tokens, text }
  }
  throw new Error(`${name} says nothing clearly`)
}

function* prompts(): Iterable<string> {
  const words = ['Hello', 'the', 'once', 'world', 'and', 'on', 'in', 'I', 'He', 'An']
  for (const first of words)
    for (const second of words) for (const third of words) yield `${first} ${second} ${third}`
}

function greedyTokens(context: LlamaContext, prompt: readonly number[]): number[] | undefined {
  const tokens: number[] = []
  let step = prompt
  while (tokens.length < GENERATED) {
    const { index, lead } = best(context.decode(step, 'last')[0]!)
    if (lead < GREEDY_LEAD) return undefined
    tokens.push(index)
    step = [index]
  }
  return tokens
}

/** The pieces one after another, if they are UTF-8. */
function textOf(model: LlamaModel, tokens: readonly number[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(tokens.map(id => model.piece(id))))
  } catch {
    return undefined
  }
}

/** Three blocks, of types without blocks 96 values; scales of all sizes. */
function dequantGolden(type: (typeof dequantTypes)[number]): {
  type: QuantName
  blocks: string
  values: string
} {
  const random = new Random(dequantTypes.indexOf(type))
  const elements = Math.max(quants[type].elems, 32)
  const pieces = [2 ** -20, 1, 100].map(deviation => randomBlocks(type, elements, random, deviation))
  const blocks = Buffer.concat(pieces)
  const values = dequantize(quants[type].ggmlId!, blocks)
  return { type, blocks: blocks.toString('base64'), values: Buffer.from(values.buffer).toString('base64') }
}

function tokenizerGolden(model: LlamaModel) {
  const ids = Array.from({ length: model.vocabularySize }, (_, id) => id)
  return {
    size: model.vocabularySize,
    bos: model.bos,
    eos: model.eos,
    endOfGeneration: model.endOfGeneration,
    pieces: ids.map(id => Buffer.from(model.piece(id, true)).toString('base64')),
    cases: texts.map(
      (text): TokenizerCase => ({
        text,
        plain: model.tokenize(text),
        special: model.tokenize(text, { addSpecial: true, parseSpecial: true }),
      }),
    ),
  }
}

/** The index of the greatest logit, and its lead over the second. */
function best(logits: Float32Array): { index: number; lead: number } {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!)
  return { index: order[0]!, lead: logits[order[0]!]! - logits[order[1]!]! }
}

/** As JSON whose outer levels have a line for each entry. */
function save(name: string, levels: number, contents: Record<string, unknown>): void {
  const path = join(import.meta.dirname, '../../test/fixtures', name)
  writeFileSync(path, `${lines(contents, levels)}\n`)
}

function lines(value: unknown, levels: number): string {
  if (levels === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (!Array.isArray(value)) {
    const entries = Object.entries(value).map(([key, inner]) => `"${key}": ${lines(inner, levels - 1)}`)
    return `{\n${entries.join(',\n')}\n}`
  }
  if (typeof value[0] !== 'object') return JSON.stringify(value)
  return `[\n${value.map(inner => lines(inner, levels - 1)).join(',\n')}\n]`
}
