// The socket in the file system: for its owner at every moment, taken from the dead, not from the living.
import { statSync } from 'node:fs'
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { SourceError } from '../../../src/errors.ts'
import { listenOn } from '../../../src/server/socket/listen.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-listen-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  path = join(folder, 's')
})

function server(): Server {
  const made = createServer(socket => socket.on('error', () => {}).end('mine'))
  onTestFinished(() => new Promise<void>(resolve => made.close(() => resolve())))
  return made
}

function read(): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    createConnection(path)
      .on('data', data => {
        text += data
      })
      .on('end', () => resolve(text))
      .on('error', reject)
  })
}

test('it is for its owner alone, from the moment that it is there', async () => {
  const before = process.umask(0)
  try {
    const one = server()
    const listening = listenOn(one, path)
    const modes = new Set<number>()
    one.prependListener('listening', () => modes.add(statSync(path).mode & 0o777))
    await listening
    modes.add(statSync(path).mode & 0o777)
    expect([...modes]).toEqual([0o600])
    expect(process.umask()).toBe(0)
  } finally {
    process.umask(before)
  }
  expect(await read()).toBe('mine')
})

test('it is gone when the server closes', async () => {
  const one = createServer()
  await listenOn(one, path)
  await new Promise(resolve => one.close(resolve))
  expect(await readdir(folder)).toEqual([])
})

test('a server that lives keeps it', async () => {
  await listenOn(server(), path)
  await expect(listenOn(server(), path)).rejects.toThrow('somebody listens there')
  expect(await read()).toBe('mine')
  expect(await readdir(folder)).toEqual(['s'])
})

test('of two that begin at once, one has it', async () => {
  const results = await Promise.allSettled([listenOn(server(), path), listenOn(server(), path)])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(await read()).toBe('mine')
})

test('a file that is no socket stays', async () => {
  await writeFile(path, 'precious')
  await expect(listenOn(server(), path)).rejects.toThrow(`${path}: is there, and is no socket`)
  await symlink(join(folder, 'elsewhere'), join(folder, 'link'))
  await expect(listenOn(server(), join(folder, 'link'))).rejects.toThrow(SourceError)
  expect(await readdir(folder)).toEqual(['link', 's'])
})

test('a path that systems would cut is refused', async () => {
  await expect(listenOn(server(), join(folder, 'x'.repeat(120)))).rejects.toThrow('103 bytes at most')
})

test('a folder that is not there is one line', async () => {
  await expect(listenOn(server(), join(folder, 'no', 's'))).rejects.toThrow(SourceError)
})
