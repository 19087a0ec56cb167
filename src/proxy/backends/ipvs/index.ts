import type { RuleBackend } from '../../rule-backend.ts';
import { openWriter } from './apply.ts';
import { cleanUp } from './clean-up.ts';
import { diff } from './diff.ts';
import { render } from './render.ts';
import { trace } from './trace.ts';

/** Services as virtual servers of the kernel's IPVS, laid out as kube-proxy does. Upstream is retiring this mode: deprecated since Kubernetes 1.35. */
export const ipvs: RuleBackend = { mode: 'ipvs', render, diff, trace, open: openWriter, cleanUp };
