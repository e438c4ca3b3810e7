// Where a model's bytes come from: a file, an HTTP range, a Blob. Knows nothing of what the bytes mean.

/**
 * Random access to bytes that never change while in use.
 * `read` answers exactly `length` bytes or fails with a {@link SourceError}: never fewer.
 */
export interface Source {
  /** What to call it in messages: a path or a URL. */
  readonly name: string
  /** Size in bytes. */
  readonly size: number
  /** Bytes `[offset, offset + length)`, as a copy that the caller owns. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Frees the handle; reading afterwards fails. */
  close(): Promise<void>
}
