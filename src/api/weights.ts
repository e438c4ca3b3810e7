// A model file's tensors as backends take them: read in pieces, mapped where their files can be, or open for native code.
import type { MappedWeights, OpenWeights, WeightSource } from '../backends/backend.ts'
import { SourceError } from '../errors.ts'
import type { ModelFile } from '../formats/model-file.ts'
import type { Mapping, NativeFile, Source } from '../io/source.ts'

export function weightSource(file: ModelFile): WeightSource {
  return {
    piece(name) {
      const { type, shape, bytes, source, offset: start } = file.tensors.get(name)!
      return { type, shape, bytes, read: (offset, length) => source.read(start + offset, length) }
    },
    map: () => mapWeights(file),
    open: () => openWeights(file),
  }
}

async function openWeights({ sources, tensors }: ModelFile): Promise<OpenWeights> {
  const files = new Map<Source, NativeFile>()
  const close = () => {
    for (const file of files.values()) file.close()
  }
  try {
    for (const source of sources) {
      const file = await source.openNative?.()
      if (file) files.set(source, file)
    }
  } catch (error) {
    close()
    throw error
  }
  const names = new Map(Array.from(files, ([{ name }, { handle }]) => [handle, name]))
  return {
    places(name) {
      const tensor = tensors.get(name)!
      return (tensor.places ?? [tensor]).map(({ source, offset }) => {
        const file = files.get(source)
        return file && { file: file.handle, offset }
      })
    },
    nameOf: file => names.get(file)!,
    close,
  }
}

async function mapWeights({ sources, tensors }: ModelFile): Promise<MappedWeights> {
  const mappings = new Map<Source, Mapping>()
  const unmap = () => {
    for (const mapping of mappings.values()) mapping.unmap()
  }
  try {
    for (const source of sources) {
      const mapping = await source.map?.()
      if (mapping) mappings.set(source, mapping)
    }
  } catch (error) {
    unmap()
    throw error
  }
  return {
    addresses(name) {
      const tensor = tensors.get(name)!
      return (tensor.places ?? [tensor]).map(({ source, offset }) => {
        const mapping = mappings.get(source)
        return mapping && mapping.address + offset
      })
    },
    check() {
      for (const [source, mapping] of mappings)
        if (mapping.broken())
          throw new SourceError(
            source.name,
            `has lost bytes since it was loaded, of the ${mapping.size} that it had`,
          )
    },
    unmap,
  }
}
