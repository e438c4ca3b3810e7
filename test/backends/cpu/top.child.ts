// A process that asks for the best `top` of a row; lifetime.full.test.ts looks at how it ends.
import { loadModel } from '../../../src/index.ts'

const [path, top] = process.argv.slice(2) as [string, string]
const model = await loadModel(path, { backend: 'cpu' })
const answer = await model.logits([1, 2, 3], { rows: 'all', want: { top: Number(top) } }).then(
  ({ ids }) => ({ error: 'none', different: new Set(ids).size }),
  (error: Error) => ({ error: error.name }),
)
await model.dispose()
console.log(JSON.stringify(answer))
