// Puts the command and what it uses into three files: the four hundred that it is made of take Node longer to find and read than a short
// prompt takes to compute. The licences of the packages among them go along.
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
/** Two folders below the package, as the sources are, which find its other folders from where they are. */
const folder = join(root, 'dist', 'cli')

/** A quarter of it all, which only downloads need. */
const hub = '@huggingface/hub'
const hubApart: Plugin = {
  name: 'hub apart',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^${hub}$`) }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './hub.js', external: true },
    )
  },
}

const options = {
  absWorkingDir: root,
  outdir: folder,
  bundle: true,
  // A program of modules could not be kept compiled (src/cli/compiled.ts), and takes Node a little longer to begin.
  format: 'cjs',
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'moduleUrl' },
  platform: 'node',
  target: 'node20',
  // Finds its binary beside its own file.
  external: ['koffi'],
  plugins: [hubApart],
  // What is not read is not worth reading at each start. Names stay, for stacks.
  minifyWhitespace: true,
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions

const beginning = '"use strict"; const moduleUrl = require("node:url").pathToFileURL(__filename).href;'
const results = await Promise.all([
  build({ ...options, banner: { js: beginning }, entryPoints: { main: 'src/cli/main.ts', hub } }),
  // A function, as src/cli/compiled.ts has it.
  build({
    ...options,
    banner: { js: `(function (require, __filename) { ${beginning}` },
    footer: { js: '})' },
    entryPoints: { program: 'src/cli/program.ts' },
  }),
])
await chmod(join(folder, 'main.js'), 0o755)
await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }\n')

const packages = new Set<string>()
for (const { inputs } of results.flatMap(({ metafile }) => Object.values(metafile.outputs)))
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
