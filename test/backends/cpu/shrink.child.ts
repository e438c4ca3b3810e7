// A process whose model file loses bytes while it runs; lifetime.full.test.ts looks at what it says.
import { truncate } from 'node:fs/promises'
import { loadModel } from '../../../src/index.ts'

const path = process.argv[2]!
const model = await loadModel(path, { backend: 'cpu' })
const before = (await model.logits([1, 2, 3])).values.some(value => value !== 0)
await truncate(path, 1_000_000)
try {
  await model.logits([1, 2, 3])
  console.log(JSON.stringify({ before, error: 'none' }))
} catch (error) {
  const { name, message } = error as Error
  console.log(JSON.stringify({ before, error: name, message }))
}
await model.dispose()
