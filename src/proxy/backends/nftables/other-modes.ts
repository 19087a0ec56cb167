import type { WriterEnvironment } from '../../rule-backend.ts';
import { cleanUpIptables } from '../iptables/clean-up.ts';
import { cleanUp as cleanUpIpvs } from '../ipvs/clean-up.ts';

/** Removes what the other modes, ours or kube-proxy's, have left for this family. Gives false where something may still be there. */
export const removeOtherModes = async ({ run, family, log }: WriterEnvironment): Promise<boolean> => {
  try {
    await cleanUpIptables(run, { families: [family] });
    // Its virtual servers and sets are of both families; the rules of the other one are written anew by whoever keeps them.
    await cleanUpIpvs(run);
    return true;
  } catch (error) {
    log.warning(`nftables: rules of another mode may still be there: ${(error as Error).message}`);
    return false;
  }
};
