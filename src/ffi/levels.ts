// Instruction-set levels: the native library is built once for each from the same sources.

export interface Level {
  readonly name: string
  /** For g++ and clang++. */
  readonly flags: readonly string[]
  /** For cl, which takes any intrinsic at any level but does not announce the extensions to the sources. */
  readonly msvc: readonly string[]
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
    { name: PORTABLE, flags: ['-march=x86-64'], msvc: [] },
    { name: 'avx2', flags: avx2, msvc: msvcAvx2 },
    { name: 'avx512', flags: avx512, msvc: msvcAvx512 },
    {
      name: 'avx512bf16',
      flags: [...avx512, '-mavx512bf16'],
      msvc: [...msvcAvx512, '/D__AVX512BF16__=1'],
    },
  ],
  arm64: [
    { name: PORTABLE, flags: ['-march=armv8-a'], msvc: [] },
    {
      name: 'neon',
      flags: ['-march=armv8.2-a+dotprod+fp16'],
      msvc: ['/arch:armv8.2', '/D__ARM_FEATURE_DOTPROD=1'],
    },
    {
      name: 'neon-i8mm',
      flags: ['-march=armv8.2-a+dotprod+fp16+i8mm+bf16'],
      msvc: ['/arch:armv8.2', '/D__ARM_FEATURE_DOTPROD=1', '/D__ARM_FEATURE_MATMUL_INT8=1'],
    },
  ],
}

/** Levels of an architecture, worst first. */
export function levelsOf(arch: string = process.arch): readonly Level[] {
  return byArchitecture[arch] ?? [{ name: PORTABLE, flags: [], msvc: [] }]
}
