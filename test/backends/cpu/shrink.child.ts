// A process whose model file loses bytes while it runs; lifetime.full.test.ts looks at what it says.
import { truncate } from 'node:fs/promises'
import { loadModel } from '../../../src/index.ts'

const [path, when] = process.argv.slice(2) as [string, 'between steps' | 'in a step']
const model = await loadModel(path, { backend: 'cpu' })
const before = (await model.logits([1, 2, 3])).values.some(value => value !== 0)
const shrink = () => truncate(path, 1_000_000)
const long = Array.from({ length: 1500 }, (_, i) => i)
try {
  // Behind the first of several steps, so that it happens in the second, however fast they are.
  if (when === 'in a step') await model.logits(long, { onProgress: () => void shrink() })
  else {
    await shrink()
    await model.logits([1, 2, 3])
  }
  console.log(JSON.stringify({ before, error: 'none' }))
} catch (error) {
  const { name, message } = error as Error
  const again = await model.logits([1]).catch((error: Error) => error.name)
  console.log(JSON.stringify({ before, error: name, message, again }))
}
await model.dispose()
