// Writes what the training script reads: windows of token ids (two bytes each) of stories and conversations that are made up on
// the way, a percentage for each token of how much its loss counts (one byte each), and the tokenizer. That is the shipped
// model's, so that what is told anew is told in the same pieces.
//
//   npx tsx training/data.ts [--tokens 24000000] [--stories-only] [--out training/build] [--new-tokenizer]

import { once } from 'node:events'
import { createWriteStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { builtinModel } from '../src/api/builtin.ts'
import { openModelFile } from '../src/api/open.ts'
import type { WritableValue } from '../src/formats/gguf.ts'
import { tokenizerFromGguf } from '../src/tokenizer/gguf.ts'
import { Random } from '../test/fixtures/random.ts'
import { encodedStory, sample } from './conversation.ts'
import { Packer } from './pack.ts'
import { story } from './stories.ts'
import { END_OF_TEXT, trainTokenizer } from './tokenizer.ts'

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '24000000' },
    out: { type: 'string', default: join(import.meta.dirname, 'build') },
    'stories-only': { type: 'boolean', default: false },
    'new-tokenizer': { type: 'boolean', default: false },
  },
})
/** Of the texts; those to judge by have another. */
const SEEDS = { tokenizer: 1, train: 2, valid: 3 }
/** The model's context, and the token after it. */
const WINDOW = 513
/** Stories that the pieces are learnt from: about three times as much text as there is of code. */
const SAMPLE = 1_500
const VALID_TOKENS = 200_000

mkdirSync(values.out, { recursive: true })
const metadata = values['new-tokenizer'] ? trainTokenizer(sampleTexts()) : await shippedTokenizer()
const tokenizer = tokenizerFromGguf(new Map(Object.entries(metadata)), 'the tokenizer')
writeFileSync(
  join(values.out, 'tokenizer.json'),
  JSON.stringify(metadata, (_, value) =>
    ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value,
  ),
)
await writeTokens('valid', VALID_TOKENS)
await writeTokens('train', Number(values.tokens))

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

async function writeTokens(name: 'train' | 'valid', count: number): Promise<void> {
  const random = new Random(SEEDS[name])
  const [endOfText] = tokenizer.encode(END_OF_TEXT, { special: true })
  const packer = new Packer(WINDOW, endOfText!)
  const out = createWriteStream(join(values.out, `${name}.bin`))
  const weightsOut = createWriteStream(join(values.out, `${name}.weights`))
  const bar = new SingleBar({ format: `${name} {bar} {value}/{total} tokens`, clearOnComplete: true })
  if (process.stderr.isTTY) bar.start(count, 0)
  const next = () =>
    values['stories-only'] ? encodedStory(story(random), tokenizer) : sample(random, tokenizer)
  for (let written = 0; written < count; ) {
    for (const { ids, weights } of packer.add(next())) {
      if (!weightsOut.write(Uint8Array.from(weights))) await once(weightsOut, 'drain')
      if (!out.write(new Uint8Array(Uint16Array.from(ids).buffer))) await once(out, 'drain')
      written += ids.length
      bar.update(written)
    }
  }
  for (const stream of [out, weightsOut]) {
    stream.end()
    await once(stream, 'finish')
  }
  bar.stop()
}
