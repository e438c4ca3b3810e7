import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { answers, chatCommands, commands, flags } from '../../training/chat/facts.ts'
import { tale } from '../../training/chat/tales.ts'
import { talk } from '../../training/chat/talk.ts'
import { heldOut } from '../../training/holdout.ts'
import { Random } from '../fixtures/random.ts'

const source = (file: string) => readFileSync(join(import.meta.dirname, '../../src/cli', file), 'utf8')

it('knows the flags that generation and loading take', () => {
  const known = new Set(flags.map(({ name }) => name))
  for (const file of ['run.ts', 'load-options.ts']) {
    const taken = [...source(file).matchAll(/'(--[a-z][a-z-]*)[ ']/g)].map(([, name]) => name!)
    expect(taken.length).toBeGreaterThan(5)
    for (const name of taken) expect(known, file).toContain(name)
  }
})

it('names each thing once', () => {
  const names = [...flags, ...chatCommands, ...commands].map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  const asked = answers.flatMap(({ questions }) => questions)
  expect(new Set(asked).size).toBe(asked.length)
})

it('asks what may not be trained on only when judged, and answers the same question alike', () => {
  const random = new Random(13)
  const known = new Map<string, string>()
  for (let i = 0; i < 3000; i++) {
    const unseen = i % 4 === 0
    const { question, answer } = talk(random, unseen)
    expect(heldOut(question), question).toBe(unseen)
    expect(question).not.toMatch(/[{}[\]|]/)
    expect(known.get(question) ?? answer, question).toBe(answer)
    known.set(question, answer)
  }
})

it('tells stories about what was asked', () => {
  const random = new Random(14)
  for (let i = 0; i < 500; i++) {
    const { question, story, about } = tale(random, i % 2 === 0)
    for (const word of about) {
      expect(question).toContain(word)
      expect(story.toLowerCase(), question).toContain(word.toLowerCase())
    }
    expect(story).not.toMatch(/[{}[\]|]/)
  }
})
