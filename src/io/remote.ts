// Files on a server, by HTTP range requests. May import errors.

import type { KeelError } from '../errors.js';
import type { ByteSource } from './bytesource.js';
import { fileError } from './elements.js';

/**
 * A file on a server, of which only what is asked for is transferred.
 *
 * @throws KeelError [file] where the server refuses, knows no ranges, or has another file by the same name meanwhile.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */
export async function remoteSource(url: string | URL): Promise<ByteSource> {
  // One byte tells the size, and whether the server knows ranges: HEAD answers do not always tell.
  const { total, etag } = await request(url, 0, 1);
  return {
    bytes: total,
    read: async (begin, end) => {
      if (begin === end) return new Uint8Array(0);
      const part = await request(url, begin, end);
      if (part.total === total && part.etag === etag) return part.bytes;
      throw fileError(`the file on the server changed while it was read: open '${String(url)}' again`, {
        bytes: [total, part.total],
        etags: [etag, part.etag],
      });
    },
    close: () => Promise.resolve(),
  };
}

interface Part {
  readonly bytes: Uint8Array;
  readonly total: number;
  readonly etag: string | null;
}

async function request(url: string | URL, begin: number, end: number): Promise<Part> {
  const response = await fetch(url, { headers: { Range: `bytes=${begin}-${end - 1}` } });
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (response.status !== 206 || Number(first) !== begin || Number(last) !== end - 1) {
    await response.body?.cancel();
    throw refusal(response, begin);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length !== end - begin) {
    throw fileError(`the server sent ${bytes.length} bytes, asked for ${end - begin}`, { begin, end, got: bytes.length });
  }
  return { bytes, total: Number(total), etag: response.headers.get('etag') };
}

/** Why a server's answer is no file, or not the part of it from `begin` on. */
export function refusal({ status, statusText, ok }: Response, begin: number): KeelError {
  if (status === 416 && begin === 0) return fileError('the file is empty', { bytes: 0 });
  if (!ok) return fileError(`the server answered ${status} ${statusText}`, { status }, status === 404 ? 'missing' : 'access');
  const what = status === 206 ? 'answers without a readable Content-Range' : 'does not answer range requests';
  return fileError(`the server ${what}, which open() needs: load() reads the whole file`, { status }, 'access');
}
