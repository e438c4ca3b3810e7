// Coding mode keeps a model that means something else on lines of its files.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SendOptions } from '../../src/api/chat.ts'
import type { CodingOptions } from '../../src/api/coding.ts'
import { CodingSession, InvalidOptionError, loadModel } from '../../src/index.ts'
import { scriptedModel } from '../fixtures/scripted.ts'

const text = 'let a = 1\nlet b = 2\n'
const block = (path: string, search: string) =>
  `${path}\n<<<<<<< SEARCH\n${search}=======\nlet b = 3\n>>>>>>> REPLACE\n`

/** What comes of a message to a model that wants to say this. */
async function answered(reply: string, options: CodingOptions = {}, send: SendOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'torchless-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'a.ts'), text)
  const model = await loadModel(new Blob([Uint8Array.from(await scriptedModel([reply]))]))
  onTestFinished(() => model.dispose())
  const chat = model.chat({ temperature: 0 })
  const session = new CodingSession(chat, { folder, state: folder, repairs: 0, ...options })
  const { replies, reviews } = await session.send('Change @a.ts', { maxTokens: 60, ...send })
  return { session, said: replies[0]!, review: reviews[0]! }
}

describe('a block', () => {
  test('with lines of the file is written as it is, whatever is drafted', async () => {
    const { said, session } = await answered(block('a.ts', 'let b = 2\n'))
    expect(said.text).toBe(block('a.ts', 'let b = 2\n'))
    expect(session.edits.map(({ after }) => after)).toEqual(['let a = 1\nlet b = 3\n'])
    // This model has tokens of whole lines, which no text is cut into.
    expect(said.usage.drafted).toBeGreaterThan(0)
    expect(said.usage.accepted).toBe(0)
  })

  test('with lines that are not in the file is not written', async () => {
    const wrong = block('a.ts', 'let b = 22\n')
    const { said, review } = await answered(wrong)
    expect(said.text.startsWith('a.ts\n<<<<<<< SEARCH\nlet ')).toBe(true)
    expect(said.text).not.toContain('let b = 22')
    expect(review.rejected).toEqual([])
    const free = await answered(wrong, { constrained: false })
    expect(free.said.text).toBe(wrong)
    expect(free.review.rejected).toHaveLength(1)
    expect(free.said.usage.drafted).toBe(0)
  })

  test('of a file that was not named is not written', async () => {
    const wrong = block('b.ts', 'let b = 2\n')
    expect((await answered(wrong)).said.text).not.toContain('<<<')
    expect((await answered(wrong, { format: 'whole' })).said.text).toBe(wrong)
  })
})

test('an answer in a form of its own is none with edits', async () => {
  const { said } = await answered(block('a.ts', 'let b = 2\n'), {}, { grammar: 'root ::= "let b = 2\\n"' })
  expect(said.text).toBe('let b = 2\n')
})

test('a bound and a grammar are one too many', async () => {
  const constraint = () => ({ allowed: () => undefined, accept: () => {} })
  const both = answered('x', {}, { grammar: 'root ::= "x"', constraint })
  await expect(both).rejects.toThrow(InvalidOptionError)
})
