import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { builtinModel } from '../../src/api/builtin.ts'
import { openModelFile } from '../../src/api/open.ts'
import { made } from '../../training/pool.ts'
import { blocksOf, wordsOf } from '../../training/texts.ts'
import { readTokenizer, writeTokenizer } from '../../training/tokenizer.ts'

it('texts are the same however many threads make them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torchless-texts-'))
  try {
    const file = await openModelFile(builtinModel.location)
    writeTokenizer(folder, Object.fromEntries(file.metadata))
    await file.close()
    const blocks = [...blocksOf('train', 'sums', 1100), ...blocksOf('valid', 'talk', 20)]
    const tokenizer = readTokenizer(folder)
    const expected = blocks.map(block => wordsOf(block, tokenizer))
    for (const threads of [1, 3]) {
      const results = await made(blocks, threads, folder)
      expect(results.map(({ tokens }) => tokens)).toEqual(expected.map(words => words.length))
      // Blocks that stand after one another are read as one file.
      const bytes = gunzipSync(Buffer.concat(results.map(({ compressed }) => compressed)))
      const all = Buffer.concat(expected.map(words => new Uint8Array(words.buffer)))
      expect(bytes.equals(all)).toBe(true)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
