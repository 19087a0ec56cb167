import { type Hold, holdCommand, type Run, runCommand, runOrThrow } from '#netfilter/run.ts';
import { Namespaces } from '#test/packet-lab/namespaces.ts';

/** The nft under test: another than the one on the path where `TEST_NFT` names one. */
const NFT = process.env.TEST_NFT ?? 'nft';

/** A network namespace for rules. */
export class Place {
  readonly #namespaces = new Namespaces();
  readonly #path: string;

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

  readonly hold: Hold = (command, args, onLine) => {
    const [program = '', all = []] = this.#inside(command, args);
    return holdCommand(program, all, onLine);
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
