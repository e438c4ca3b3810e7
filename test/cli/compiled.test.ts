import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compiledScript } from '../../src/cli/compiled.ts'

const windows = process.platform === 'win32'
let home: string
let path: string
let folder: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'torchless-compiled-'))
  path = join(home, 'script.js')
  folder = join(home, 'cache', 'compiled')
  await install('first')
})

afterEach(() => rm(home, { recursive: true }))

/** A script that leaves a word, by a function that is compiled when it is called, and what it was given. */
function scriptOf(word: string): string {
  return `(function (require, __filename) {
    function leave() { globalThis.left = [${JSON.stringify(word)}, __filename, require('node:path').sep] }
    leave()
  })`
}

/** As packages are installed: whatever the clock says, another file. */
async function install(word: string): Promise<void> {
  await writeFile(`${path}.new`, scriptOf(word))
  await rename(`${path}.new`, path)
}

/** Runs the script, keeps what was compiled; whether anything had been. */
function run(word = 'first'): boolean {
  const script = compiledScript(path, folder)
  script.run()
  script.keep()
  expect((globalThis as { left?: unknown }).left).toEqual([word, path, windows ? '\\' : '/'])
  return script.kept
}

async function files(): Promise<string[]> {
  return (await readdir(folder)).map(name => join(folder, name))
}

describe('a compiled script', () => {
  test('is kept for the next process, in one file that nobody else reads', async () => {
    expect(run()).toBe(false)
    expect(await files()).toHaveLength(1)
    if (!windows) expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect(run()).toBe(true)
  })

  test('means what its text says, whatever the characters', async () => {
    const text = "(() => { globalThis.left = [/[^▁]▁/.test('a▁b'), /[一-龯]/.test('é'), String.raw`…`] })"
    await writeFile(path, text)
    for (const kept of [false, true]) {
      const script = compiledScript(path, folder)
      script.run()
      script.keep()
      expect((globalThis as { left?: unknown }).left).toEqual([true, false, '…'])
      expect(script.kept).toBe(kept)
    }
  })

  test('runs where nothing can be kept', () => {
    const script = compiledScript(path, undefined)
    script.run()
    script.keep()
    expect((globalThis as { left?: unknown }).left).toEqual(['first', path, windows ? '\\' : '/'])
    expect(script.kept).toBe(false)
  })

  test('is written anew only when there is notably more of it', async () => {
    const functions = Array.from({ length: 50 }, (_, i) => `function (x) { return x * x + ${i} * x }`)
    await writeFile(path, `(() => { for (const f of [${functions}]) if (globalThis.all) f(1) })`)
    const keep = (all: boolean) => {
      Object.assign(globalThis, { all })
      const script = compiledScript(path, folder)
      script.run()
      script.keep()
      return script.kept
    }
    expect(keep(false)).toBe(false)
    const [file] = await files()
    const before = await stat(file!)
    expect(keep(false)).toBe(true)
    expect((await stat(file!)).ino).toBe(before.ino)
    expect(keep(true)).toBe(true)
    const after = await stat(file!)
    expect(after.size).toBeGreaterThan(1.1 * before.size)
    expect(keep(false)).toBe(true)
    expect((await stat(file!)).size).toBe(after.size)
  })

  test('is compiled anew when its text is another of the same length', async () => {
    run()
    await install('other')
    expect(run('other')).toBe(false)
    expect(run('other')).toBe(true)
  })

  test('is compiled anew, and kept again, when the file is damaged in any place', async () => {
    run()
    const [file] = await files()
    const whole = await readFile(file!)
    for (let at = 0; at < whole.length; at += 97) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x10
      await writeFile(file!, damaged)
      expect(run()).toBe(false)
    }
    for (const length of [0, 10, 32, 100, whole.length - 1]) {
      await writeFile(file!, whole.subarray(0, length))
      expect(run()).toBe(false)
    }
    expect(run()).toBe(true)
  })

  test('is never taken from the file of another script', async () => {
    run()
    const [file] = await files()
    const foreign = await readFile(file!)
    await rm(file!)
    await install('other')
    run('other')
    await writeFile((await files())[0]!, foreign)
    expect(run('other')).toBe(false)
  })

  test.skipIf(windows)('is not taken from a folder that others can write, nor through a link', async () => {
    run()
    await chmod(folder, 0o770)
    expect(run()).toBe(false)
    await chmod(folder, 0o700)
    expect(run()).toBe(true)
    const real = folder
    folder = join(home, 'link')
    await symlink(real, folder)
    expect(run()).toBe(false)
  })

  test('does not need a folder', async () => {
    await writeFile(join(home, 'cache'), 'a file')
    expect(run()).toBe(false)
    expect(run()).toBe(false)
  })

  test('leaves four files at most', async () => {
    for (const word of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await install(word)
      run(word)
    }
    expect(await files()).toHaveLength(4)
    expect(run('f')).toBe(true)
  })
})
