// What is said of models that do not fit.
import { describe, expect, test } from 'vitest'
import { checkFit, type Fit } from '../../src/api/memory.ts'
import { InsufficientMemoryError } from '../../src/errors.ts'
import { openModel } from '../../src/formats/readers.ts'
import { bytesSource } from '../../src/io/source.ts'
import { recordModel } from '../../src/models/registry.ts'
import { fixtureBytes } from '../fixtures/models.ts'

const beside = { open: () => Promise.reject(new Error('one file is all there is')), names: async () => [] }
const file = await openModel(bytesSource('plain', await fixtureBytes('plain')), beside)
const { program } = recordModel(file.metadata, file.tensors)
const MIB = 2 ** 20
/** Keys and values of 2 layers, 2 heads of 16 numbers, 2 bytes each. */
const kvPerToken = 2 * 2 * 2 * 16 * 2

function needs(memory: Partial<Fit['memory']>, maxSeqLen?: number): Fit {
  const usual = { weights: 1000 * MIB, results: 100 * MIB, leastLazy: 50 * MIB, available: 2000 * MIB }
  return { name: 'm.gguf', program, memory: { ...usual, ...memory }, kvDType: 'f16', maxSeqLen }
}

function refusal(of: Fit): InsufficientMemoryError {
  try {
    checkFit(of)
  } catch (error) {
    expect(error).toBeInstanceOf(InsufficientMemoryError)
    return error as InsufficientMemoryError
  }
  throw new Error('expected a refusal')
}

describe('fits', () => {
  test('what takes no more than there is', () => {
    checkFit(needs({ available: 1100 * MIB }))
    checkFit(needs({ available: 1100 * MIB + 4096 * kvPerToken }, 4096))
  })
})

describe('does not fit', () => {
  test('and lazy mode would', () => {
    const { message, needed, available } = refusal(needs({ available: 900 * MIB }))
    expect(message).toBe(
      'm.gguf: needs 1100 MiB of memory (weights 1000 MiB, results 100 MiB, context 0 MiB), but 900 MiB are available; ' +
        'what would fit: lazy mode with 800 MiB for weights',
    )
    expect([needed, available]).toEqual([1100 * MIB, 900 * MIB])
  })

  test('for its context, and a smaller one would', () => {
    const { message } = refusal(
      needs({ available: 1100 * MIB + 5000 * kvPerToken, leastLazy: 2000 * MIB }, 8192),
    )
    expect(message).toMatch(/what would fit: a context of 5000 tokens$/)
  })

  test('though it is lazy, and less memory for weights would do', () => {
    const { message } = refusal(needs({ available: 700 * MIB, leastLazy: undefined }))
    expect(message).toMatch(/what would fit: less memory for weights: at most 600 MiB$/)
  })

  test('in any way', () => {
    expect(refusal(needs({ available: 90 * MIB })).message).toMatch(/no setting would make it fit$/)
    expect(refusal(needs({ available: 140 * MIB })).message).toMatch(/no setting would make it fit$/)
  })
})
