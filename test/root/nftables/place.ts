import { NETLINK_NETFILTER } from '#libc/constants.ts';
import { loadLibc } from '#libc/libc.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import { type OpenTableEvents, SocketEvents } from '#netfilter/nft/events.ts';
import { type Run, runCommand, runOrThrow } from '#netfilter/run.ts';
import { inNamespace } from '#test/packet-lab/in-namespace.ts';
import { Namespaces } from '#test/packet-lab/namespaces.ts';

/** The nft under test: another than the one on the path where `TEST_NFT` names one. */
const NFT = process.env.TEST_NFT ?? 'nft';

/** A network namespace for rules. */
export class Place {
  readonly #namespaces = new Namespaces();
  readonly #path: string;
  /** Of the sockets for events. */
  receiveBufferOctets = 4 * 1024 * 1024;

  private constructor(name: string) {
    this.#path = `/run/netns/${this.#namespaces.nameOf(name)}`;
  }

  static async make(name = 'nft'): Promise<Place> {
    const place = new Place(name);
    await place.#namespaces.add([name]);
    return place;
  }

  readonly run: Run = (command, args, input) => {
    const [program = '', all = []] = this.#inside(command, args);
    return runCommand(program, all, input);
  };

  readonly openEvents: OpenTableEvents = async (table) => {
    const libc = await loadLibc();
    const open = () => NetlinkSocket.open(libc, NETLINK_NETFILTER, this.receiveBufferOctets);
    return new SocketEvents(inNamespace(this.#path, open), table);
  };

  /** What nft says to these arguments; it must succeed. */
  nft(args: string, input?: string): Promise<string> {
    return runOrThrow(this.run, 'nft', args.split(' '), input);
  }

  remove(): void {
    this.#namespaces.remove();
  }

  #inside(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ['nsenter', [`--net=${this.#path}`, command === 'nft' ? NFT : command, ...args]];
  }
}
