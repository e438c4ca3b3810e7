// Which turns of a conversation a prompt has room for.
import { describe, expect, test } from 'vitest'
import { firstThatFits, turnStarts } from '../../src/chat/turns.ts'

const of = (roles: string) =>
  [...roles].map((role, i) => ({ role: { u: 'user', a: 'assistant', t: 'tool' }[role]!, content: `${i}` }))

test.each([
  ['', []],
  ['ua', [0]],
  ['uaua', [0, 2]],
  ['uatatua', [0, 5]],
  ['aua', [1]],
  ['uuaua', [0, 3]],
])('turns of %s begin at %j', (roles, starts) => expect(turnStarts(of(roles))).toEqual(starts))

describe('the first message that there is room for', () => {
  test.each([
    [20, 0],
    [8, 0],
    [7, 2],
    [6, 2],
    [5, 4],
    [2, 6],
    [1, 6],
    [0, 6],
  ])('of 8 messages with room for %i', (room, expected) => {
    expect(firstThatFits(of('uauauaua'), 0, messages => messages.length <= room)).toBe(expected)
  })

  test('none that is out already comes back', () => {
    expect(firstThatFits(of('uauaua'), 2, () => true)).toBe(2)
    expect(firstThatFits(of('uauaua'), 2, messages => messages.length <= 2)).toBe(4)
  })

  test('a single turn stays', () => {
    expect(firstThatFits(of('uata'), 0, () => false)).toBe(0)
    expect(firstThatFits([], 0, () => false)).toBe(0)
  })

  test('a thousand turns take few prompts', () => {
    let asked = 0
    const first = firstThatFits(of('ua'.repeat(1000)), 0, messages => {
      asked++
      return messages.length <= 30
    })
    expect(first).toBe(1970)
    expect(asked).toBeLessThan(13)
  })
})
