// Makes blocks of texts in a thread of its own, and compresses them.
import { parentPort, workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { type Block, wordsOf } from './texts.ts'
import { readTokenizer } from './tokenizer.ts'

/** What a block has become. */
export interface Made {
  readonly compressed: Uint8Array
  readonly tokens: number
}

const tokenizer = readTokenizer(workerData as string)
parentPort!.on('message', (block: Block) => {
  const words = wordsOf(block, tokenizer)
  const made: Made = {
    compressed: gzipSync(new Uint8Array(words.buffer), { level: 9 }),
    tokens: words.length,
  }
  parentPort!.postMessage(made)
})
