// A process that loads a model and runs a few steps, and says how far its memory grew at the most, and how fast weights came
// from disk; lazy-memory.full.test.ts looks at what it says. Linux only.
import { readFileSync, writeFileSync } from 'node:fs'
import { loadModel } from '../../../src/index.ts'
import { longIds } from './long-step.ts'

const [path = '', lazyMemory = '', prompt = '', decoded = ''] = process.argv.slice(2)

/** Of /proc/self/status, in bytes. */
function status(name: string): number {
  return (
    Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
  )
}

// What a first model brings along: libraries, threads, compiled JavaScript.
const first = await loadModel('torchless-tiny', { backend: 'cpu' })
await first.logits([1, 2, 3])
await first.dispose()
global.gc!()

const before = status('RssAnon') + status('RssFile')
// The greatest so far is forgotten.
writeFileSync('/proc/self/clear_refs', '5')
const lazy = lazyMemory === '' ? {} : { lazy: true, lazyMemory: Number(lazyMemory) }
const model = await loadModel(path, { backend: 'cpu', ...lazy })
const session = model.session()
await session.feed(longIds(Number(prompt)), { want: 'argmax' })
const start = performance.now()
for (let i = 0; i < Number(decoded); i++) await session.feed([i], { want: 'argmax' })
const seconds = (performance.now() - start) / 1000
const growth = status('VmHWM') - before
console.log(JSON.stringify({ growth, seconds, cache: model.cost.kvBytesPerToken }))
await model.dispose()
