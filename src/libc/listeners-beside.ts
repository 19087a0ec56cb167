import { fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const CHUNK_OCTETS = 16 * 1024;
/** The state of a socket that listens, as proc(5) writes it. */
const LISTEN = '0A';

/** How many other TCP sockets of this network namespace listen exactly where this one does, in whichever process. Rejects where the kernel does not say. */
export const listenersBeside = async (fd: number, family: 4 | 6): Promise<number> => {
  // The number of the socket, not of a file: sockets have a file system of their own (sockfs).
  const inode = `${fstatSync(fd).ino}`;
  const sockets = await listening(family);
  const own = sockets.find((socket) => socket.inode === inode);
  if (own === undefined) throw new Error('the kernel does not list this socket');
  return sockets.filter(({ place }) => place === own.place).length - 1;
};

interface Listening {
  /** Address and port. */
  readonly place: string;
  readonly inode: string;
}

const listening = async (family: 4 | 6): Promise<Listening[]> => {
  const table = await open(`/proc/net/${family === 6 ? 'tcp6' : 'tcp'}`);
  try {
    const sockets: Listening[] = [];
    for await (const line of lines(table)) {
      const [, place = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      // They come first; of connections a node may have a hundred thousand.
      if (state !== LISTEN) break;
      sockets.push({ place, inode });
    }
    return sockets;
  } finally {
    await table.close();
  }
};

/** But for the heading. */
const lines = async function* (table: FileHandle): AsyncGenerator<string> {
  const chunk = Buffer.alloc(CHUNK_OCTETS);
  let isHeading = true;
  for (let text = ''; ; ) {
    const { bytesRead } = await table.read(chunk, 0, chunk.length);
    if (bytesRead === 0) return;
    const whole = (text + chunk.toString('latin1', 0, bytesRead)).split('\n');
    text = whole.pop() as string;
    for (const line of whole) {
      if (!isHeading) yield line;
      isHeading = false;
    }
  }
};
