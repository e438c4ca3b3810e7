// docs/cli.md against the command itself: what is there is described, and nothing else.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chatCommands } from '../../src/cli/chat/commands.ts'
import { torchless } from '../support/command.ts'

const text = readFileSync('docs/cli.md', 'utf8')

/** Flags as they are written in a text: `--name` and `-n`. */
function flags(written: string): string[] {
  return [...new Set([...written.matchAll(/(?<![\w-])(--?[a-z][a-z-]*)(?![\w])/gi)].map(found => found[1]!))]
}

/** Flags that a command's help lists. */
async function listed(command: readonly string[]): Promise<string[]> {
  const { out } = await torchless([...command, '--help'])
  const lines = out.split('\n').filter(line => /^ {2}-/.test(line))
  return lines.flatMap(line => flags(line.replace(/^( {2}\S+(?: --\S+)?).*$/, '$1')))
}

test('every flag of every command is described, and no other', async () => {
  const { out } = await torchless(['--help'])
  const [, list = ''] = /\nCommands:\n([\s\S]*)/.exec(out) ?? []
  const commands = [...list.matchAll(/^ {2}([a-z]+) .*$/gm)]
    .map(found => found[1]!)
    .filter(name => name !== 'help')
  expect(commands.length).toBeGreaterThan(8)
  for (const command of commands) expect(text).toContain(`torchless ${command} `)
  const all = (await Promise.all([[], ...commands.map(command => [command])].map(listed))).flat()
  const described = flags(text.replace(/^# [\s\S]*?\n## Run/, ''))
  expect(described.toSorted()).toEqual([...new Set(all)].toSorted())
}, 60_000)

test('every chat command is described, and no other', () => {
  const described = [...text.matchAll(/(?<=^\| |` )`(\/[a-z-]+)/gm)].map(found => found[1]!)
  const there = chatCommands.flatMap(({ names }) => names.map(name => `/${name}`))
  expect(described.toSorted()).toEqual(there.toSorted())
})
