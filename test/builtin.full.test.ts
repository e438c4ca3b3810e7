// The model that ships with the package, through the command: it tells stories, the same ones on every level of the processor, and in
// other formats too.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nativeLibrary } from '../src/ffi/library.ts'
import { builtinModel, loadModel, type Model } from '../src/index.ts'
import type { EncodableName } from '../src/quant/encode.ts'
import { torchless } from './support/command.ts'
import { temporaryFolder } from './support/fixture-file.ts'
import { best } from './support/numbers.ts'
import { requantize } from './support/requantize.ts'

const PROMPT = 'Once upon a time'
/** Activations in 8 bits move logits by less. */
const TIE = 0.25
const { runnable } = await nativeLibrary()
const folder = temporaryFolder()

/** What a small story is: several paragraphs of sentences that are not said twice, with an end. */
function expectStory(text: string): void {
  const sentences = text.trim().split(/(?<=[.!?]"?)\s+/)
  expect(sentences.length).toBeGreaterThan(8)
  expect(new Set(sentences).size / sentences.length).toBeGreaterThan(0.9)
  expect(text).toMatch(/^Once upon a time,? \w+/)
  expect(text.trim()).toMatch(/[.!?]"?$/)
  // Somebody with a name, who is still there in the end: a capital where no sentence begins.
  const names = text.match(/(?<=[a-z,] )\p{Lu}\p{L}+/gu) ?? []
  expect(Math.max(...names.map(name => text.split(name).length - 1))).toBeGreaterThan(3)
}

it('tells a story when no model is named, and ends it', async () => {
  const { code, out, err } = await torchless([PROMPT, '--seed', '1'])
  expectStory(out)
  expect(err).toMatch(/torchless-tiny/)
  expect(err).not.toMatch(/warning/)
  expect(code).toBe(0)
})

it('adds in a chat, its thoughts hidden or shown', async () => {
  const greedy = ['--chat', '--temperature', '0', '--quiet']
  const hidden = await torchless(greedy, { input: 'What is 123 + 456?\n' })
  expect(hidden.out.trim()).toBe('The sum is 579.')
  const shown = await torchless([...greedy, '--show-thinking'], { input: 'What is 123 + 456?\n' })
  expect(shown.err).toMatch(/3\+6\+0=09\s+2\+5\+0=07\s+1\+4\+0=05/)
  expect(shown.out.trim()).toBe('The sum is 579.')
})

it('edits a file in coding mode', async () => {
  const path = join(folder, 'limit.ts')
  writeFileSync(
    path,
    'const LARGE_ZONE = 19\n\nexport function isLarge(size: number) {\n  return size > LARGE_ZONE\n}\n',
  )
  const input = '/code\nSet LARGE_ZONE to 86. @limit.ts\n/apply all\n'
  const { code } = await torchless(['--chat', '--temperature', '0', '--quiet'], { input, cwd: folder })
  expect(code).toBe(0)
  expect(readFileSync(path, 'utf8')).toMatch(/^const LARGE_ZONE = 86\n\nexport function/)
})

it('is named, listed and inspected like any other', async () => {
  const named = await torchless(['torchless-tiny', PROMPT, '--temperature', '0', '--quiet'])
  const unnamed = await torchless([PROMPT, '--temperature', '0', '--quiet'])
  expect(named).toEqual({ ...unnamed, code: 0, err: '' })

  const { out: list } = await torchless(['--list-models'], { env: { HF_HUB_CACHE: join(folder, 'nothing') } })
  expect(list).toMatch(/^torchless-tiny {2}[45]\.\d MB, built in\n$/)

  const inspected = JSON.parse((await torchless(['inspect', 'torchless-tiny', '--json'])).out)
  expect(inspected).toMatchObject({ architecture: 'llama', contextLength: 512 })
  expect(Object.keys(inspected.quantization).sort()).toEqual(['F32', 'Q8_0'])
  // Rows that K formats can hold.
  for (const { name, shape } of inspected.tensors as { name: string; shape: number[] }[])
    if (shape.length > 1) expect(shape.at(-1)! % 256, name).toBe(0)
})

it('has the marks of conversations, thoughts and edits, each one piece, and a chat template', async () => {
  const marks = [
    '<|im_start|>',
    '<|im_end|>',
    '<think>',
    '</think>',
    '<<<<<<< SEARCH',
    '=======',
    '>>>>>>> REPLACE',
  ]
  for (const mark of marks) {
    const { tokens } = JSON.parse((await torchless(['tokenize', 'torchless-tiny', mark, '--json'])).out)
    expect(tokens.length, mark).toBe(2) // with BOS
  }
  const { metadata } = JSON.parse((await torchless(['inspect', 'torchless-tiny', '--json'])).out)
  expect(metadata['tokenizer.chat_template']).toContain('<|im_start|>')
})

describe('greedy', () => {
  // Not so open that the model has a hundred ways to go on.
  const prompt = `${PROMPT}, there was a patient girl named Sina. Sina`
  const greedy = [prompt, '--temperature', '0', '--quiet', '--backend', 'cpu']
  const told = new Map<string, string>()
  let reference: Model

  beforeAll(async () => {
    for (const level of runnable)
      told.set(level, (await torchless(greedy, { env: { TORCHLESS_CPU: level } })).out)
    reference = await loadModel(builtinModel.name, { backend: 'reference', kvDType: 'f32' })
  })
  afterAll(() => reference.dispose())

  /** How far the best token leads behind a text, as the reference backend sees it. */
  const leadBehind = async (text: string) => {
    const ids = reference.tokenizer.encode(text, { bos: true })
    return best((await reference.logits(ids)).values).lead
  }

  /** Where a story could as well go on in two ways, last digits decide which; everything before is the same. */
  it.each(runnable)('level %s tells the same story, up to a tie', async level => {
    const [story, other] = [told.get(level)!, told.get(runnable[0]!)!]
    expectStory(story)
    if (story === other) return
    let same = 0
    while (story[same] === other[same]) same++
    const common = story.slice(0, story.lastIndexOf(' ', same))
    expect(common.length).toBeGreaterThan(prompt.length)
    expect(await leadBehind(common), common.slice(-40)).toBeLessThan(TIE)
  })

  it('the reference backend would say the same, wherever there is no tie', { timeout: 600_000 }, async () => {
    const cpu = await loadModel(builtinModel.name, { backend: 'cpu', kvDType: 'f32' })
    const ids = cpu.tokenizer.encode(told.get(runnable[0]!)!, { bos: true }).slice(0, 250)
    const [ours, theirs] = await Promise.all(
      [cpu, reference].map(async model => {
        const { values, width } = await model.logits(ids, { rows: 'all' })
        return ids.map((_, i) => best(values.subarray(i * width, (i + 1) * width)))
      }),
    )
    const clear = theirs!.flatMap(({ index, lead }, i) => (lead > TIE ? [[i, index]] : []))
    expect(clear.length).toBeGreaterThan(100)
    expect(clear.map(([i]) => [i, ours![i!]!.index])).toEqual(clear)
    await cpu.dispose()
  })
})

describe('in other formats', () => {
  /** As the mix Q4_K_M chooses: what matters most in 6 bits. */
  const mix = (name: string): EncodableName => (/token_embd|attn_v|ffn_down/.test(name) ? 'Q6_K' : 'Q4_K')
  const formats: Record<string, (name: string) => EncodableName> = { F16: () => 'F16', Q4_K_M: mix }

  beforeAll(async () => {
    for (const [format, typeOf] of Object.entries(formats))
      await requantize(builtinModel.location, join(folder, `${format}.gguf`), typeOf)
  })

  it.each(Object.keys(formats))('%s tells stories', async format => {
    for (const seed of ['1', '2']) {
      const { out } = await torchless([join(folder, `${format}.gguf`), PROMPT, '--seed', seed, '--quiet'])
      expectStory(out)
    }
  })
})
