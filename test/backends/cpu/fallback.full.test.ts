// The command where the native library is not there, and where a level or threads are asked for.
import { cp, mkdir, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { nativeLibrary } from '../../../src/ffi/library.ts'
import { llamaGoldens } from '../../fixtures/load.ts'
import { torchless } from '../../support/command.ts'
import { fixtureFile, temporaryFolder } from '../../support/fixture-file.ts'

const folder = temporaryFolder()
const golden = llamaGoldens().greedy[0]!
const greedy = ['--temperature', '0', '--max-tokens', String(golden.tokens.length), '--no-echo']
const { runnable } = await nativeLibrary()
let model: string

beforeAll(async () => {
  model = await fixtureFile(folder, golden.model)
})

describe('without a native library and without a compiler', () => {
  const home = join(folder, 'package')
  const bare = { CXX: '/nonexistent/c++', XDG_CACHE_HOME: join(folder, 'cache'), TORCHLESS_CPU: '' }

  beforeAll(async () => {
    await mkdir(home)
    for (const part of ['dist', 'native', 'package.json'])
      await cp(resolve(part), join(home, part), { recursive: true })
    await symlink(resolve('node_modules'), join(home, 'node_modules'))
  })

  it('the reference backend answers, and one line says why that is slow', async () => {
    const { code, out, err } = await torchless([model, golden.prompt, ...greedy], { home, env: bare })
    expect(out).toBe(`${golden.text}\n`)
    expect(code).toBe(0)
    const warnings = err.split('\n').filter(line => line.startsWith('warning:'))
    expect(warnings).toEqual([expect.stringMatching(/no C\+\+ compiler was found.*reference.*slow/)])
  })

  it('asked for by name, the cpu backend says what is missing', async () => {
    const { code, err } = await torchless([model, 'x', '--backend', 'cpu'], { home, env: bare })
    expect(err).toMatch(/^error: .*no C\+\+ compiler was found.*\n$/)
    expect(code).toBe(1)
  })

  it('--list-backends says so, too', async () => {
    const { out } = await torchless(['--list-backends'], { home, env: bare })
    expect(out).toMatch(/cpu: not usable: .*no C\+\+ compiler.*\nreference: usable, taken by auto/)
  })

  it('with a compiler, the level is built into the cache folder at first use', {
    timeout: 240_000,
  }, async () => {
    const cache = { ...bare, CXX: process.env.CXX ?? 'g++', TORCHLESS_CPU: 'portable' }
    const first = await torchless([model, golden.prompt, ...greedy, '--backend', 'cpu'], { home, env: cache })
    expect(first).toMatchObject({ code: 0, out: `${golden.text}\n` })
    expect(first.err).toMatch(/warning: building the native library.*once/)
    const second = await torchless([model, golden.prompt, ...greedy, '--backend', 'cpu'], {
      home,
      env: cache,
    })
    expect(second).toMatchObject({ code: 0, out: `${golden.text}\n` })
    expect(second.err).not.toMatch(/building/)
  })
})

describe('levels and threads', () => {
  it.each(runnable)('TORCHLESS_CPU=%s says the same', async level => {
    const { code, out } = await torchless([model, golden.prompt, ...greedy], {
      env: { TORCHLESS_CPU: level },
    })
    expect({ code, out }).toEqual({ code: 0, out: `${golden.text}\n` })
  })

  it.each(['1', '3'])('--threads %s says the same', async threads => {
    const { code, out } = await torchless([model, golden.prompt, ...greedy, '--threads', threads])
    expect({ code, out }).toEqual({ code: 0, out: `${golden.text}\n` })
  })

  it('a level that there is not', async () => {
    const { code, err } = await torchless([model, 'x'], { env: { TORCHLESS_CPU: 'abacus' } })
    expect(err).toMatch(/^error: TORCHLESS_CPU: expected portable, .*, found abacus\n$/)
    expect(code).toBe(2)
  })

  it('no threads', async () => {
    const { code, err } = await torchless([model, 'x', '--threads', '0'])
    expect(err).toMatch(/^error: .*--threads.*\n$/)
    expect(code).toBe(2)
  })
})
