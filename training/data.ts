// Writes what train.py reads: for each subject a file of texts to train on and one to judge by, made up on the way, as words of 16
// bits (see pack.ts), compressed block by block; and the tokenizer. That is the shipped model's, so that what is told anew is told
// in the same pieces. However many threads there are, the texts are the same.
//
//   npx tsx training/data.ts [--texts stories=90000,sums=250000] [--threads 2] [--out training/build] [--new-tokenizer]

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { builtinModel } from '../src/api/builtin.ts'
import { openModelFile } from '../src/api/open.ts'
import type { WritableValue } from '../src/formats/gguf.ts'
import { Random } from '../test/fixtures/random.ts'
import { type Subject, subjects } from './conversation.ts'
import { type Split, seeds, splits } from './numbers.ts'
import { made } from './pool.ts'
import { story } from './stories.ts'
import { blocksOf } from './texts.ts'
import { trainTokenizer, writeTokenizer } from './tokenizer.ts'

const { values } = parseArgs({
  options: {
    texts: { type: 'string', default: 'stories=90000,sums=250000,edits=80000,tales=40000,talk=60000' },
    threads: { type: 'string', default: String(availableParallelism()) },
    out: { type: 'string', default: join(import.meta.dirname, 'build') },
    'new-tokenizer': { type: 'boolean', default: false },
  },
})
/** Stories that the pieces are learnt from: about three times as much text as there is of code. */
const SAMPLE = 1_500
/** Texts to judge by, of each subject. */
const VALID_TEXTS = 300

const began = performance.now()
const counts = values.texts.split(',').map(part => {
  const [subject, count] = part.split('=') as [Subject, string]
  if (!subjects.includes(subject) || !(Number(count) > 0))
    throw new Error(`--texts: expected for example sums=1000, of ${subjects.join(', ')}; found ${part}`)
  return { subject, count: Number(count) }
})
mkdirSync(values.out, { recursive: true })
writeTokenizer(values.out, values['new-tokenizer'] ? trainTokenizer(sampleTexts()) : await shippedTokenizer())
const blocks = counts.flatMap(({ subject, count }) => [
  ...blocksOf('valid', subject, VALID_TEXTS),
  ...blocksOf('train', subject, count),
])
const results = await made(blocks, Number(values.threads), values.out)
for (const { subject } of counts) for (const split of splits) write(split, subject)
const total = results.reduce((sum, { tokens }) => sum + tokens, 0)
const seconds = (performance.now() - began) / 1000
console.log(`${written(total)} tokens in ${seconds.toFixed(0)} s, ${written(total / seconds)} a second`)

async function shippedTokenizer(): Promise<Record<string, WritableValue>> {
  const file = await openModelFile(builtinModel.location)
  const keys = [...file.metadata].filter(([key]) => key.startsWith('tokenizer.'))
  await file.close()
  return Object.fromEntries(keys)
}

/** Stories, and this project's own code and manuals: the pieces are to suit edits and answers as well. */
function* sampleTexts(): Generator<string> {
  const random = new Random(seeds.tokenizer)
  for (let i = 0; i < SAMPLE; i++) yield story(random)
  for (const folder of ['src', 'docs']) {
    const path = join(import.meta.dirname, '..', folder)
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort())
      if (/(?<!\.gen)\.ts$|\.md$/.test(name)) yield readFileSync(join(path, name), 'utf8')
  }
}

/** Compressed blocks after one another can be read as one. */
function write(split: Split, subject: Subject): void {
  const indices = [...blocks.keys()].filter(i => blocks[i]!.split === split && blocks[i]!.subject === subject)
  const texts = indices.reduce((sum, i) => sum + blocks[i]!.count, 0)
  const tokens = indices.reduce((sum, i) => sum + results[i]!.tokens, 0)
  const bytes = Buffer.concat(indices.map(i => results[i]!.compressed))
  const folder = join(values.out, split)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${subject}.gz`), bytes)
  const megabytes = (bytes.length / 1e6).toFixed(1)
  console.log(`${split} ${subject}: ${written(texts)} texts, ${written(tokens)} tokens, ${megabytes} MB`)
}

function written(count: number): string {
  return Math.round(count).toLocaleString('en')
}
