// The package as users get it: packed, installed into an empty folder, used from there. Runs what `npm test` built.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { llamaGoldens } from '../fixtures/load.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'

const clone = fileURLToPath(new URL('../..', import.meta.url))
const home = temporaryFolder()
const installed = join(home, 'node_modules', 'torchless')
const golden = llamaGoldens().greedy[0]!
const tsc = join(clone, 'node_modules', 'typescript', 'bin', 'tsc')
const nodeTypes = join(clone, 'node_modules', '@types')
const nodenext = ['--module', 'nodenext', '--moduleResolution', 'nodenext']
const bundler = ['--module', 'preserve', '--moduleResolution', 'bundler']
const run = promisify(execFile)

const program = `
import { type Chat, type Finish, type GenerateOptions, inspectModel, loadModel, loadTokenizer, type LoadOptions, type Model,
  type ModelInspection, perplexity, type Reply, type Session, type Tokenizer, TorchlessError, type Usage } from 'torchless'

const loading: LoadOptions = { backend: 'auto', maxSeqLen: 64 }
const options: GenerateOptions = { temperature: 0, stop: ['a'], signal: new AbortController().signal }
const model: Model = await loadModel(new URL('file:///model.gguf'), loading)
const generation = model.generate('Once', options)
for await (const piece of generation) piece satisfies string
const [finish, usage]: [Finish, Usage] = [generation.finish, generation.usage]
const session: Session = model.session().fork()
const logits = await session.feed([1], { want: { top: 3 } })
const values: Float32Array = logits.values
const tokenizer: Tokenizer = await loadTokenizer('model.gguf')
const inspection: ModelInspection = await inspectModel(new Blob([]))
const found: number = (await perplexity(model, 'text')).perplexity
const chat: Chat = model.chat({ system: 'Be brief.' })
const reply: Reply = await chat.send('Hello', { maxTokens: 3 })
const value: unknown = await model.generate('Once', { schema: { type: 'null' } }).value()
for await (const piece of chat.retry()) if ('text' in piece) piece.text satisfies string
chat[Symbol.dispose]()
const error: Error = new TorchlessError('message')
await model[Symbol.asyncDispose]()
export { error, finish, found, inspection, reply, tokenizer, usage, value, values }
// @ts-expect-error: types are there, so that a wrong one is found.
await loadModel(5)
// @ts-expect-error: and so is a wrong option.
model.generate('Once', { topk: 1 })
`

let model: string
let packed: { filename: string; size: number; files: { path: string }[] }

beforeAll(async () => {
  model = await fixtureFile(home, golden.model)
  await writeFile(join(home, 'package.json'), '{ "name": "consumer", "private": true }')
  const { stdout } = await npm('npm', clone, 'pack', '--ignore-scripts', '--json', '--pack-destination', home)
  packed = JSON.parse(stdout)[0]
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await npm('npm', home, 'install', ...quiet, join(home, packed.filename))
})

function npm(name: 'npm' | 'npx', cwd: string, ...args: string[]) {
  // On Windows they are scripts, which a shell has to run, and a shell takes arguments apart.
  const shell = process.platform === 'win32'
  return run(name, shell ? args.map(argument => `"${argument}"`) : args, { cwd, shell })
}

function node(cwd: string, ...args: string[]) {
  return run(process.execPath, args, { cwd, env: { ...process.env, NO_COLOR: '1' } })
}

describe('the package holds', () => {
  test('what runs, and what is to be read', () => {
    const paths = packed.files.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        'models/torchless-tiny.gguf',
      ]),
    )
    expect(
      paths.filter(path => !/^(dist\/|native\/|models\/|package\.json$|README\.md$|LICENSE$)/.test(path)),
    ).toEqual([])
    expect(paths.filter(path => /\.test\.|(^|\/)test\/|fixture|tsbuildinfo/.test(path))).toEqual([])
  })

  test('less than 6 MB, most of them the built-in model', () => {
    expect(packed.size).toBeLessThan(6e6)
  })
})

describe('the command', () => {
  test('says its version', async () => {
    const { version } = JSON.parse(await readFile(join(clone, 'package.json'), 'utf8'))
    expect((await npm('npx', home, '--no-install', 'torchless', '--version')).stdout).toBe(`${version}\n`)
  })

  test('writes what that of the clone writes', async () => {
    const args = [model, golden.prompt, '--temperature', '0', '--max-tokens', `${golden.tokens.length}`]
    const here = await npm('npx', home, '--no-install', 'torchless', ...args)
    const there = await node(clone, 'dist/cli/main.js', ...args)
    expect(here.stdout).toBe(there.stdout)
    expect(here.stdout).toBe(`${golden.prompt}${golden.text}\n`)
  })
})

describe('the library', () => {
  const script = (model: string) => `
    import { loadModel } from 'torchless'
    const model = await loadModel(${JSON.stringify(model)})
    const options = { temperature: 0, maxTokens: ${golden.tokens.length} }
    for await (const piece of model.generate(${JSON.stringify(golden.prompt)}, options)) process.stdout.write(piece)
    await model.dispose()
  `

  test('generates text where it is installed', async () => {
    expect((await node(home, '--input-type=module', '-e', script(model))).stdout).toBe(golden.text)
  })

  test('generates text by its own name in the clone', async () => {
    expect((await node(clone, '--input-type=module', '-e', script(model))).stdout).toBe(golden.text)
  })

  test('shows its manifest, and nothing that is not for users', async () => {
    const load = (name: string) =>
      node(home, '--input-type=module', '-e', `console.log(import.meta.resolve('${name}'))`)
    await expect(load('torchless/package.json')).resolves.toBeDefined()
    await expect(load('torchless/dist/api/model.js')).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })
})

describe('types are whole', () => {
  test('for a program of Node', () =>
    checkTypes(
      ...nodenext,
      '--target',
      'es2022',
      '--lib',
      'es2023',
      '--types',
      'node',
      '--typeRoots',
      nodeTypes,
    ))

  test('for a bundler', () => checkTypes(...bundler, '--lib', 'es2023,dom,esnext.disposable'))
})

test('types are whole without any settings', () => checkTypes(...nodenext))

test('no source map leads nowhere', async () => {
  const lost: string[] = []
  const entries = await readdir(join(installed, 'dist'), { recursive: true })
  for (const path of entries.filter(name => name.endsWith('.map'))) {
    const file = join(installed, 'dist', path)
    const { sources, sourcesContent } = JSON.parse(await readFile(file, 'utf8'))
    for (const [i, source] of (sources as string[]).entries())
      if (!sourcesContent?.[i] && !existsSync(resolve(dirname(file), source))) lost.push(source)
  }
  expect(lost).toEqual([])
})

/** Compiles a program that uses the package, and its declarations with it. */
async function checkTypes(...flags: string[]) {
  await writeFile(join(home, 'consumer.mts'), program)
  const usual = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', 'false']
  const answer = await node(home, tsc, ...usual, ...flags, 'consumer.mts').catch(error => error)
  expect(answer.stdout).toBe('')
}
