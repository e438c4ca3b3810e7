// The public library: re-exports src/api, nothing else.
export * from './api/index.ts'
