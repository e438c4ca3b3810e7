import { describe, expect, it } from 'vitest'
import { applied, editBlock } from '../../training/chat/block.ts'
import { codingSystem, fileMessage, ownMessage } from '../../training/chat/coding.ts'
import { edit, edits } from '../../training/chat/edits.ts'
import { heldOut } from '../../training/holdout.ts'
import { Random } from '../fixtures/random.ts'

/** Names of several words, which no language or piece of code has of itself. */
const made = /\b(?:[a-z]+(?:[A-Z][a-z]+)+|[a-z]+(?:_[a-z]+)+|[A-Z]+_[A-Z]+)\b/g
const given = new Set(['toString', 'ValueError'])

describe.each([false, true])('edits, unseen: %s', unseen => {
  const random = new Random(7)
  const edits = Array.from({ length: 1000 }, () => edit(random, unseen))

  it('are of every kind and language', () => {
    expect(new Set(edits.map(({ kind }) => kind)).size).toBe(6)
    expect(new Set(edits.map(({ language }) => language))).toEqual(new Set(['ts', 'js', 'python']))
  })

  it('have blocks that make the new file of the old one', () => {
    for (const { block, path, before, after } of edits) {
      expect(applied(block, path, before)).toBe(after)
      expect(after).not.toBe(before)
    }
  })

  it('leave no place of the code or of the request unfilled', () => {
    for (const { before, after, request } of edits) {
      for (const code of [before, after]) expect(code).not.toMatch(/\{\w+\}|undefined/)
      expect(request).not.toMatch(/\b[ABCF]\b|undefined/)
    }
  })

  it('have names that are all kept for judging, or all not', () => {
    for (const { before, after } of edits)
      for (const [name] of `${before}\n${after}`.matchAll(made))
        if (!given.has(name)) expect(heldOut(name), name).toBe(unseen)
  })

  it('stand whole in the message', () => {
    for (const one of edits) {
      const message = fileMessage(one, random)
      for (const part of [one.before, one.path, one.request]) expect(message).toContain(part)
    }
  })

  it('change loops to ones that visit each item once', () => {
    for (const { kind, language, before, after } of edits) {
      if (kind !== 'loop' || language === 'python') continue
      const visits = (code: string) =>
        [...code.matchAll(/let \w = (\d); \w (<=?) \w+\.length( - 1)?;/g)].map(([, from, compare, end]) =>
          [from, compare, end].join(' '),
        )
      expect(visits(after).every(loop => loop === '0 < ')).toBe(true)
      expect(visits(before).some(loop => loop !== '0 < ')).toBe(true)
    }
  })
})

it('several edits of one file each have a block that applies to it as it stands', () => {
  const random = new Random(9)
  const groups = Array.from({ length: 200 }, () => edits(random, false, 3))
  expect(Math.max(...groups.map(group => group.length))).toBe(3)
  for (const group of groups)
    for (const { block, path, before, after } of group) {
      expect([path, before]).toEqual([group[0]!.path, group[0]!.before])
      expect(applied(block, path, before)).toBe(after)
    }
})

it("torchless's own coding mode puts the file before what is asked", () => {
  const random = new Random(10)
  const made = edit(random, true)
  const message = ownMessage(made, random)
  expect(message.startsWith(`${made.path}\n\`\`\`\n${made.before}\n\`\`\`\n\n`)).toBe(true)
  expect(message).toContain(`@${made.path}`)
})

it('a block takes lines before it until it stands once', () => {
  const before = 'a\nx = 1\nb\nx = 1\nc'
  expect(editBlock('f', before, 'a\nx = 1\nb\nx = 2\nc')).toBe(
    'f\n<<<<<<< SEARCH\nb\nx = 1\n=======\nb\nx = 2\n>>>>>>> REPLACE',
  )
  expect(editBlock('f', before, before)).toBeUndefined()
})

it.each([
  ['another path', 'g\n<<<<<<< SEARCH\nb\n=======\nd\n>>>>>>> REPLACE'],
  ['lines that are not there', 'f\n<<<<<<< SEARCH\n b\n=======\nd\n>>>>>>> REPLACE'],
  ['lines that are there twice', 'f\n<<<<<<< SEARCH\na\n=======\nd\n>>>>>>> REPLACE'],
  ['words around it', 'Here:\nf\n<<<<<<< SEARCH\nb\n=======\nd\n>>>>>>> REPLACE'],
  ['a marker missing', 'f\n<<<<<<< SEARCH\nb\nd\n>>>>>>> REPLACE'],
])('%s is no block that applies', (_, block) => {
  expect(applied(block, 'f', 'a\nb\na')).toBeUndefined()
})

it('the instructions of coding mode are many, and sometimes none', () => {
  const random = new Random(8)
  const systems = new Set(Array.from({ length: 300 }, () => codingSystem(random)))
  expect(systems.has(undefined)).toBe(true)
  expect(systems.size).toBeGreaterThan(20)
})
