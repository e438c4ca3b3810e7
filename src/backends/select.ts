// Every backend there is, which of them can be used here, and which one `auto` takes.
import { InvalidOptionError } from '../errors.ts'
import type { Backend, DeviceInfo } from './backend.ts'
import { referenceBackend } from './reference/reference.ts'

export type BackendName = 'reference'

/** One line of `listBackends`. */
export interface BackendInfo {
  readonly name: BackendName
  /** Undefined if it can be used, else why not. */
  readonly unusable: string | undefined
  readonly devices: readonly DeviceInfo[]
  /** Whether `auto` takes it. */
  readonly auto: boolean
}

/** Best first: `auto` takes the first that can be used. */
const backends: readonly { name: BackendName; open: () => Promise<Backend> }[] = [
  { name: 'reference', open: async () => referenceBackend() },
]

export const backendNames: readonly BackendName[] = backends.map(({ name }) => name)

/** Opens a backend by name, or the best that can be used here. */
export async function openBackend(name: BackendName | 'auto'): Promise<Backend> {
  if (name !== 'auto') {
    const found = backends.find(backend => backend.name === name)
    if (!found)
      throw new InvalidOptionError(`backend: expected ${[...backendNames, 'auto'].join(', ')}, found ${name}`)
    return found.open()
  }
  const reasons: string[] = []
  for (const backend of backends) {
    try {
      return await backend.open()
    } catch (error) {
      reasons.push(`${backend.name}: ${(error as Error).message}`)
    }
  }
  throw new InvalidOptionError(`no backend can be used: ${reasons.join('; ')}`)
}

/** Opens every backend for a moment and tells what it found. */
export async function listBackends(): Promise<BackendInfo[]> {
  const list: BackendInfo[] = []
  for (const { name, open } of backends) {
    try {
      const backend = await open()
      list.push({
        name,
        unusable: undefined,
        devices: [backend.device],
        auto: list.every(other => other.unusable !== undefined),
      })
      await backend.dispose()
    } catch (error) {
      list.push({ name, unusable: (error as Error).message, devices: [], auto: false })
    }
  }
  return list
}
