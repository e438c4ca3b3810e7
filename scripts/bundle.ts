// Puts the command and what it uses into a few files: the four hundred that it is made of take Node longer to find and read than a short
// prompt takes to compute. The licences of the packages among them go along.
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
/** Two folders below the package, as the sources are, which find its other folders from where they are. */
const folder = join(root, 'dist', 'cli')

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outdir: folder,
  bundle: true,
  // What commands load when they need it stays in files of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Finds its binary beside its own file.
  external: ['koffi'],
  // Packages of the older module format ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
})
await chmod(join(folder, 'main.js'), 0o755)

const packages = new Set<string>()
for (const { inputs } of Object.values(metafile.outputs))
  for (const path of Object.keys(inputs)) {
    const found = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]
    if (found !== undefined) packages.add(found)
  }
const licences = await Promise.all([...packages].sort().map(licenceOf))
await writeFile(join(folder, 'licenses.txt'), licences.join('\n\n'))

/** What a package says of itself, and the text of its licence. */
async function licenceOf(path: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'))
  const file = (await readdir(join(root, path))).find(file => /^licen[cs]e/i.test(file))
  const text = file === undefined ? '' : await readFile(join(root, path, file), 'utf8')
  return `${name} ${version} (${license})\n\n${text}`
}
