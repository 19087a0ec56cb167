/** The files after `tls`. */
import { secureContextFromFiles, TlsFileError } from '#plugins/forward/tls-files.ts';
import { TLS_FILES } from '#test/fake-upstream.ts';
import type { Adapter } from '../adapter.ts';
import { replayTables } from '../row-checks.ts';

/** The rows are the three files of one test, which takes them all together; each is also missed when it is not there. */
const checkFile = (path: string): string | null => {
  const files = [TLS_FILES.cert, TLS_FILES.key, TLS_FILES.ca];
  secureContextFromFiles(files);
  const which = ['cert.pem', 'key.pem', 'ca.pem'].findIndex((name) => path.endsWith(name));
  files[which] = `${path}.missing`;
  try {
    secureContextFromFiles(files);
    return `made a context without ${path}`;
  } catch (error) {
    return error instanceof TlsFileError && error.message.includes('no such file or directory') ? null : String(error);
  }
};

const adapter: Adapter = {
  files: ['pkg-tls.json'],
  replay: (file, data) => replayTables(file, data, { TestNewTLSConfigFromArgsWithRoot: checkFile }),
};
export default adapter;
