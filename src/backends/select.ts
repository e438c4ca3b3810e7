// Every backend there is, which of them can be used here, and which one `auto` takes.
import { BackendUnavailableError, InvalidOptionError } from '../errors.ts'
import type { Backend, DeviceInfo } from './backend.ts'
import { cpuBackend } from './cpu/cpu.ts'
import { referenceBackend } from './reference/reference.ts'

export type BackendName = 'cpu' | 'reference'

/** One line of `listBackends`. */
export interface BackendInfo {
  readonly name: BackendName
  /** Undefined if it can be used, else why not. */
  readonly unusable: string | undefined
  readonly devices: readonly DeviceInfo[]
  /** Whether `auto` takes it. */
  readonly auto: boolean
}

export interface BackendOptions {
  /** CPU threads that compute. Default: the backend's choice. */
  readonly threads?: number | undefined
  /** Bytes of memory for weights, which otherwise stay on disk. Default: all weights in memory. */
  readonly lazyMemory?: number | undefined
  /** Whether CPU threads stay on the NUMA node that their part of the weights lies on. */
  readonly numa?: boolean | undefined
  /** Told, in one line each, what a user should know: that a slow backend runs, that something is being built. */
  readonly notice?: ((line: string) => void) | undefined
}

/** Best first: `auto` takes the first that can be used. */
const backends: readonly {
  readonly name: BackendName
  readonly open: (options: BackendOptions) => Promise<Backend>
}[] = [
  { name: 'cpu', open: cpuBackend },
  { name: 'reference', open: openReference },
]

async function openReference({ lazyMemory }: BackendOptions): Promise<Backend> {
  if (lazyMemory !== undefined)
    throw new BackendUnavailableError('the reference backend holds all weights in memory: it cannot be lazy')
  return referenceBackend()
}

export const backendNames: readonly BackendName[] = backends.map(({ name }) => name)

/**
 * Opens a backend by name, or the best that can be used here. Rejects with BackendUnavailableError where the one that
 * was named cannot be used.
 */
export async function openBackend(
  name: BackendName | 'auto',
  options: BackendOptions = {},
): Promise<Backend> {
  if (name !== 'auto') {
    const found = backends.find(backend => backend.name === name)
    if (!found)
      throw new InvalidOptionError(`backend: expected ${[...backendNames, 'auto'].join(', ')}, found ${name}`)
    return found.open(options)
  }
  const reasons: string[] = []
  for (const backend of backends) {
    try {
      const opened = await backend.open(options)
      if (reasons.length > 0)
        options.notice?.(`${reasons.join('; ')}; so the ${backend.name} backend runs, which is slow`)
      return opened
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error
      reasons.push(`${backend.name}: ${error.message}`)
    }
  }
  throw new BackendUnavailableError(`no backend can be used: ${reasons.join('; ')}`)
}

/** Opens every backend for a moment and tells what it found. */
export async function listBackends(): Promise<BackendInfo[]> {
  const list: BackendInfo[] = []
  for (const { name, open } of backends) {
    let backend: Backend
    try {
      backend = await open({})
    } catch (error) {
      list.push({ name, unusable: (error as Error).message, devices: [], auto: false })
      continue
    }
    const auto = list.every(other => other.unusable !== undefined)
    list.push({ name, unusable: undefined, devices: [backend.device], auto })
    await backend.dispose()
  }
  return list
}
