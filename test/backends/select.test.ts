// Which backend is taken, and what is said of those that cannot be. The backends themselves are fakes here.
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { cpuBackend } from '../../src/backends/cpu/cpu.ts'
import { referenceBackend } from '../../src/backends/reference/reference.ts'
import { type BackendName, backendNames, listBackends, openBackend } from '../../src/backends/select.ts'
import { BackendUnavailableError, InvalidOptionError } from '../../src/errors.ts'

vi.mock(import('../../src/backends/cpu/cpu.ts'), () => ({ cpuBackend: vi.fn<typeof cpuBackend>() }))
vi.mock(import('../../src/backends/reference/reference.ts'), () => ({
  referenceBackend: vi.fn<typeof referenceBackend>(),
}))

function fake(name: BackendName): Backend {
  const compile = () => Promise.reject(new Error('a fake compiles nothing'))
  const device = { name: `a ${name}`, memory: 1024 }
  return { name, device, stepTokens: 1, compile, dispose: vi.fn(async () => {}) }
}

const [cpu, reference] = [fake('cpu'), fake('reference')]
const unavailable = new BackendUnavailableError('no compiler')

beforeEach(() => {
  vi.clearAllMocks()
  vi.mocked(cpuBackend).mockResolvedValue(cpu)
  vi.mocked(referenceBackend).mockReturnValue(reference)
})

describe('openBackend', () => {
  test('opens what is named, and nothing else', async () => {
    expect(await openBackend('reference')).toBe(reference)
    expect(cpuBackend).not.toHaveBeenCalled()
    const options = { threads: 3 }
    expect(await openBackend('cpu', options)).toBe(cpu)
    expect(cpuBackend).toHaveBeenCalledWith(options)
  })

  test('takes no other in place of what is named', async () => {
    vi.mocked(cpuBackend).mockRejectedValue(unavailable)
    await expect(openBackend('cpu')).rejects.toBe(unavailable)
  })

  test('refuses a name that does not exist, with those that do', async () => {
    const error = await openBackend('abacus' as BackendName).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toContain(`expected ${backendNames.join(', ')}, auto, found abacus`)
  })
})

describe('auto', () => {
  test('is the cpu, without a word', async () => {
    const notice = vi.fn()
    expect(await openBackend('auto', { threads: 3, notice })).toBe(cpu)
    expect(cpuBackend).toHaveBeenCalledWith({ threads: 3, notice })
    expect(notice).not.toHaveBeenCalled()
  })

  test('is the next that can be used, and says why', async () => {
    vi.mocked(cpuBackend).mockRejectedValue(unavailable)
    const notice = vi.fn()
    expect(await openBackend('auto', { notice })).toBe(reference)
    expect(notice.mock.calls).toEqual([[expect.stringMatching(/cpu: no compiler.*reference.*slow/)]])
    expect(await openBackend('auto')).toBe(reference)
  })

  test('hides no mistake of the user', async () => {
    const mistake = new InvalidOptionError('TORCHLESS_CPU: expected avx2, found avx3')
    vi.mocked(cpuBackend).mockRejectedValue(mistake)
    await expect(openBackend('auto')).rejects.toBe(mistake)
  })

  test('tells of each why it cannot be used, if none can', async () => {
    vi.mocked(cpuBackend).mockRejectedValue(unavailable)
    vi.mocked(referenceBackend).mockImplementation(() => {
      throw new BackendUnavailableError('no memory')
    })
    const error = await openBackend('auto').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BackendUnavailableError)
    expect(String(error)).toContain('cpu: no compiler; reference: no memory')
  })
})

describe('listBackends', () => {
  const referenceLine = { name: 'reference', unusable: undefined, devices: [reference.device] }

  test('tells of all, and which one `auto` takes', async () => {
    const list = await listBackends()
    expect(list.map(({ name }) => name)).toEqual(backendNames)
    expect(list).toContainEqual({ name: 'cpu', unusable: undefined, devices: [cpu.device], auto: true })
    expect(list).toContainEqual({ ...referenceLine, auto: false })
  })

  test('tells why one cannot be used', async () => {
    vi.mocked(cpuBackend).mockRejectedValue(unavailable)
    const list = await listBackends()
    expect(list).toContainEqual({ name: 'cpu', unusable: 'no compiler', devices: [], auto: false })
    expect(list).toContainEqual({ ...referenceLine, auto: true })
  })

  test('disposes what it opens', async () => {
    await listBackends()
    expect(cpu.dispose).toHaveBeenCalledOnce()
    expect(reference.dispose).toHaveBeenCalledOnce()
  })
})
