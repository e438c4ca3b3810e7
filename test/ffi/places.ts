// Folders for tests of builds: a small set of native sources, which compile in seconds, and empty places around it.
import { copyFile, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Places } from '../../src/ffi/library.ts'
import { nativeSources } from '../../src/ffi/paths.ts'

export interface TestPlaces extends Places {
  readonly folder: string
  remove(): Promise<void>
}

/** Detection and the system's calls, without any kernels. */
export async function testPlaces(env: NodeJS.ProcessEnv = {}): Promise<TestPlaces> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'torchless-native-')))
  const sources = join(folder, 'native')
  await mkdir(sources)
  await mkdir(join(folder, 'empty'))
  for (const name of (await readdir(nativeSources)).filter(name => /^(os\b|os_|detect\.)/.test(name)))
    await copyFile(join(nativeSources, name), join(sources, name))
  const { TORCHLESS_CPU: _, ...rest } = process.env
  return {
    folder,
    sources,
    installed: new Map(),
    builds: join(folder, 'builds'),
    cache: join(folder, 'cache'),
    env: { ...rest, ...env },
    remove: () => rm(folder, { recursive: true }),
  }
}

/** An environment in which no compiler is found. */
export function withoutCompiler(places: TestPlaces): NodeJS.ProcessEnv {
  return { PATH: join(places.folder, 'empty') }
}
