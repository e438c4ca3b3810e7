// Saved conversations: what is written is read, and nothing else.
import { describe, expect, test } from 'vitest'
import { formatSave, parseSave, type SavedChat } from '../../src/chat/save.ts'
import { ModelFormatError } from '../../src/errors.ts'

const saved: SavedChat = {
  model: 'tiny.gguf',
  system: 'Be brief.',
  messages: [
    { role: 'user', content: 'Why?' },
    { role: 'assistant', content: 'Because "so".\n', thinking: 'hm 🙂' },
  ],
  settings: { temperature: 0.5, showThinking: true },
}
const text = formatSave(saved)

test('what is written is read', () => {
  expect(parseSave(text, 'a.json')).toEqual(saved)
  expect(parseSave(formatSave({ model: 'm', messages: [] }), 'a.json').messages).toEqual([])
})

describe('refused, with the reason', () => {
  test.each([
    ['no JSON', text.slice(0, -4), 'JSON'],
    ['another file', '{"name":"x"}', '"torchless chat"'],
    ['a list', '[]', 'format'],
    ['nothing', 'null', 'format'],
    ['a newer version', text.replace('"version": 1', '"version": 2'), 'expected 1, found 2'],
    ['a role that nobody has', text.replace('"user"', '"wizard"'), 'messages.0.role'],
    ['a message without a role', text.replace('"role": "user",', ''), 'messages.0.role'],
    [
      'messages that are none',
      text.replace(/"messages": \[[\s\S]*\],\n {2}"settings"/, '"messages": 3, "settings"'),
      'messages',
    ],
    ['content that is a number', text.replace('"Why?"', '7'), 'messages.0.content'],
    ['a key of another program', text.replace('"model"', '"extra": 1, "model"'), 'extra'],
    [
      'brackets without end',
      text.replace('"Why?"', `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
      'messages.0.content',
    ],
    ['settings that are texts', text.replace('0.5', '"hot"'), 'settings.temperature'],
  ])('%s', (_, damaged, words) => {
    expect(() => parseSave(damaged, 'a.json')).toThrow(ModelFormatError)
    expect(() => parseSave(damaged, 'a.json')).toThrow(words)
  })
})

test('whatever is changed in it, it is read or refused', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed % below
  }
  let refused = 0
  for (let i = 0; i < 3000; i++) {
    const at = random(text.length)
    const damaged = [
      text.slice(0, at) + text.slice(at + 1 + random(20)),
      text.slice(0, at) + String.fromCharCode(random(128)) + text.slice(at + 1),
      text.slice(0, at) + text.slice(random(text.length)),
    ][i % 3]!
    try {
      parseSave(damaged, 'a.json')
    } catch (error) {
      expect(error).toBeInstanceOf(ModelFormatError)
      refused++
    }
  }
  expect(refused).toBeGreaterThan(1000)
})
