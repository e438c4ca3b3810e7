// Instruction-set levels: the native library is linked once for each from the same sources.

export interface Level {
  readonly name: string
  /** For g++ and clang++. */
  readonly flags: readonly string[]
  /** For cl, which takes any intrinsic at any level but does not announce the extensions to the sources. */
  readonly msvc: readonly string[]
  /** What sources may ask for at this level and not at the one before: a source that does not is compiled for that one. */
  readonly macros: readonly string[]
}

/** Everywhere, on every processor of the architecture. Its build also tells which of the others can run. */
export const PORTABLE = 'portable'

// Named in full, since some compilers are set up to target newer processors than the oldest.
const avx2 = ['-march=x86-64', '-mavx2', '-mfma', '-mf16c']
const avx512 = [...avx2, '-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512vnni']
const msvcAvx2 = ['/arch:AVX2', '/D__FMA__=1', '/D__F16C__=1']
const msvcAvx512 = ['/arch:AVX512', '/D__FMA__=1', '/D__F16C__=1', '/D__AVX512VNNI__=1']

const byArchitecture: Readonly<Record<string, readonly Level[]>> = {
  x64: [
    { name: PORTABLE, flags: ['-march=x86-64'], msvc: [], macros: [] },
    { name: 'avx2', flags: avx2, msvc: msvcAvx2, macros: ['__AVX2__', '__FMA__', '__F16C__'] },
    {
      name: 'avx512',
      flags: avx512,
      msvc: msvcAvx512,
      macros: ['__AVX512F__', '__AVX512BW__', '__AVX512DQ__', '__AVX512VL__', '__AVX512VNNI__'],
    },
    {
      name: 'avx512bf16',
      flags: [...avx512, '-mavx512bf16'],
      msvc: [...msvcAvx512, '/D__AVX512BF16__=1'],
      macros: ['__AVX512BF16__'],
    },
  ],
  arm64: [
    { name: PORTABLE, flags: ['-march=armv8-a'], msvc: [], macros: [] },
    {
      name: 'neon',
      flags: ['-march=armv8.2-a+dotprod+fp16'],
      msvc: ['/arch:armv8.2', '/D__ARM_FEATURE_DOTPROD=1'],
      macros: ['__ARM_FEATURE_DOTPROD', '__ARM_FEATURE_FP16'],
    },
    {
      name: 'neon-i8mm',
      flags: ['-march=armv8.2-a+dotprod+fp16+i8mm+bf16'],
      msvc: ['/arch:armv8.2', '/D__ARM_FEATURE_DOTPROD=1', '/D__ARM_FEATURE_MATMUL_INT8=1'],
      macros: ['__ARM_FEATURE_MATMUL_INT8', '__ARM_FEATURE_BF16'],
    },
  ],
}

/** Levels of an architecture, worst first. */
export function levelsOf(arch: string = process.arch): readonly Level[] {
  return byArchitecture[arch] ?? [{ name: PORTABLE, flags: [], msvc: [], macros: [] }]
}
