// Lazy weights on conformance cases and families.
import { describe, expect, test } from 'vitest'
import { leastLazyMemory } from '../../../src/backends/cpu/lazy-plan.ts'
import { openModel } from '../../../src/formats/readers.ts'
import { loadModel } from '../../../src/index.ts'
import { openFile } from '../../../src/io/file.ts'
import { recordModel } from '../../../src/models/registry.ts'
import { unitCases } from '../../conformance/cases/all.ts'
import { familyNames } from '../../fixtures/families.ts'
import { fixtureFile, temporaryFolder } from '../../support/fixture-file.ts'
import { sameDigits } from './lazy-digits.ts'

const folder = temporaryFolder()

/** Every so manieth case: each writes a file and reads it in small pieces, several times. */
const EVERY = 5
const cases = unitCases.filter((_, i) => i % EVERY === 0)

describe('lazy weights give the same digits: operations', () => sameDigits(folder, cases))

describe('lazy weights give the same digits: families', () => {
  test.each(familyNames)('%s', async name => {
    const path = await fixtureFile(folder, name)
    const ids = [1, 20, 30, 40, 50, 60, 70]
    await using eager = await loadModel(path, { backend: 'cpu' })
    const expected = await eager.logits(ids, { rows: 'all' })
    const file = await openModel(await openFile(path), { open: openFile, names: async () => [] })
    const { program } = recordModel(file.metadata, file.tensors)
    await file.close()
    const least = leastLazyMemory(program)
    for (const lazyMemory of [least, 2 * least]) {
      await using lazy = await loadModel(path, { backend: 'cpu', lazy: true, lazyMemory })
      expect(await lazy.logits(ids, { rows: 'all' })).toEqual(expected)
    }
  })
})
