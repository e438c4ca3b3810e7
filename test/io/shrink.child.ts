// A process that shortens a file while it is mapped; run by map.full.test.ts with what to do and a path.
import { truncate, writeFile } from 'node:fs/promises'
import { nativeLibrary } from '../../src/ffi/library.ts'
import { nativeOs } from '../../src/ffi/os.ts'
import { openFile } from '../../src/io/file.ts'

const [what, path] = process.argv.slice(2) as [string, string]
const SIZE = 2 ** 26

const library = await nativeLibrary()
const os = nativeOs(library)
await writeFile(path, new Uint8Array(SIZE).fill(1))
await writeFile(`${path}.other`, new Uint8Array(SIZE).fill(1))
const mapping = (await (await openFile(path)).map!())!
const other = (await (await openFile(`${path}.other`)).map!())!

if (what === 'shrink') {
  const before = mapping.broken()
  await truncate(path, 100)
  const zeros = os.readBytes(mapping.address + SIZE / 2, SIZE / 2).every(byte => byte === 0)
  const intact = os.readBytes(mapping.address, 100).every(byte => byte === 1)
  console.log(
    JSON.stringify({ before, zeros: zeros && intact, after: mapping.broken(), other: other.broken() }),
  )
} else if (what === 'race') {
  const copy = library.async('tl_read_bytes', 'void', ['address', 'address', 'u64'])
  const target = os.reserve(4 * SIZE)
  let stop = false
  const readers = [0, 1, 2, 3].map(async index => {
    while (!stop) await copy(mapping.address, target + index * SIZE, SIZE)
  })
  for (let size = SIZE; size > 0; size = Math.floor(size / 8)) {
    await truncate(path, size)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  stop = true
  await Promise.all(readers)
  console.log(JSON.stringify({ after: mapping.broken() }))
} else {
  // Not a read of a mapping: the process dies as it always would.
  process.kill(process.pid, 'SIGBUS')
  await new Promise(resolve => setTimeout(resolve, 10_000))
}
