import http from 'node:http';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** How a whole list can be had: by pages, from the API server's watch cache in one piece, or as the beginning of a watch (WatchList). */
export type ListWay = 'pages' | 'cache' | 'watchList';

const PAGE_OBJECTS = 1000;

export interface Listed {
  readonly requests: number;
  /** Of the bodies. */
  readonly octets: number;
}

/** Reads all of a kind over plain HTTP, and keeps nothing. */
export const listAll = async (base: string, path: string, way: ListWay): Promise<Listed> => {
  if (way === 'cache') return { requests: 1, octets: (await body(`${base}${path}?resourceVersion=0`)).length };
  if (way === 'watchList') return await watchList(`${base}${path}`);
  let requests = 0;
  let octets = 0;
  for (let next = ''; ; ) {
    const page = await body(`${base}${path}?limit=${PAGE_OBJECTS}${next === '' ? '' : `&continue=${next}`}`);
    requests++;
    octets += page.length;
    next = continueToken(page);
    if (next === '') return { requests, octets };
  }
};

/** Octets of one path's answer in protobuf, as it goes over the wire. */
export const body = async (url: string, isGzip = false): Promise<Buffer> =>
  await new Promise((resolve, reject) => {
    const headers = { accept: PROTOBUF, ...(isGzip && { 'accept-encoding': 'gzip' }) };
    const request = http.get(url, { agent: false, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const all = Buffer.concat(parts);
        if (response.statusCode === 200) resolve(all);
        else reject(new Error(`${url}: ${response.statusCode} ${all.toString().slice(0, 300)}`));
      });
      response.on('error', reject);
    });
    request.on('error', reject);
  });

/**
 * The list's metadata comes first: after the envelope's magic there are its type and the raw list, whose field 1 is ListMeta, whose field 3 the token. A token is
 * base64 of JSON, so it is found by how that begins.
 */
const continueToken = (page: Buffer): string => {
  const head = page.subarray(0, 1024).toString('latin1');
  return /eyJ2Ijoi[A-Za-z0-9+/_=-]+/.exec(head)?.[0] ?? '';
};

const END_OF_OBJECTS = 'k8s.io/initial-events-end';

const watchList = (url: string): Promise<Listed> =>
  new Promise((resolve, reject) => {
    const query = 'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    const headers = { accept: PROTOBUF };
    const request = http.get(`${url}?${query}`, { agent: false, headers }, (response) => {
      let octets = 0;
      let tail = '';
      response.on('data', (part: Buffer) => {
        octets += part.length;
        tail = (tail + part.toString('latin1')).slice(-part.length - END_OF_OBJECTS.length);
        if (!tail.includes(END_OF_OBJECTS)) return;
        response.destroy();
        resolve({ requests: 1, octets });
      });
      response.on('error', reject);
      response.on('end', () =>
        reject(new Error(`${url}: the watch ended after ${octets} octets: ${tail.slice(0, 300)}`)),
      );
    });
    request.on('error', reject);
  });
