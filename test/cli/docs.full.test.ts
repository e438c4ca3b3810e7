// docs/cli.md against the command itself: what is there is described, and nothing else.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chatCommands } from '../../src/cli/chat/commands.ts'
import { remoteCommands } from '../../src/cli/chat/remote.ts'
import { answers, requestKinds } from '../../src/server/socket/protocol.ts'
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
  const there = [...chatCommands, ...remoteCommands].flatMap(({ names }) => names.map(name => `/${name}`))
  expect(described.toSorted()).toEqual([...new Set(there)].toSorted())
})

test('what attach knows is described', () => {
  const [, list = ''] = /It knows these commands([\s\S]*?)\| command \| does/.exec(text) ?? []
  const described = [...list.matchAll(/`\/([a-z-]+)/g)].map(found => found[1]!)
  const there = remoteCommands.map(({ names }) => names[0]!).filter(name => name !== 'saves')
  expect(described.toSorted()).toEqual(there.toSorted())
})

test('every request of the socket protocol is described, and every key of its answers', () => {
  const [, table = ''] = /### The protocol([\s\S]*?)```sh/.exec(text) ?? []
  const described = [...table.matchAll(/^\| `\{"(\w+)"/gm)].map(found => found[1]!)
  expect(described.toSorted()).toEqual(requestKinds.toSorted())
  for (const { shape } of Object.values(answers))
    for (const key of Object.keys(shape)) expect(table).toContain(`"${key}"`)
})
