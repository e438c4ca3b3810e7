// A Unix socket in the file system: made for its owner alone, taken over from the dead but not from the living, removed at the end.
import { link, lstat, rename, unlink } from 'node:fs/promises'
import { createConnection, type Server } from 'node:net'
import { SourceError } from '../../errors.ts'

/** Bytes of a path that every system has room for in a socket's address, the zero at its end not counted. */
const MAX_PATH = 103

/** Listens; rejects with SourceError if the path is taken by a server, or by a file that is no socket. */
export async function listenOn(server: Server, path: string): Promise<void> {
  if (process.platform === 'win32') throw new SourceError(path, 'there are no Unix sockets on Windows')
  if (Buffer.byteLength(path) > MAX_PATH)
    throw new SourceError(path, `expected a path of ${MAX_PATH} bytes at most; systems cut longer ones`)
  await removeStale(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new SourceError(
          path,
          error.code === 'EADDRINUSE' ? 'somebody listens there' : `cannot listen: ${error.message}`,
          { cause: error },
        ),
      ),
    )
    // The file is made within this call, so that it is nobody else's for no moment.
    const before = process.umask(0o177)
    try {
      server.listen(path, resolve)
    } finally {
      process.umask(before)
    }
  })
}

/** Removes the socket of a server that has ended without doing so. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return
  if (!found.isSocket()) throw new SourceError(path, 'is there, and is no socket')
  if (await answers(path)) throw new SourceError(path, 'somebody listens there')
  // Another server may take it over at the same time: what was moved away is looked at again.
  const aside = `${path}.stale-${process.pid}`
  await rename(path, aside).catch(() => {})
  if (await answers(aside)) {
    await link(aside, path).catch(() => {})
    await unlink(aside).catch(() => {})
    throw new SourceError(path, 'somebody listens there')
  }
  await unlink(aside).catch(() => {})
}

/** Whether a socket has somebody who listens, or may have. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}
