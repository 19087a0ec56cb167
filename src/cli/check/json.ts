import type { Fault } from '#corefile/tree.ts';
import type { Checked } from './checked.ts';
import { compatibilityOf } from './compatibility.ts';
import { FaultPlaces } from './shown-fault.ts';

/** The whole check as one JSON value. `inputFaults`: lines on what could not be read at all. */
export const checkJson = (
  checked: readonly Checked[],
  inputFaults: readonly string[],
  { isGood, isCompat }: { readonly isGood: boolean; readonly isCompat: boolean },
): string => {
  const corefiles = checked.map((one) => ({ ...faultsJson(one), ...(isCompat ? compatibilityJson(one) : {}) }));
  return `${JSON.stringify({ ok: isGood, inputFaults, corefiles }, null, 2)}\n`;
};

const faultsJson = (checked: Checked) => {
  const places = new FaultPlaces(checked);
  const { configMap } = checked.unit.corefile;
  const { isNodeCache, faults, warnings } = checked;
  return {
    name: places.name,
    ...(configMap === null ? {} : { configMap }),
    isNodeCacheTemplate: isNodeCache,
    ok: faults.length === 0,
    faults: faults.map((fault) => faultJson(fault, places)),
    warnings: warnings.map((fault) => faultJson(fault, places)),
  };
};

const faultJson = ({ message, hint, plugin, token }: Fault, places: FaultPlaces) => ({
  ...(token === null ? {} : placeJson(places, token)),
  ...(plugin === undefined ? {} : { plugin }),
  message,
  ...(hint === undefined ? {} : { hint }),
});

const placeJson = (places: FaultPlaces, token: Parameters<FaultPlaces['placeOf']>[0]) => {
  const { within, ...place } = places.placeOf(token);
  return within === null ? place : { ...place, within };
};

const compatibilityJson = (checked: Checked) => {
  const { texts, faults } = compatibilityOf(checked);
  return { compatibility: { texts, ...(faults.length > 0 ? { faults } : {}) } };
};
