// --grammar and --json-schema: output that is whole and right, and errors in one line.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { torchless } from '../support/command.ts'
import { temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()
const path = (name: string) => join(folder, name)
const person = path('person.json')
const answer = path('answer.gbnf')
const wild = ['--temperature', '1.5', '--max-tokens', '100', '--quiet']

beforeAll(() => {
  writeFileSync(
    person,
    JSON.stringify({
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 12 },
        age: { type: 'integer', minimum: 1, maximum: 120 },
      },
      required: ['name', 'age'],
      additionalProperties: false,
    }),
  )
  writeFileSync(answer, '# an answer\nroot ::= ("yes" | "no") "."\n')
})

const isPerson = { name: expect.any(String), age: expect.any(Number) }

describe('output is what was asked for', () => {
  it('by a schema', async () => {
    for (const seed of ['1', '2', '3']) {
      const { code, out, err } = await torchless([
        'A person: ',
        '--no-echo',
        '--json-schema',
        person,
        '--seed',
        seed,
        ...wild,
      ])
      expect(err).toBe('')
      expect(JSON.parse(out)).toEqual(isPerson)
      expect(code).toBe(0)
    }
  })

  it('by a grammar, behind the prompt', async () => {
    const { code, out } = await torchless(['Well? ', '--grammar', answer, ...wild])
    expect(out).toMatch(/^Well\? (yes|no)\.\n$/)
    expect(code).toBe(0)
  })

  it('as lines of JSON', async () => {
    const { out } = await torchless(['x', '--json', '--json-schema', person, ...wild])
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(
      JSON.parse(
        lines
          .slice(0, -1)
          .map(({ text }) => text)
          .join(''),
      ),
    ).toEqual(isPerson)
    expect(lines.at(-1)).toMatchObject({ done: true, finish: 'stop' })
  })

  it('in a conversation, each reply', async () => {
    const input = 'Hello\nAnd you?\n'
    const { code, out } = await torchless(['--chat', '--json-schema', person, '--seed', '4', ...wild], {
      input,
    })
    const replies = out
      .trim()
      .split(/\n(?=\{)/)
      .map(reply => JSON.parse(reply))
    expect(replies).toEqual([isPerson, isPerson])
    expect(code).toBe(0)
  })

  it('or it is said that it is not whole', async () => {
    const { code, out, err } = await torchless([
      'x',
      '--no-echo',
      '--json-schema',
      person,
      '--max-tokens',
      '3',
      '--quiet',
    ])
    expect(out).toMatch(/^\{/)
    expect(err).toMatch(/^error: the output is not what was asked for: it was cut off.*\n$/)
    expect(code).toBe(1)
  })
})

describe('what cannot be used is said in one line:', () => {
  it.each([
    ['a file that is not there', ['--grammar', path('none.gbnf')], 1, /none\.gbnf: no such file/],
    ['a mistake in a grammar', ['--grammar', person], 1, /grammar: line 1, column 1: /],
    ['a schema that is no JSON', ['--json-schema', answer], 1, /answer\.gbnf: no JSON: /],
    [
      'a schema that is a list',
      ['--json-schema', path('list.json')],
      1,
      /list\.json: expected a JSON Schema/,
    ],
    ['a schema that asks for too much', ['--json-schema', path('unique.json')], 1, /schema: \/uniqueItems: /],
    ['both', ['--grammar', answer, '--json-schema', person], 2, /only one of them/],
    ['no end', ['--grammar', answer, '--ignore-eos'], 2, /--ignore-eos: with --grammar/],
    ['another end', ['--json-schema', person, '--stop', 'x'], 2, /--stop: with --json-schema/],
    ['both in a chat', ['--chat', '--grammar', answer, '--json-schema', person], 2, /only one of them/],
  ])('%s', async (_, args, exit, message) => {
    writeFileSync(path('list.json'), '[]')
    writeFileSync(path('unique.json'), '{"type":"array","uniqueItems":true}')
    const { code, out, err } = await torchless(['x', '--no-echo', '--quiet', ...args])
    expect(err).toMatch(/^error: [^\n]+\n$/)
    expect(err).toMatch(message)
    expect(out).toBe('')
    expect(code).toBe(exit)
  })
})
