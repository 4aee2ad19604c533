import { type Header, pack } from 'tar-stream';

/** A member of a tar: name or header, and content. */
export type TarMember = readonly [string | (Partial<Header> & { name: string }), (string | Uint8Array)?];

/** A tar file. */
export async function makeTar(members: readonly TarMember[]): Promise<Buffer> {
  const archive = pack();
  for (const [header, content = ''] of members) {
    const entry = typeof header === 'string' ? { name: header } : header;
    archive.entry(entry, Buffer.from(content));
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
