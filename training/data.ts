// Writes what the training script reads: texts of each subject that are made up on the way, as token ids (two bytes each), a
// percentage for each token of how much its loss counts (one byte each) and the lengths of the texts (two bytes each), and the
// tokenizer. That is the shipped model's, so that what is told anew is told in the same pieces.
//
//   npx tsx training/data.ts [--texts 50000] [--subjects edits,sums] [--out training/build] [--new-tokenizer]

import { once } from 'node:events'
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  type WriteStream,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { builtinModel } from '../src/api/builtin.ts'
import { openModelFile } from '../src/api/open.ts'
import type { WritableValue } from '../src/formats/gguf.ts'
import { tokenizerFromGguf } from '../src/tokenizer/gguf.ts'
import { Random } from '../test/fixtures/random.ts'
import { type Subject, sample, subjects } from './conversation.ts'
import { story } from './stories.ts'
import { trainTokenizer } from './tokenizer.ts'

const { values } = parseArgs({
  options: {
    texts: { type: 'string', default: '50000' },
    subjects: { type: 'string', default: subjects.join() },
    out: { type: 'string', default: join(import.meta.dirname, 'build') },
    'new-tokenizer': { type: 'boolean', default: false },
  },
})
/** Of the texts; those to judge by have another. */
const SEEDS = { tokenizer: 1, train: 2, valid: 3 }
/** Tokens of the model's context, and the one after it; the end of a longer text is left out. */
const LONGEST = 513
/** Stories that the pieces are learnt from: about three times as much text as there is of code. */
const SAMPLE = 1_500
/** Texts to judge by, of each subject. */
const VALID_TEXTS = 300

mkdirSync(values.out, { recursive: true })
const metadata = values['new-tokenizer'] ? trainTokenizer(sampleTexts()) : await shippedTokenizer()
const tokenizer = tokenizerFromGguf(new Map(Object.entries(metadata)), 'the tokenizer')
writeFileSync(
  join(values.out, 'tokenizer.json'),
  JSON.stringify(metadata, (_, value) =>
    ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value,
  ),
)
for (const subject of values.subjects.split(',') as Subject[]) {
  await writeTexts('valid', subject, VALID_TEXTS)
  await writeTexts('train', subject, Number(values.texts))
}

async function shippedTokenizer(): Promise<Record<string, WritableValue>> {
  const file = await openModelFile(builtinModel.location)
  const keys = [...file.metadata].filter(([key]) => key.startsWith('tokenizer.'))
  await file.close()
  return Object.fromEntries(keys)
}

/** Stories, and this project's own code and manuals: the pieces are to suit edits and answers as well. */
function* sampleTexts(): Generator<string> {
  const random = new Random(SEEDS.tokenizer)
  for (let i = 0; i < SAMPLE; i++) yield story(random)
  for (const folder of ['src', 'docs']) {
    const path = join(import.meta.dirname, '..', folder)
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort())
      if (/(?<!\.gen)\.ts$|\.md$/.test(name)) yield readFileSync(join(path, name), 'utf8')
  }
}

/** `valid`: of what is kept for judging. */
async function writeTexts(name: 'train' | 'valid', subject: Subject, count: number): Promise<void> {
  const random = new Random(SEEDS[name])
  const folder = join(values.out, name)
  mkdirSync(folder, { recursive: true })
  const open = (suffix: string) => createWriteStream(join(folder, `${subject}.${suffix}`))
  const [tokens, weights, lengths] = [open('tokens'), open('weights'), open('lengths')]
  const write = async (stream: WriteStream, bytes: Uint8Array | Uint16Array) => {
    const part = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!stream.write(part)) await once(stream, 'drain')
  }
  for (let i = 0; i < count; i++) {
    const made = sample(subject, random, tokenizer, name === 'valid')
    const ids = made.ids.slice(0, LONGEST)
    await write(tokens, Uint16Array.from(ids))
    await write(weights, Uint8Array.from(made.weights.slice(0, LONGEST)))
    await write(lengths, Uint16Array.of(ids.length))
  }
  for (const stream of [tokens, weights, lengths]) {
    stream.end()
    await once(stream, 'finish')
  }
}
