// A process whose model file loses bytes while it runs; lifetime.full.test.ts looks at what it says.
import { truncate } from 'node:fs/promises'
import { loadModel } from '../../../src/index.ts'

const [path, when] = process.argv.slice(2) as [string, 'between steps' | 'in a step']
const model = await loadModel(path, { backend: 'cpu' })
const before = (await model.logits([1, 2, 3])).values.some(value => value !== 0)
const shrink = () => truncate(path, 1_000_000)
const long = Array.from({ length: 1500 }, (_, i) => i)
try {
  if (when === 'in a step') setTimeout(shrink, 50)
  else await shrink()
  await model.logits(when === 'in a step' ? long : [1, 2, 3])
  console.log(JSON.stringify({ before, error: 'none' }))
} catch (error) {
  const { name, message } = error as Error
  const again = await model.logits([1]).catch((error: Error) => error.name)
  console.log(JSON.stringify({ before, error: name, message, again }))
}
await model.dispose()
