import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Endpoint, encodeQuery, framed } from '#test/dns-client.ts';
import { until } from '#test/until.ts';

/** What clients of several kinds have seen; a fault is a query without its reply, or a connection that was refused or reset. */
export class Account {
  readonly #faults = new Map<string, number>();
  asked = 0;
  answered = 0;
  /** Queries that were on their way to a server when it ended the connection, and that the client has asked again, as RFC 7766, section 6.2.4, has it. */
  askedAgain = 0;

  fault(what: string): void {
    this.#faults.set(what, (this.#faults.get(what) ?? 0) + 1);
  }

  get faults(): string[] {
    return [...this.#faults].map(([what, times]) => `${what}: ${times}`);
  }
}

const PAUSE_MS = 5;

export interface Load {
  /** Asks no more, and resolves once what was asked is answered. */
  stop(): Promise<void>;
}

/** Clients that each make a connection, ask once and go, again and again. */
export const newConnections = (endpoint: Endpoint, name: string, clients: number, account: Account): Load => {
  const query = framed(encodeQuery(name, 'A'));
  return repeated(clients, async () => {
    account.asked++;
    const fault = await askOnce(endpoint, query);
    if (fault === null) account.answered++;
    else account.fault(`a new connection: ${fault}`);
  });
};

const askOnce = ({ address, port }: Endpoint, query: Buffer): Promise<string | null> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.on('connect', () => socket.write(query));
    socket.on('data', () => {
      resolve(null);
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('ended without a reply'));
  });

/** Clients that each ask `/health` again and again, over a connection each time or over one that is kept. */
export const healthPolls = (url: string, clients: number, isKept: boolean, account: Account): Load => {
  const agents = Array.from({ length: clients }, () => new Agent({ keepAlive: isKept, maxSockets: 1 }));
  const load = repeated(clients, async (client) => {
    account.asked++;
    const fault = await poll(url, agents[client] as Agent);
    if (fault === null) account.answered++;
    else account.fault(`${isKept ? 'a kept' : 'a new'} connection to ${new URL(url).pathname}: ${fault}`);
  });
  return {
    stop: async () => {
      await load.stop();
      for (const agent of agents) agent.destroy();
    },
  };
};

const poll = (url: string, agent: Agent): Promise<string | null> =>
  new Promise((resolve) => {
    const request = get(url, { agent }, (response) => {
      response.resume();
      response.on('error', (error) => resolve(error.message));
      response.on('end', () => resolve(response.statusCode === 200 ? null : `status ${response.statusCode}`));
    });
    request.on('error', (error) => resolve(error.message));
  });

const repeated = (clients: number, once: (client: number) => Promise<void>): Load => {
  let isOver = false;
  const run = async (client: number): Promise<void> => {
    while (!isOver) {
      await once(client);
      await delay(PAUSE_MS);
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  return {
    stop: async () => {
      isOver = true;
      await running;
    },
  };
};

/** A client that keeps its connection, asks without waiting for replies, and makes a new one where the server has ended it. */
export class KeptConnection implements Load {
  readonly #endpoint: Endpoint;
  readonly #query: Buffer;
  readonly #account: Account;
  readonly #outstanding = new Set<number>();
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | null = null;
  #pending: Buffer = Buffer.alloc(0);
  #nextId = 0;

  constructor(endpoint: Endpoint, name: string, account: Account) {
    this.#endpoint = endpoint;
    this.#query = encodeQuery(name, 'A');
    this.#account = account;
    this.#connect();
    this.#timer = setInterval(() => {
      if (this.#outstanding.size < 100) this.#ask();
    }, PAUSE_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await until(() => this.#outstanding.size === 0, 'replies over kept connections');
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): void {
    const { address, port } = this.#endpoint;
    const socket = connect({ host: address, port, noDelay: true });
    this.#socket = socket;
    this.#pending = Buffer.alloc(0);
    socket.on('connect', () => {
      for (const id of this.#outstanding) this.#send(id);
    });
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('error', (error) => this.#account.fault(`a kept connection: ${error.message}`));
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#account.askedAgain += this.#outstanding.size;
      this.#connect();
    });
  }

  #ask(): void {
    const id = this.#nextId++ & 0xffff;
    this.#outstanding.add(id);
    this.#account.asked++;
    // What is asked meanwhile is sent with the connection.
    if (this.#socket?.connecting === false && this.#socket.writable) this.#send(id);
  }

  #send(id: number): void {
    this.#query.writeUInt16BE(id, 0);
    this.#socket?.write(framed(this.#query));
  }

  #data(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 2) {
      const end = 2 + this.#pending.readUInt16BE(0);
      if (this.#pending.length < end) break;
      if (this.#outstanding.delete(this.#pending.readUInt16BE(2))) this.#account.answered++;
      else this.#account.fault('a kept connection: a reply to nothing');
      this.#pending = this.#pending.subarray(end);
    }
  }
}
