// How well the built-in model tells stories: perplexity on stories that it has not seen, how much it repeats itself, how
// many words it knows; how well it answers conversations that it has not seen; then samples as they came, none picked.
//
//   npx tsx training/evaluate.ts [MODEL] [--stories 100] [--cases 200] [--samples 10] [--wrong] [--backend cpu] [--json]
import { parseArgs } from 'node:util'
import { logProbability } from '../src/api/perplexity.ts'
import { builtinModel, loadModel, type Model } from '../src/index.ts'
import { Random } from '../test/fixtures/random.ts'
import { type Judged, judge, type Subject, subjects } from './judge.ts'
import { seeds } from './numbers.ts'
import { story } from './stories.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    stories: { type: 'string', default: '100' },
    cases: { type: 'string', default: '200' },
    samples: { type: 'string', default: '10' },
    wrong: { type: 'boolean', default: false },
    backend: { type: 'string', default: 'auto' },
    json: { type: 'boolean', default: false },
  },
})
const PROMPT = 'Once upon a time'
const AT_ONCE = 8

const count = Number(values.stories)
const model = await loadModel(positionals[0] ?? builtinModel.name, {
  backend: values.backend as 'auto' | 'cpu' | 'reference',
})
const random = new Random(seeds.stories)
const unseen = Array.from({ length: count }, () => story(random))
const told: { text: string; finish: string }[] = []
while (told.length < count) {
  const seeds = Array.from({ length: Math.min(AT_ONCE, count - told.length) }, (_, i) => told.length + i)
  told.push(...(await Promise.all(seeds.map(seed => tell(model, seed)))))
}
const judged = new Map<Subject, Judged[]>()
for (const subject of Object.keys(subjects) as Subject[])
  if (Number(values.cases) > 0) judged.set(subject, await judge(model, subject, Number(values.cases)))
const report = {
  model: model.name,
  stories: count,
  perplexity: await perplexity(model, unseen),
  judged: Object.fromEntries(judged),
  told: describe(told.map(({ text }) => text)),
  ended: told.filter(({ finish }) => finish === 'stop').length / count,
  unseen: describe(unseen),
}
await model.dispose()

if (values.json) console.log(JSON.stringify(report))
else {
  if (count > 0) printStories()
  for (const [subject, cases] of judged) printShares(subject, cases)
  for (let i = 0; i < Math.min(Number(values.samples), count); i++)
    console.log(`\n### Seed ${i}\n\n${told[i]!.text}`)
}

function printStories(): void {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const row = (what: string, told: string, unseen: string) => console.log(`| ${what} | ${told} | ${unseen} |`)
  row(`${count} stories`, 'told by the model', 'made by the generator')
  row('---', '---', '---')
  row('perplexity of the generator’s', report.perplexity.toFixed(3), '')
  row('come to an end', percent(report.ended), '')
  row('sentences said before in the same story', ...both(s => percent(s.repeated)))
  row('sentences in a story', ...both(s => s.sentences.toFixed(1)))
  row('distinct words', ...both(s => String(s.words)))
}

/** What is right of all cases, and of each kind; with --wrong, the cases that are not right in everything. */
function printShares(subject: Subject, cases: readonly Judged[]): void {
  const kinds = [...new Set(cases.map(({ kind }) => kind))].sort()
  const columns = kinds.length > 1 ? ['all', ...kinds] : ['all']
  const of = (column: string) => cases.filter(({ kind }) => column === 'all' || kind === column)
  const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`)
  console.log()
  line([`${cases.length} ${subject}`, ...columns.map(column => `${column} (${of(column).length})`)])
  line(['---', ...columns.map(() => '---')])
  for (const what of Object.keys(cases[0]!.right)) {
    const share = (column: string) => {
      const some = of(column)
      return `${((100 * some.filter(({ right }) => right[what]).length) / some.length).toFixed(1)} %`
    }
    line([what, ...columns.map(share)])
  }
  if (values.wrong)
    for (const { question, reply, right } of cases)
      if (Object.values(right).includes(false)) console.log(`\n${question}\n--> ${reply}`)
}

function both(show: (statistics: Statistics) => string): [string, string] {
  return [show(report.told), show(report.unseen)]
}

async function tell(model: Model, seed: number): Promise<{ text: string; finish: string }> {
  const generation = model.generate(PROMPT, { temperature: 0.7, seed })
  return { text: PROMPT + (await generation.text()), finish: generation.finish }
}

/** exp of the mean loss of all tokens, the end included, of texts that each begin anew. */
async function perplexity(model: Model, texts: readonly string[]): Promise<number> {
  const [endOfText] = model.tokenizer.encode('', { bos: true })
  let [loss, scored] = [0, 0]
  for (const text of texts) {
    const ids = [...model.tokenizer.encode(text, { bos: true }), endOfText!]
    const { values, width } = await model.logits(ids.slice(0, -1), { rows: 'all' })
    ids.slice(1).forEach((id, row) => {
      loss -= logProbability(values.subarray(row * width, (row + 1) * width), id)
    })
    scored += ids.length - 1
  }
  return Math.exp(loss / scored)
}

interface Statistics {
  /** Share of sentences that stand earlier in the same story. */
  readonly repeated: number
  /** A story, on average. */
  readonly sentences: number
  /** In all stories together. */
  readonly words: number
}

function describe(stories: readonly string[]): Statistics {
  let [sentences, repeated] = [0, 0]
  const words = new Set<string>()
  for (const text of stories) {
    const said = text.split(/(?<=[.!?]"?)\s+/)
    sentences += said.length
    repeated += said.length - new Set(said).size
    for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) words.add(word)
  }
  return { repeated: repeated / sentences, sentences: sentences / stories.length, words: words.size }
}
