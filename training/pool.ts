// Makes many blocks of texts in several threads.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Made } from './text-worker.ts'
import type { Block } from './texts.ts'

/** Node itself reads no TypeScript in a thread, nor does what was set up for the main one hold there. */
const START = `import('tsx/esm/api').then(tsx => tsx.tsImport('./text-worker.ts', ${JSON.stringify(import.meta.url)}))`

/** What becomes of each block, in their order; `folder` is where the tokenizer stands. */
export async function made(blocks: readonly Block[], threads: number, folder: string): Promise<Made[]> {
  const results: Made[] = []
  let next = 0
  const work = async () => {
    const worker = new Worker(START, { eval: true, workerData: folder })
    try {
      while (next < blocks.length) {
        const at = next++
        worker.postMessage(blocks[at])
        const [result] = await once(worker, 'message')
        results[at] = result as Made
      }
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: Math.min(threads, blocks.length) }, work))
  return results
}
